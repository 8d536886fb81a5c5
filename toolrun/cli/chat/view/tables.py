"""How does a table fit on a screen? Its widest columns give way; at last each cell has a line."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from toolrun.cli.chat.view import look as l
from toolrun.cli.chat.view.paint import Line, Span, cells, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.cli.chat.view.look import Look

Side: TypeAlias = Literal["left", "center", "right"]
Cell: TypeAlias = "Sequence[Span]"

_LEAST: Final = 6
"""Columns that a cell is never narrower than, where it has so many."""


def tabulated(
    head: Sequence[Cell],
    rows: Sequence[Sequence[Cell]],
    columns: int,
    look: Look,
    sides: Sequence[Side] = (),
    natural: Sequence[int] = (),
) -> list[Line]:
    """The lines of a table.

    Args:
        head: the names of its columns; none: it has no such line.
        rows: its cells.
        columns: of the screen.
        look: what the terminal can show.
        sides: where the text of each column stands.
        natural: what `natural_widths` gives, where these rows are not all that there are.
    """
    every = [*([head] if head else []), *rows]
    count = max(map(len, every), default=0)
    padded = [[*row, *[()] * (count - len(row))] for row in every]
    bar = look.one_of(" \u2502 ", " | ") if head else "  "
    natural = natural or natural_widths(padded)
    widths = _fitted(natural, columns - len(bar) * (count - 1))
    if widths is None:
        return list(_listed(head, rows, columns))
    lines: list[Line] = []
    for number, row in enumerate(padded):
        is_head = bool(head) and not number
        lines += _row(row, widths, bar, sides, bold=is_head)
        if is_head:
            line = look.one_of("\u2500\u253c\u2500", "-+-")
            lines.append([(l.DIM, line.join(look.one_of("\u2500", "-") * each for each in widths))])
    return lines


def natural_widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    """The columns that the longest text of each column of a table takes."""
    count = max(map(len, rows), default=0)
    return [max(_width(row[at]) for row in rows if at < len(row)) for at in range(count)]


def _width(cell: Cell) -> int:
    return sum(cells(text) for _, text in cell)


def _fitted(natural: Sequence[int], room: int) -> list[int] | None:
    """The widths of columns that take so much room together; None: there is too little."""
    if sum(natural) <= room:
        return list(natural)
    if sum(min(each, _LEAST) for each in natural) > room:
        return None
    low, high = _LEAST, max(natural)
    while low < high:  # the largest width that nothing has to exceed
        middle = (low + high + 1) // 2
        if sum(min(each, middle) for each in natural) <= room:
            low = middle
        else:
            high = middle - 1
    widths = [min(each, low) for each in natural]
    left = room - sum(widths)
    for at, each in enumerate(natural):
        more = min(left, each - widths[at], 1)
        widths[at] += more
        left -= more
    return widths


def _row(
    row: Sequence[Cell], widths: Sequence[int], bar: str, sides: Sequence[Side], *, bold: bool
) -> Iterator[Line]:
    wrapped = [
        wrap([(l.BOLD, text) for _, text in cell] if bold else cell, max(width, 2))
        for cell, width in zip(row, widths, strict=True)
    ]
    for parts in zip_longest(*wrapped, fillvalue=[]):
        line: Line = []
        for at, part in enumerate(parts):
            left = widths[at] - _width(part)
            side = sides[at] if at < len(sides) else "left"
            before = 0 if side == "left" else left if side == "right" else left // 2
            last = at == len(parts) - 1
            line += [("", " " * before)] if before > 0 else []
            line += part
            after = 0 if last else left - before
            line += [("", " " * after)] if after > 0 else []
            line += [] if last else [(l.DIM, bar)]
        yield line


def _listed(head: Sequence[Cell], rows: Sequence[Sequence[Cell]], columns: int) -> Iterator[Line]:
    """The cells of a table under each other."""
    for number, row in enumerate(rows):
        if number:
            yield []
        for at, cell in enumerate(row):
            name = "".join(text for _, text in head[at]) if at < len(head) else ""
            yield from wrap([*([(l.BOLD, f"{name}: ")] if name else []), *cell], columns)
