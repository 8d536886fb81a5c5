"""What do the README and the docs say of what becomes of errands, and how is that written anew?

`python -m tests.rig.nano.frameworks --write` measures, and writes the table between two marks.
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

PAGES: Final = (
    REPOSITORY / "README.md",
    REPOSITORY / "docs/explanation/why-reasoning-must-survive.md",
)
_BEGIN: Final = "<!-- Written by python -m tests.rig.nano.frameworks --write -->\n"
_END: Final = "<!-- Here it ends. -->\n"
_HEAD: Final = (
    "client",
    "sends back",
    "first reasoning in later prompts",
    "a secret of step 1, told at the end",
    "a result of step 1, told at the end",
    "told, where all before went right",
)


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
            f"{back} of {prompts}",
            *(str(self.done[kind]) for kind in KINDS),
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
    version = "".join(f", {package} {number}" for package, number in versions.items())
    return Row(
        f"{name}{version}",
        tuple(sorted(fields)),
        (back, prompts),
        {kind: Share(done[kind], counts[kind]) for kind in KINDS},
        Share(told, prepared),
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [_HEAD, *(each.cells() for each in rows)]
    first, *rest = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([first, "|---" * len(_HEAD) + "|", *rest, ""])


def write(text: str, pages: Sequence[Path] = PAGES) -> None:
    """Put a table between the marks of pages.

    Raises:
        ValueError: a page has no marks.
    """
    for page in pages:
        old = page.read_text(encoding="utf-8")
        head, begin, rest = old.partition(_BEGIN)
        _, end, tail = rest.partition(_END)
        if not (begin and end):
            raise ValueError(f"{page} lacks the marks {_BEGIN.strip()} and {_END.strip()}")
        page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
