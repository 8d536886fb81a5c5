"""Which profiles load, and what is said about those that don't?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from toolrun import resources
from toolrun.errors import ConfigError
from toolrun.sandbox import Profile, load_profile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(resources.sandbox_profile("pure"))
    return path


def test_shipped_profiles_load() -> None:
    pure, reading = load_profile("pure"), load_profile("workspace-ro")

    assert (pure.name, pure.workspace, pure.network) == ("pure", "none", "none")
    assert reading.workspace == "read-only"
    assert pure.env["OMP_NUM_THREADS"] == "1"


def test_every_shipped_profile_fits_the_schema() -> None:
    assert [load_profile(name).name for name in resources.names("sandboxes")] == resources.names(
        "sandboxes"
    )


def test_the_schema_and_the_struct_have_the_same_fields() -> None:
    fields = {field.name for field in msgspec.structs.fields(Profile)}

    assert fields == {*resources.schema("sandbox-profile")["properties"], "name"}


def test_a_file_of_the_users(file: Path) -> None:
    file.write_text(file.read_text().replace("processes = 64", "processes = 8"))

    profile = load_profile(str(file))
    assert (profile.name, profile.processes) == ("mine", 8)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("processes = 64", "proceses = 64", r"'proceses' \(did you mean 'processes'\?\)"),
        ("processes = 64", "", "'processes' is a required property"),
        ("processes = 64", "processes = 0", "key 'processes': 0 is less than"),
        ('workspace = "none"', 'workspace = "readonly"', "did you mean 'read-only'"),
        ("processes = 64", "processes = ", "not TOML"),
        ('OMP_NUM_THREADS = "1"', "OMP_NUM_THREADS = 1", "key 'env.OMP_NUM_THREADS'"),
    ],
)
def test_what_does_not_fit_is_named(file: Path, old: str, new: str, said: str) -> None:
    file.write_text(file.read_text().replace(old, new))

    with pytest.raises(ConfigError, match=said) as raised:
        load_profile(str(file))
    assert str(file) in str(raised.value)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'workspace-ro'\?"):
        load_profile("workspace-r0")


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        load_profile("nowhere.toml")
