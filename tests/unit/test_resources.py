"""Are the files that ship with toolrun found, and are they what they say?"""

from __future__ import annotations

import tomllib

import jsonschema
import pytest

from toolrun import ConfigError, resources


def test_names_are_sorted_and_without_suffix() -> None:
    shipped = ["net", "pure", "python", "shell", "workspace", "workspace-ro"]
    assert resources.names("sandboxes") == shipped
    assert {"config", "sandbox-profile", "trace"} <= set(resources.names("schemas"))
    assert resources.names("schemas") == sorted(resources.names("schemas"))


@pytest.mark.parametrize("name", resources.names("schemas"))
def test_every_schema_is_a_schema_of_draft_2020_12(name: str) -> None:
    schema = resources.schema(name)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f"/schemas/{name}.schema.json")
    assert schema["description"]


@pytest.mark.parametrize("name", resources.names("sandboxes"))
def test_every_profile_fits_its_schema(name: str) -> None:
    profile = tomllib.loads(resources.sandbox_profile(name))

    jsonschema.validate(profile, resources.schema("sandbox-profile"))


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"no 'nope' among the shipped schemas: config, "):
        resources.schema("nope")
    with pytest.raises(ConfigError, match=r"no 'nope' .* sandboxes: net, pure, python, "):
        resources.sandbox_profile("nope")


@pytest.mark.parametrize("name", ["../schemas/config", "/etc/passwd", "pure.toml", ""])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(ConfigError, match="among the shipped sandboxes"):
        resources.sandbox_profile(name)


def test_a_missing_folder_is_a_broken_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    resources.folder.cache_clear()
    monkeypatch.setattr(resources, "__file__", "/nonexistent/toolrun/resources.py")
    try:
        with pytest.raises(ConfigError, match="no folder 'schemas'; reinstall toolrun"):
            resources.folder("schemas")
    finally:
        resources.folder.cache_clear()
