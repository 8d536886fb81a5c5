"""What does `docs/reference/faults.md` say that toolrun does, and how is it written anew?

The page's tables hold a cell for each fault, each column and each way to reply. The tests compute
the cells; with `TOOLRUN_WRITE_FAULTS=1` they write what they found instead of comparing:

    TOOLRUN_WRITE_FAULTS=1 python -m pytest tests/integration/test_fault_table.py

runs both halves. With `-m vllm` or `-m 'not vllm'` one half is written, the rest stays.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tests.rig.fault_cases import GROUPS
from tests.rig.versions import RELEASES, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.rig.fault_cases import Case

Way: TypeAlias = Literal["whole", "streamed"]
Key: TypeAlias = tuple[Way, str, str]
"""How the reply comes, the fault, the column."""

PAGE: Final = REPOSITORY / "docs/reference/faults.md"
WRITES: Final = os.environ.get("TOOLRUN_WRITE_FAULTS") == "1"
CONTRACTS: Final[Mapping[str, str]] = {
    "0.10.2-0.12": "0.11.0",
    "0.13-0.15": "0.14.0",
    "0.16-0.21": "0.18.0",
    "0.22-0.27": "0.25.0",
    "0.33": "0.33.0",
}
"""The columns of the mock, and the version that it is in each."""
COLUMNS: Final = (*RELEASES, *CONTRACTS)
NOTHING: Final = "-"
"""The cell of a fault that a server cannot have, or is not made to have."""

_WAYS: Final[Mapping[Way, str]] = {"whole": "Whole replies", "streamed": "Streamed replies"}
_MARK: Final = "<!-- The tables are written by tests: see tests/rig/fault_page.py -->\n"
_ISSUE: Final = re.compile(r"#(\d+)")


def read(page: Path = PAGE) -> dict[Key, str]:
    """The cells of the page."""
    cells: dict[Key, str] = {}
    way: Way = "whole"
    columns: list[str] = []
    for line in page.read_text(encoding="utf-8").splitlines():
        way = next((each for each, title in _WAYS.items() if line == f"## {title}"), way)
        if not line.startswith("| "):
            continue
        first, _, *rest = (cell.strip() for cell in line.strip("|").split(" | "))
        if first == "fault":
            columns = [each.strip("*") for each in rest]
        else:
            cells |= {
                (way, first, column): cell for column, cell in zip(columns, rest, strict=True)
            }
    return cells


def write(found: Mapping[Key, str], page: Path = PAGE) -> None:
    """Write cells into the page; those that are not given stay, rows that are no more go."""
    cells = read(page) | dict(found)
    head = page.read_text(encoding="utf-8").partition(_MARK)[0]
    page.write_text(f"{head}{_MARK}\n" + "\n".join(_tables(cells)), encoding="utf-8")


def _tables(cells: Mapping[Key, str]) -> Iterator[str]:
    for way, title in _WAYS.items():
        yield f"## {title}\n"
        for group, cases in GROUPS.items():
            yield f"### {group}{', streamed' * (way == 'streamed')}\n"
            shown = (f"**{column}**" if column in RELEASES else column for column in COLUMNS)
            yield f"| fault | known as | {' | '.join(shown)} |"
            yield "|---" * (len(COLUMNS) + 2) + "|"
            for case in cases:
                told = (cells.get((way, case.name, column), NOTHING) for column in COLUMNS)
                yield f"| {case.name} | {_known(case)} | {' | '.join(told)} |"
            yield ""
    known = {number for group in GROUPS.values() for case in group for number in _issues(case)}
    for number in sorted(known):
        yield f"[#{number}]: https://github.com/vllm-project/vllm/issues/{number}"
    yield ""


def _known(case: Case) -> str:
    return ", ".join(f"[#{number}]" for number in _issues(case)) or NOTHING


def _issues(case: Case) -> list[int]:
    return [int(number) for number in _ISSUE.findall(case.known)]
