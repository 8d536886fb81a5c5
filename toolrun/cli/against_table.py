"""How does a person see in what a live model behaves differently than a recorded one?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.cli import screen as s
from toolrun.testing.against import Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from toolrun.testing.against import FailOn

_COLUMNS: Final = ("calls", "answers", "ends", "steps", "tokens")
_NARROW: Final = 70
"""Columns of a terminal below which those of the table would be cut."""
_WIDE: Final = 160
"""Columns where the output is no terminal, and nothing need fit."""


class Against(Struct, frozen=True, omit_defaults=True):
    """What came of one trace.

    Attributes:
        failed: whether it counts as different.
        comparison: None where nothing could be asked: `why`.
        recorded_to: the new trace.
    """

    file: str
    failed: bool
    comparison: Comparison | None = None
    why: str = ""
    recorded_to: str = ""


def show(screen: s.Screen, each: Against) -> None:
    """Write a line for a trace that is the same, else what differs."""
    comparison = each.comparison
    if comparison is None:
        screen.line(s.BAD, f"{each.file}: not asked: {each.why}")
        return
    same = not comparison.differences and not comparison.unrecorded
    if same:
        screen.line(s.GOOD, f"{each.file}: the same")
        return
    from toolrun.cli.difference_lines import lines

    screen.line(s.BAD if each.failed else s.GOOD, f"{each.file}: {_what(comparison)}")
    for style, text in lines(comparison.differences):
        screen.line(style, text)
    for call in comparison.unrecorded:
        said = f"turn {call.turn}, step {call.step}: no result is recorded of "
        screen.line(s.WARNING, f"{said}{call.call.name}({call.call.arguments})")


def _what(comparison: Comparison) -> str:
    """In which respects it differs, in a few words."""
    differing = [
        name
        for name, same in (
            ("calls", comparison.calls and not comparison.unrecorded),
            ("ends", comparison.ends),
            ("answers", comparison.answers),
        )
        if not same
    ]
    if not differing:
        return "the same calls and answers, by other steps"
    return f"other {' and '.join(differing)}"


def summary(asked: Sequence[Against], total: int, fail_on: FailOn) -> None:
    """Write the table of all traces, where there are several, and what it comes to."""
    from rich.console import Console
    from rich.text import Text

    file = sys.stdout
    console = Console(file=file, width=None if file.isatty() else _WIDE, highlight=False)
    if len(asked) > 1:
        console.print(_table(asked, console))
    failed = sum(each.failed for each in asked)
    left = total - len(asked)
    rest = f", {left:,} not asked" if left else ""
    traces_of = f"{total:,} {'trace' if total == 1 else 'traces'}"
    counts = f"{len(asked) - failed:,} as recorded, {failed:,} not{rest}"
    console.print(Text(f"{traces_of}: {counts} (--fail-on {fail_on})"))


def _table(asked: Sequence[Against], console: Console) -> Table:
    """A row for each trace: five columns, or one where the terminal is narrow."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide = console.width >= _NARROW
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("trace", overflow="fold")
    for name in _COLUMNS if wide else ("",):
        table.add_column(name, justify="right" if name in ("steps", "tokens") else "left")
    good, bad = ("\u2713", "\u2717") if console.encoding.startswith("utf") else ("ok", "x")
    folder = _folder(asked)
    for each in asked:
        mark = Text(bad, style="bold red") if each.failed else Text(good, style="green")
        cells = _cells(each.comparison)
        if not wide and each.comparison is not None:
            told = [f"{name}: {cell}" for name, cell in zip(_COLUMNS, cells, strict=True)]
            cells = [Text("\n".join(told))]
        table.add_row(mark, Text(s.visible(each.file.removeprefix(folder))), *cells)
    return table


def _cells(found: Comparison | None) -> list[Text]:
    from rich.text import Text

    if found is None:
        return [Text("not asked", style="red")]
    cells = [
        Text("same", style="dim") if same else Text("other", style="yellow")
        for same in (found.calls and not found.unrecorded, found.answers, found.ends)
    ]
    for name in ("steps", "tokens"):
        old, new = getattr(found.recorded, name), getattr(found.live, name)
        cells.append(Text(f"{old:,}" if old == new else f"{old:,} > {new:,}"))
    return cells


def _folder(asked: Sequence[Against]) -> str:
    """The folder that all traces lie in: it would take the room of what differs."""
    parents = {str(Path(each.file).parent) for each in asked}
    return f"{parents.pop()}/" if len(parents) == 1 else ""
