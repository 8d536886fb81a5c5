"""Which glyphs and which colours tell the parts of a conversation apart?

Only the 16 colours of the terminal itself, bold, dim, italic and underlined are used: whoever has
a light background has chosen what they look like there. What a colour says, a glyph or a word says
too, for a terminal that has none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TextIO

from msgspec import Struct

from toolrun.cli import screen as s
from toolrun.cli.screen import Screen, Style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolrun.cli.chat.view.blocks import Kind

STYLES: Final[dict[Kind, Style]] = {
    "user": s.USER,
    "reasoning": s.REASONING,
    "preamble": s.PREAMBLE,
    "call": s.CALL,
    "output": s.OUTPUT,
    "result": s.RESULT,
    "failed": s.FAILED,
    "answer": s.ANSWER,
    "note": s.NOTE,
    "good": s.GOOD,
    "warning": s.WARNING,
    "question": s.QUESTION,
    "sandboxed": s.SANDBOXED,
    "wider": s.WIDER,
    "trusted": s.TRUSTED,
    "title": s.TITLE,
    "table": s.ANSWER,
    "diff": s.ANSWER,
    "markdown": s.ANSWER,
    "text": s.ANSWER,
}
"""How each kind of block is shown."""

BOLD: Final = "1"
DIM: Final = "2"
ITALIC: Final = "3"
UNDERLINED: Final = "4"
STRUCK: Final = "9"
CODE: Final = "36"
HEADING: Final = ("1;4", "1", "1", "1;2", "1;2", "1;2")
"""The six levels."""
TRUSTED: Final = "1;33"
"""A tool that runs in no sandbox."""
ADDED: Final = "32"
REMOVED: Final = "31"
PLACE: Final = "36"
"""Where a change stands in its file."""


class Look(Struct, frozen=True):
    """What a terminal can show.

    Attributes:
        colour: whether it shows colours.
        unicode: whether it takes glyphs beside ASCII.
    """

    colour: bool = True
    unicode: bool = True

    @classmethod
    def of(cls, file: TextIO, env: Mapping[str, str] = os.environ) -> Look:
        """The look of a stream, as `Screen.of` finds it."""
        screen = Screen.of(file, env)
        return cls(screen.colour, screen.unicode)

    def glyph(self, kind: Kind) -> str:
        """What stands before the first line of a block."""
        return self.sign(STYLES[kind])

    def sign(self, style: Style) -> str:
        """The glyph of a style, as this terminal can show it."""
        return style.glyph if self.unicode else style.plain

    def one_of(self, unicode: str, plain: str) -> str:
        """The one of two texts that this terminal can show."""
        return unicode if self.unicode else plain
