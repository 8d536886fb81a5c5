"""How does text get to a terminal: in which colour, behind which glyph, and never raw?

Text of models and tools may hold escape sequences that move the cursor, change the title or write
to the clipboard. `visible` makes every control character a printed sign, so none is obeyed.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

_KEPT: Final = (0x09, 0x0A)
_SIGNS: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20) if code not in _KEPT},
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), "\ufffd"),
    # Line separators, and what turns the direction of the text around it.
    **dict.fromkeys((0x2028, 0x2029, 0x200E, 0x200F, 0x061C), "\ufffd"),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd"),
    # What is not seen at all, and read by models and programs. The joiners of emoji and of Persian
    # (U+200C, U+200D, U+FE0F) are left.
    **dict.fromkeys((0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x200B), "\ufffd"),
    **dict.fromkeys((*range(0x2060, 0x2066), *range(0x206A, 0x2070), 0x3164), "\ufffd"),
    **dict.fromkeys((0xFEFF, 0xFFA0, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE1000)), "\ufffd"),
}
_PARTS: Final = re.compile(r"\n|[ \t]+|[^ \t\n]+")
_TAB: Final = "    "
_NARROWEST: Final = 20


def visible(text: str) -> str:
    """The text with every control character but newline and tab, and what is unseen, as a sign."""
    return text.replace("\r\n", "\n").translate(_SIGNS)


class Style(NamedTuple):
    """What tells a block of text apart: a glyph at its lines, and a colour where there are any.

    `word` stands in place of the glyph where the screen is read aloud.
    """

    glyph: str
    plain: str
    sgr: str
    word: str = ""
    every_line: bool = False


USER: Final = Style("\u276f ", "> ", "1", "you: ")
REASONING: Final = Style("  \u250a ", "  : ", "2;3", "reasoning: ", every_line=True)
PREAMBLE: Final = Style("  \u00bb ", "  > ", "", "before the call: ", every_line=True)
CALL: Final = Style("  \u25b6 ", "  -> ", "36", "call: ")
OUTPUT: Final = Style("    \u2502 ", "    | ", "2", "output: ", every_line=True)
RESULT: Final = Style("  \u25c0 ", "  <- ", "32", "result: ")
FAILED: Final = Style("  \u2717 ", "  x ", "31", "failed: ")
NOTE: Final = Style("\u2014 ", "-- ", "2", "note: ")
WARNING: Final = Style("! ", "! ", "33", "warning: ")
QUESTION: Final = Style("? ", "? ", "1;33", "question: ")
SANDBOXED: Final = Style("\u25a1 ", "[] ", "1;36", "sandboxed: ")
WIDER: Final = Style("\u25b2 ", "^ ", "1;33", "careful: ")
TRUSTED: Final = Style("\u25c6 ", "!! ", "1;31", "careful: ")
TITLE: Final = Style("\u2500\u2500 ", "== ", "1")
ANSWER: Final = Style("", "", "", "answer: ")
NAME: Final = Style("", "", "1")
INDENTED: Final = Style("    ", "    ", "", every_line=True)
GOOD: Final = Style("\u2713 ", "ok ", "32", "good: ")
BAD: Final = Style("\u2717 ", "x ", "31", "bad: ")


class Screen:
    """A stream that blocks of text are written to, piece by piece."""

    def __init__(
        self,
        file: TextIO,
        *,
        colour: bool = False,
        cursor: bool = False,
        unicode: bool = True,
        words: bool = False,
    ) -> None:
        """Take a stream.

        Args:
            file: text goes here.
            colour: whether it shows colours.
            cursor: whether it is a terminal: lines are wrapped, and can be taken back.
            unicode: whether it takes glyphs beside ASCII.
            words: whether words stand in place of glyphs.
        """
        self.file = file
        self.colour = colour
        self.cursor = cursor
        self.unicode = unicode
        self._words = words
        self._style: Style | None = None
        self._begin()

    @classmethod
    def of(cls, file: TextIO, env: Mapping[str, str] = os.environ, *, aloud: bool = False) -> Self:
        """The screen for a stream: plain where it is no terminal, or NO_COLOR or TERM say so.

        FORCE_COLOR gives colours to what is no terminal, such as the log of a CI. `aloud`: somebody
        has it read to them, so that nothing is ever taken back.
        """
        terminal = file.isatty() and env.get("TERM") != "dumb"
        encoding = (getattr(file, "encoding", None) or "ascii").lower().replace("-", "")
        return cls(
            file,
            colour=(terminal or bool(env.get("FORCE_COLOR"))) and not env.get("NO_COLOR"),
            cursor=terminal and not aloud,
            unicode=encoding.startswith("utf"),
            words=aloud,
        )

    def write(self, style: Style, text: str) -> None:
        """Add to the block of this style; another block is ended first."""
        if style is not self._style:
            self.end()
            self._begin()
            self._style = style
        self._emit([part for piece in _PARTS.findall(visible(text)) for part in self._put(piece)])

    @property
    def column(self) -> int:
        """How many columns of the line that the cursor is in are written; 0 at its beginning."""
        return self._column if self._style is not None else 0

    def end(self) -> None:
        """End the block, if there is one; what is written next begins on a line of its own."""
        if self._style is None:
            return
        rest = self._flush()
        self._emit([*rest, "\n"] if self._column else rest)
        self._style = None

    def fit(self) -> None:
        """End a block that was begun when the terminal was wider or narrower than it is now."""
        if self._style is not None and shutil.get_terminal_size().columns != self._size.columns:
            self.end()

    def disturbed(self) -> None:
        """Begin a new line: a terminal has written something of its own, such as `^C`."""
        if self._style is not None:
            self.end()
        elif self.cursor:
            self._emit(["\n"])

    def line(self, style: Style, text: str) -> None:
        """Write a block of its own."""
        self.end()
        self.write(style, text)
        self.end()

    def erase(self) -> bool:
        """Take back the block that is being written; False where that is not possible."""
        size = shutil.get_terminal_size()
        whole = self.cursor and size == self._size and self._lines < size.lines - 1
        if self._style is None or not whole:
            return False
        up = f"\x1b[{self._lines}A" if self._lines else ""
        self.file.write(f"{up}\r\x1b[J")
        self.file.flush()
        self._style = None
        return True

    def _begin(self) -> None:
        self._column = 0
        self._lines = 0
        self._space = ""
        self._word = ""
        self._begun = False
        self._size = shutil.get_terminal_size()
        self._width = max(self._size.columns - 1, _NARROWEST) if self.cursor else 0

    def _put(self, piece: str) -> list[str]:
        """What a piece (a line's end, blanks, or part of a word) adds to the output."""
        if piece == "\n":
            ended = self._flush()
            if not self._column:
                ended += self._margin()
            return [*ended, self._newline()]
        if piece[0] in " \t":
            ended = self._flush() if self._word else []
            self._space += piece.replace("\t", _TAB)
            return ended if self._width else [*ended, *self._flush()]
        self._word += piece
        return [] if self._width else self._flush()

    def _flush(self) -> list[str]:
        """The word that has been waiting for its end, on this line or on a new one."""
        space, word = self._space, self._word
        self._space = self._word = ""
        if not word and not (space and not self._width):
            return []
        out: list[str] = [] if self._column else self._margin()
        indent = len(self._glyph())
        too_long = self._column + len(space) + cells(word) > self._width
        if self._width and self._column > indent and too_long:
            out += [self._newline(), *self._margin()]
            space = ""
        out.append(space)
        self._column += len(space)
        while self._width and self._column + cells(word) > self._width:
            room = _fits(word, self._width - self._column)
            out += [word[:room], self._newline(), *self._margin()]
            word = word[room:]
        self._column += cells(word)
        return [*out, word]

    def _margin(self) -> list[str]:
        glyph = self._glyph()
        assert self._style is not None
        if self._begun and self._words:
            glyph = ""
        shown = glyph if self._style.every_line or not self._begun else " " * len(glyph)
        self._begun = True
        self._column = len(glyph)
        return [shown]

    def _glyph(self) -> str:
        assert self._style is not None
        if self._words:
            return self._style.word
        return self._style.glyph if self.unicode else self._style.plain

    def _newline(self) -> str:
        self._column = 0
        self._lines += 1
        return "\n"

    def _emit(self, parts: list[str]) -> None:
        text = "".join(parts)
        if not text:
            return
        if self.colour and self._style is not None and self._style.sgr:
            text = f"\x1b[{self._style.sgr}m{text}\x1b[0m"
        self.file.write(text)
        self.file.flush()


def cells(text: str) -> int:
    """The columns that a text takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return max(int(wcswidth(text)), 0)


def cut(text: str, columns: int) -> str:
    """The beginning of a text that takes so many columns at most."""
    return text if cells(text) <= columns else text[: _fits(text, columns)]


def _fits(text: str, columns: int) -> int:
    """How many characters of a text fit into so many columns; at least one."""
    count = 1
    while count < len(text) and cells(text[: count + 1]) <= columns:
        count += 1
    return count
