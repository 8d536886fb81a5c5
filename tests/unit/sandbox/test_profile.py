"""Which profiles load, and what is said about those that don't?"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final, get_args

import msgspec
import pytest

from toolrun import resources
from toolrun.errors import ConfigError
from toolrun.sandbox import Profile, load_profile, profile

if TYPE_CHECKING:
    from pathlib import Path

REQUIRED: Final = set(resources.schema("sandbox-profile")["else"]["required"])


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

    keys = set(resources.schema("sandbox-profile")["properties"])

    assert fields == {*keys - {"extends", "widen"}, "name"}
    assert {"extends", "widen"} <= keys


def test_the_schema_and_the_struct_take_the_same_values() -> None:
    properties = resources.schema("sandbox-profile")["properties"]
    enums = {
        key: properties[key].get("enum") or properties[key]["items"]["enum"]
        for key in ("workspace", "network", "methods", "guarantees")
    }

    assert enums == {
        "workspace": list(get_args(profile.Workspace)),
        "network": list(get_args(profile.Network)),
        "methods": list(get_args(profile.Method)),
        "guarantees": list(get_args(profile.Guarantee)),
    }
    free = {"description", "env", "extends", "widen"}
    assert set(properties["widen"]["items"]["enum"]) == set(properties) - free


@pytest.mark.parametrize(
    ("name", "workspace", "network"),
    [
        ("pure", "none", "none"),
        ("workspace-ro", "read-only", "none"),
        ("workspace", "writable", "none"),
        ("python", "scratch", "none"),
        ("shell", "writable", "none"),
        ("net", "none", "allow-list"),
    ],
)
def test_what_each_shipped_profile_may_touch(name: str, workspace: str, network: str) -> None:
    shipped = load_profile(name)

    assert (shipped.workspace, shipped.network, shipped.hosts) == (workspace, network, ())
    assert set(tomllib.loads(resources.sandbox_profile(name))) >= REQUIRED


def test_equal_profiles_are_one_key_whatever_their_order(file: Path) -> None:
    pure = load_profile(str(file))
    text = file.read_text()
    file.write_text(text.replace('"files", "network"', '"network", "files"'))

    again = load_profile(str(file))
    assert (again, hash(again)) == (pure, hash(pure))
    other = msgspec.structs.replace(pure, env={**pure.env, "A": "1"})
    assert len({pure, again, other}) == 2


def test_a_file_of_the_users(file: Path) -> None:
    file.write_text(file.read_text().replace("processes = 64", "processes = 8"))

    mine = load_profile(str(file))
    assert (mine.name, mine.processes) == ("mine", 8)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("processes = 64", "proceses = 64", r"'proceses' \(did you mean 'processes'\?\)"),
        ("processes = 64", "", "'processes' is a required property; or take it from another"),
        ("wall_seconds = 60", "wall_seconds = nan", "key 'wall_seconds': nan is no number"),
        ("wall_seconds = 60", "wall_seconds = inf", "key 'wall_seconds': inf is greater than"),
        ("processes = 64", "processes = true", "key 'processes': True is not of type"),
        ("processes = 64", "processes = 64\nwiden = []", "'extends' is a dependency of 'widen'"),
        ("processes = 64", 'processes = 64\nhosts = ["a.org"]', "key 'hosts.0': 'a.org' does not"),
        ("processes = 64", 'processes = 64\nhosts = ["a:65536"]', "key 'hosts.0'"),
        ("processes = 64", 'processes = 64\nmethods = ["get"]', "key 'methods.0': 'get' is not"),
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
