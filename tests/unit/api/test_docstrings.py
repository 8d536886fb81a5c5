"""Do the docstrings say what each parameter, field and error is, and since when it is there?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import griffe
import pytest

from tests.unit.api import docstrings
from tests.unit.api.lines import python
from tests.unit.api.public import names, told
from toolrun import __version__

FIRST: Final = Path(__file__).with_name("since-0.1.0.txt")
"""The names that 0.1.0 has; test_snapshot.py renews it until that is released, and never after."""
_SINCE: Final = re.compile(r"\bSince \d+\.\d+\.\d+\b")
_NAME: Final = re.compile(r"^(?:@\w+ )?(?:async )?(?:class |def |property )?(toolrun(?:\.\w+)+)")

SAMPLE: Final = '''
class Thing:
    """A thing.

    Attributes:
        told: of it.
    """

    told: int
    untold: int

    def does(self, told, untold, third, *rest, **options):
        """Does it.

        Args:
            told: of it.
            third: of it.
            *rest: of it.

        Raises:
            ServerError: it can't.
        """
        try:
            raise StoreError("caught")
        except StoreError:
            raise ConfigError("not listed") from None
        if told:
            raise ServerStatus("a kind of one that is listed", 500)
        raise ValueError("not toolrun's")

    def makes(self) -> int:
        """Make one."""
'''


def test_every_parameter_and_error_of_a_function_is_described() -> None:
    wrong = [
        (name, missing)
        for public in names()
        for name, found in told(public)
        if isinstance(found, griffe.Function)
        for text in [docstrings.of(public, found)]
        for missing in [
            *docstrings.missing_parameters(found, text),
            *docstrings.missing_errors(found, text),
        ]
    ]

    assert wrong == []


def test_every_function_says_what_it_gives() -> None:
    functions = [
        (name, found, docstrings.of(public, found))
        for public in names()
        for name, found in told(public)
        if isinstance(found, griffe.Function)
    ]

    wrong = [n for n, found, text in functions if not docstrings.says_what_it_gives(found, text)]
    assert wrong == []


def test_every_field_of_a_class_is_described() -> None:
    classes = [each for each in names() if isinstance(each.found, griffe.Class)]
    wrong = {str(each): docstrings.missing_fields(each.found) for each in classes}  # type: ignore[arg-type]  # filtered above

    assert {name: missing for name, missing in wrong.items() if missing} == {}


def test_what_is_missing_is_found(tmp_path: Path) -> None:
    (tmp_path / "sample.py").write_text(SAMPLE)
    module = griffe.visit("sample", filepath=tmp_path / "sample.py", code=SAMPLE)
    thing, does = module["Thing"], module["Thing.does"]

    assert docstrings.missing_fields(thing) == ["untold"]
    assert docstrings.missing_parameters(does, docstrings.said(does)) == ["untold", "options"]
    assert docstrings.missing_errors(does, docstrings.said(does)) == ["ConfigError"]
    assert not docstrings.says_what_it_gives(module["Thing.makes"], "Make one.")
    assert docstrings.says_what_it_gives(module["Thing.makes"], "One that was made.")


def test_what_came_after_the_first_release_says_when() -> None:
    first = set(FIRST.read_text(encoding="utf-8").splitlines())
    new = {name for name in named() if name not in first}
    if __version__.startswith("0.1.0"):
        assert new == set(), "TOOLRUN_RENEW_API=1 pytest tests/unit/api/test_snapshot.py"
    said = {name: docstrings.said(found) for each in names() for name, found in told(each)}

    assert [name for name in sorted(new) if not _SINCE.search(said.get(name, ""))] == []


def named() -> list[str]:
    """The names of Python in the snapshot."""
    found = [_NAME.match(line) for line in python()]
    return [each[1] for each in found if each is not None]


@pytest.mark.parametrize("line", ["class toolrun.A.b(): ()", "async def toolrun.A.b()"])
def test_a_line_of_the_snapshot_is_known_by_its_name(line: str) -> None:
    assert (match := _NAME.match(line)) is not None
    assert match[1] == "toolrun.A.b"
