"""What do the README and the docs say of what becomes of errands, and how is that written anew?

`python -m tests.rig.nano.frameworks --write` measures, and writes the tables between two marks: a
short one into the README, the whole one into the docs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tests.rig.nano.errands import KINDS, Kind
from tests.rig.nano.evaluate import interval
from tests.rig.versions import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.rig.nano.errands import Errand, Verdict

README: Final = REPOSITORY / "README.md"
PAGE: Final = REPOSITORY / "docs/explanation/why-reasoning-must-survive.md"
_BEGIN: Final = "<!-- Written by python -m tests.rig.nano.frameworks --write -->\n"
_END: Final = "<!-- Here it ends. -->\n"
_HEAD: Final = (
    "client",
    "sends it back as",
    "a secret of step 1 is known at the end",
    "a result of step 1 is",
    "prompts that have it",
    "known, where all before went right",
)
_SHORT: Final = 4
"""So many columns has the README."""


class Share(Struct, frozen=True):
    """So many of so many."""

    right: int
    count: int

    def __str__(self) -> str:
        """As a cell: with Wilson's interval of 95%."""
        if not self.count:
            return "0 of 0"
        low, high = interval(self.right, self.count)
        return f"{self.right} of {self.count} ({100 * low:.0f}–{100 * high:.0f}%)"  # noqa: RUF001 - a dash


class Row(Struct, frozen=True):
    """What became of a client's errands.

    Attributes:
        client: its name, and its version where it has one.
        fields: of the requests, in which the first step's reasoning went back.
        back: in how many of the prompts after the first it was.
        done: the errands that were done, by kind.
        prepared: those that were done, of those in which all before the last call went right.
    """

    client: str
    fields: tuple[str, ...]
    back: tuple[int, int]
    done: dict[Kind, Share]
    prepared: Share

    def cells(self) -> tuple[str, ...]:
        """As the table has them."""
        back, prompts = self.back
        return (
            self.client,
            ", ".join(f"`{field}`" for field in self.fields) or "nothing",
            *(str(self.done[kind]) for kind in KINDS),
            f"{back} of {prompts}",
            str(self.prepared),
        )


def row(name: str, versions: Mapping[str, str], ran: Iterable[tuple[Errand, Verdict]]) -> Row:
    """What became of errands, counted."""
    counts: Counter[Kind] = Counter()
    done: Counter[Kind] = Counter()
    back = prompts = prepared = told = 0
    fields: set[str] = set()
    for errand, verdict in ran:
        counts[errand.kind] += 1
        done[errand.kind] += verdict.done
        back, prompts = back + verdict.back[0], prompts + verdict.back[1]
        prepared, told = prepared + verdict.prepared, told + (verdict.prepared and verdict.done)
        fields |= verdict.fields
    version = ", ".join(f"{package} {number}" for package, number in versions.items())
    return Row(
        f"{name} ({version})" if version else name,
        tuple(sorted(fields)),
        (back, prompts),
        {kind: Share(done[kind], counts[kind]) for kind in KINDS},
        Share(told, prepared),
    )


def table(lines: Iterable[Sequence[str]], columns: int = len(_HEAD)) -> str:
    """Rows as Markdown, with their first columns."""
    first, *rest = (f"| {' | '.join(cells[:columns])} |" for cells in (_HEAD, *lines))
    return "\n".join([first, "|---" * columns + "|", *rest, ""])


def write(
    rows: Iterable[Row], order: Sequence[str], readme: Path = README, page: Path = PAGE
) -> None:
    """Put the tables between the marks of the pages; clients that are not given keep their rows.

    Args:
        rows: what was measured.
        order: the names of all clients, as the tables have them.
        readme: gets the first columns.
        page: has the whole table.

    Raises:
        ValueError: a page has no marks.
    """
    known = {_name(cells[0]): cells for cells in _read(page)}
    known |= {_name(row.client): row.cells() for row in rows}
    lines = [known[name] for name in order if name in known]
    for each, text in ((readme, table(lines, _SHORT)), (page, table(lines))):
        head, _, tail = _parts(each)
        each.write_text(f"{head}{_BEGIN}\n{text}\n{_END}{tail}", encoding="utf-8")


def _read(page: Path) -> list[tuple[str, ...]]:
    """The cells of a page's table, less its head."""
    lines = [line for line in _parts(page)[1].splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[1:]]


def _parts(page: Path) -> tuple[str, str, str]:
    """What stands before, between and behind the marks."""
    head, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    old, end, tail = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{page} lacks the marks {_BEGIN.strip()} and {_END.strip()}")
    return head, old, tail


def _name(client: str) -> str:
    """A client's name without its versions."""
    return client.partition(" (")[0]
