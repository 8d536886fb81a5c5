"""What do the colours of a terminal say? Lines with SGR sequences, as runs of cells of one look."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wcwidth import wcwidth

if TYPE_CHECKING:
    from collections.abc import Iterator

PALETTE: Final = (
    *("#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4"),
    *("#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff"),
)
_LEVELS: Final = (0, 95, 135, 175, 215, 255)
_SGR: Final = re.compile(r"\x1b\[([\d;:]*)m|\x1b\(B|\x0f|\x0e")
_ON: Final = {1: "b", 2: "d", 3: "i", 4: "u", 7: "r", 9: "s"}
_OFF: Final = {22: "bd", 23: "i", 24: "u", 27: "r", 29: "s"}


@dataclass(frozen=True)
class Look:
    """How a run of cells looks.

    Attributes:
        ink: as `#rrggbb`; None for the terminal's own.
        paper: the same, behind the letters.
        marks: of b(old), d(im), i(talic), u(nderlined), r(eversed), s(truck).
    """

    ink: str | None = None
    paper: str | None = None
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Run:
    """Cells of one look, and the column that they begin in."""

    column: int
    text: str
    look: Look


def cells(text: str) -> int:
    """How many columns a text takes."""
    return sum(max(wcwidth(sign), 0) for sign in text)


def runs(painted: str, look: Look) -> tuple[list[Run], Look]:
    """The runs of a line in which there is something to see, and the look at its end."""
    found: list[Run] = []
    column, at = 0, 0
    for sequence in (*_SGR.finditer(painted), None):
        text = painted[at : sequence.start() if sequence else len(painted)]
        bare = bool(look.paper) or bool(look.marks & {"r", "u"})
        seen = text if bare else text.strip()
        if seen:
            before = "" if bare else text[: len(text) - len(text.lstrip())]
            found.append(Run(column + cells(before), seen, look))
        column += cells(text)
        if sequence:
            at = sequence.end()
            look = look if sequence[1] is None else _sgr(sequence[1], look)
    return found, look


def _sgr(parameters: str, look: Look) -> Look:
    codes = iter([int(code or 0) for code in re.split("[;:]", parameters)])
    for code in codes:
        if code in _ON:
            look = replace(look, marks=look.marks | {_ON[code]})
        elif code in _OFF:
            look = replace(look, marks=look.marks - set(_OFF[code]))
        else:
            look = _coloured(code, codes, look)
    return look


def _coloured(code: int, rest: Iterator[int], look: Look) -> Look:
    """The look after a code of colour; some take more codes from the rest."""
    if code == 0:
        return Look()
    tens, ones = divmod(code, 10)
    colour: str | None = None
    if ones == 8:
        colour = _any_colour(rest)
    elif ones < 8:
        colour = PALETTE[ones + (8 if tens >= 9 else 0)]
    if tens in (3, 9):
        return replace(look, ink=colour)
    return replace(look, paper=colour) if tens in (4, 10) else look


def _any_colour(rest: Iterator[int]) -> str:
    """One of the 256 colours, or of all."""
    if next(rest, 5) == 2:
        return "#" + "".join(f"{next(rest, 0):02x}" for _ in range(3))
    code = next(rest, 0)
    if code < 16:
        return PALETTE[code]
    if code >= 232:
        return "#" + f"{8 + 10 * (code - 232):02x}" * 3
    return "#" + "".join(f"{_LEVELS[(code - 16) // each % 6]:02x}" for each in (36, 6, 1))
