"""What does `docs/explanation/frameworks-and-reasoning.md` say, and how is its table written anew?

A row for each framework: which versions, and how many tokens of the first step's reasoning were in
the prompt of the second, asked directly and through `toolrun serve`. The tests count; with
`TOOLRUN_WRITE_FRAMEWORKS=1` they write what they found instead of comparing:

    TOOLRUN_WRITE_FRAMEWORKS=1 python -m pytest tests/integration/test_frameworks.py
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.rig.versions import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAGE: Final = REPOSITORY / "docs/explanation/frameworks-and-reasoning.md"
WRITES: Final = os.environ.get("TOOLRUN_WRITE_FRAMEWORKS") == "1"
_BEGIN: Final = "<!-- The table is written by tests: see tests/rig/framework_page.py -->\n"
_END: Final = "<!-- Here it ends. -->\n"
_HEAD: Final = ("framework", "versions", "directly", "through toolrun serve")


class Row(NamedTuple):
    """What was counted of a framework: texts as they stand on the page."""

    versions: str
    directly: str
    served: str


def told(found: int, of: int) -> str:
    """A cell: how many tokens came back, of how many."""
    return f"{'kept' if found == of else 'lost'}: {found} of {of} tokens"


def read(page: Path = PAGE) -> dict[str, Row]:
    """The rows of the page, by framework."""
    table = page.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("| ")
    ]
    return {name: Row(*cells) for name, *cells in rows[1:]}


def write(found: Mapping[str, Row], page: Path = PAGE) -> None:
    """Write rows into the page; those that are not given stay."""
    rows = read(page) | dict(found)
    text = page.read_text(encoding="utf-8")
    head, tail = text.partition(_BEGIN)[0], text.partition(_END)[2]
    lines = [f"| {' | '.join(_HEAD)} |", "|---" * len(_HEAD) + "|"]
    lines += [f"| {' | '.join((name, *row))} |" for name, row in sorted(rows.items())]
    page.write_text("\n".join([f"{head}{_BEGIN}", *lines, "", f"{_END}{tail}"]), encoding="utf-8")
