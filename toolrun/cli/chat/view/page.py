"""How is a block's text set between its glyph and the edge of the screen?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.cli.chat.view import look as l
from toolrun.cli.chat.view.look import Look
from toolrun.cli.chat.view.paint import NARROWEST, Line, Span, ansi, cells, clean, wrap
from toolrun.cli.render import shortened
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.chat.view.blocks import Kind

HEAD: Final = 4
TAIL: Final = 8
"""The lines of a long text that are shown while it is folded: its first, and its last."""
LONGEST: Final = 1_000
"""Characters of a line that are shown while it is folded."""


class Page(Struct, frozen=True):
    """A look and a width: what lines are painted for.

    Attributes:
        look: what the terminal can show.
        width: its columns; the last one stays free, for terminals differ in what they do there.
        reasoning: whether reasoning is shown; else it is folded to a line.
    """

    look: Look
    width: int
    reasoning: bool = False

    @property
    def columns(self) -> int:
        """How many columns a line has at most."""
        return max(self.width, NARROWEST) - 1

    def room(self, kind: Kind) -> int:
        """How many columns there are beside the glyph of a kind of block."""
        return max(self.columns - cells(self.look.glyph(kind)), 2)

    def lines(self, kind: Kind, text: str, *, words: bool = True, begun: bool = False) -> list[str]:
        """The lines of a plain text, in the colour of its kind."""
        sgr = l.STYLES[kind].sgr
        return self.margin(kind, wrap([(sgr, clean(text))], self.room(kind), words=words), begun)

    def margin(self, kind: Kind, lines: Sequence[Line], begun: bool = False) -> list[str]:  # noqa: FBT001, FBT002 - whether it goes on
        """Lines with the glyph of their kind before them; `begun`: the first line is not theirs."""
        colour = self.look.colour
        glyph = self.look.glyph(kind)
        if not glyph:
            return [ansi(line, colour=colour) for line in lines]
        style = l.STYLES[kind]
        blank = glyph if style.every_line else " " * len(glyph)
        first = blank if begun else glyph
        return [
            ansi([(style.sgr, first if not at else blank), *line], colour=colour).rstrip(" ")
            if first or blank
            else ansi(line, colour=colour)
            for at, line in enumerate(lines)
        ]

    def line(self, kind: Kind, spans: Sequence[Span], *, begun: bool = False) -> list[str]:
        """The lines of a text of many styles."""
        return self.margin(kind, wrap(spans, self.room(kind)), begun)


def more(count: int, number: int) -> str:
    """What stands in place of lines that are folded away."""
    hint = f"  /show {number}" if number else ""
    return f"... {counted(count, 'more line')}{hint}"


def shortened_lines(
    lines: Sequence[str], number: int, head: int = HEAD, tail: int = TAIL
) -> list[str]:
    """The first and the last of many lines, and how many are between them."""
    if len(lines) <= head + tail + 1:
        return [shortened(line, LONGEST) for line in lines]
    end = len(lines) - tail
    ends = [shortened(line, LONGEST) for line in (*lines[:head], *lines[end:])]
    return [*ends[:head], more(end - head, number), *ends[head:]]


def is_long(text: str, head: int = HEAD, tail: int = TAIL) -> bool:
    """Whether there is anything to fold away."""
    return len(text) > LONGEST or text.count("\n") > head + tail
