"""Does a room keep to what the others offer, and does something use every option and key?"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.api.public import ROOT
from toolrun import config, options, resources
from toolrun.limits import Limits
from toolrun.tools import decorator

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES: Final = {
    path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "toolrun").rglob("*.py"))
}
EXAMPLES: Final = {path: path.read_text() for path in (ROOT / "docs").rglob("*.py")}
_IMPORT: Final = re.compile(
    r"^ *(?:from (toolrun[\w.]*) import|import (?=toolrun)) *(\([^)]*\)|.*)", re.MULTILINE
)
_PRIVATE: Final = re.compile(r"_(?!_|version$|shipped$)")
THE_SAME_ROOM: Final = re.compile(r"# noqa: [\w, ]*SLF001 - \w+")


def _imported(code: str) -> Iterator[str]:
    """The private names of toolrun that a module imports."""
    for module, imported in _IMPORT.findall(code):
        every = [*module.split("."), *re.findall(r"\w+", re.sub(r"#.*| as \w+", "", imported))]
        yield from (name for name in every if _PRIVATE.match(name))


@pytest.mark.parametrize(
    "code",
    [
        "from toolrun.a import (\n    b,\n    _c,\n)",
        "from toolrun._a import b",
        "import toolrun._a",
    ],
)
def test_a_private_import_is_seen(code: str) -> None:
    assert [*_imported(code)] != []


def test_no_room_imports_a_private_name_of_another() -> None:
    found = [(path.name, name) for path, code in FILES.items() for name in _imported(code)]
    found += [(path.name, name) for path, code in EXAMPLES.items() for name in _imported(code)]

    assert len(FILES) > 500
    assert found == []


def test_who_touches_a_private_attribute_of_another_object_says_why() -> None:
    """ruff refuses each (SLF001) that has no such comment."""
    lines = [(path, line) for path, code in FILES.items() for line in code.splitlines()]
    silenced = [(path.name, line) for path, line in lines if re.search(r"noqa:.*SLF001", line)]

    assert [each for each in silenced if not THE_SAME_ROOM.search(each[1])] == []
    assert len(silenced) <= 25, "make what many rooms need an attribute without an underscore"


@cache
def _words(*but: str) -> frozenset[str]:
    """What is asked for by name somewhere: as an attribute, or in quotes."""
    asked = re.compile(r"[\"'.](\w+)")
    codes = (code for path, code in FILES.items() if path.name not in but)
    return frozenset(word for code in codes for word in asked.findall(code))


def test_something_uses_each_option_and_setting() -> None:
    of_sessions = {*options.RuntimeOptions.__annotations__}
    of_tools = {*decorator.Options.__slots__}
    settings = {*config.Config.__struct_fields__}

    assert of_sessions - _words("options.py", "options_check.py") == set()
    assert of_tools - _words("decorator.py") == set()
    assert settings - _words("config.py", "config_check.py", "config_sources.py") == set()
    assert "an_option_of_no_use" not in _words()


def test_settings_are_the_same_in_python_and_in_the_schema() -> None:
    properties = resources.schema("config")["properties"]

    # `recording` is what a table `trace` says beside its path.
    assert {*config.Config.__struct_fields__} - {"recording"} == set(properties)
    limits = set(properties["limits"]["properties"])
    assert limits == set(Limits.__struct_fields__)
