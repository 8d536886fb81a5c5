"""What is shown of a Markdown text whose end has not come yet?

What is shown here is never printed: it may be a guess. Marks that are open are taken to be closed
where the text ends for now; a line of nothing but marks, and a row of a table, are not shown
before they are whole, so that nothing jumps when the rest of them comes. Words that only go on
with a line are added to it, and nothing is parsed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.view.fence import Fence
from toolrun.cli.chat.view.growing import Part
from toolrun.cli.chat.view.markdown import Setter
from toolrun.cli.chat.view.paint import Line, cells, wrap

if TYPE_CHECKING:
    from toolrun.cli.chat.view.growing import Growing
    from toolrun.cli.chat.view.look import Look

_ONLY_MARKS: Final = re.compile(r"(?:\A|(?<=\n))[ \t>]*[-+*=_#|`~:]+[ \t]*\Z")
_MARKS: Final = re.compile(r"[*_~`]+\Z")
_LINK: Final = re.compile(r"\[[^\]\n]*\]\([^)\s]*\Z")
_ROW: Final = re.compile(r"[ \t]*\|")
_WORDS: Final = re.compile(r"(?:[^\W_]|[ ,.;:'\"?!()/%$@+=-])*\Z")
_IN_WORDS: Final = re.compile(r"(?:[^\W_]|[,.;:'\"?!()/%$@+=-])\Z")
_CLOSED: Final = re.compile(r"[^\s*`](?:\*\*|`)\Z")
_LARGE: Final = 8_192
"""Characters of an end of which only the last are shown."""


class Tail:
    """Paints the end of a text that grows."""

    def __init__(self) -> None:
        self._for: tuple[Look, int] | None = None
        self._part = Part("")
        self._shown: str | None = None
        self._lines: list[Line] = []
        self._line: Line | None = None
        self._room = 0
        self._sgr = ""
        self._fence: Fence | None = None

    def lines(self, growing: Growing, look: Look, columns: int, rows: int) -> list[Line]:
        """The lines of the end, the last of very many."""
        part = growing.tail
        if self._for != (look, columns):
            self._for, self._shown, self._fence = (look, columns), None, None
        if growing.fence:
            if self._fence is None or not self._fence.goes_on(part):
                self._fence = Fence(part)
            lines = self._fence.lines(part, columns, rows)
        else:
            self._fence = None
            lines = self._words(part, look, columns)
        return [[], *lines] if part.gap and lines else lines

    def _words(self, part: Part, look: Look, columns: int) -> list[Line]:
        """The lines, where only words came since the last parse; else they are parsed."""
        before = self._part.text
        if (
            self._line is not None
            and part.number == self._part.number
            and part.text.startswith(before)
            and _WORDS.match(part.text, len(before))
        ):
            words = part.text[len(before) :].rstrip(" ")
            indent, line = cells_of(self._line, columns - self._room)
            wrapped = wrap([*line, (self._sgr, words)], self._room)
            blank = [("", " " * (columns - self._room))] if self._room < columns else []
            more = [[*blank, *each] for each in wrapped[1:]]
            return [*self._lines[:-1], [*indent, *wrapped[0]], *more]
        return self._parsed(part, look, columns)

    def _parsed(self, part: Part, look: Look, columns: int) -> list[Line]:
        text = completed(part.text[-_LARGE:])
        if text == self._shown and part.number == self._part.number:
            return self._lines
        setter = Setter(Part(text, part.gap, part.number), look)
        self._shown = text
        self._part = Part(part.text.rstrip(" "), part.gap, part.number)
        self._lines = setter.blocks(columns)
        self._room = setter.room
        plain = bool(self._room) and bool(self._lines) and bool(self._lines[-1])
        self._line = None
        if plain and goes_on(self._part.text):
            self._line = self._lines[-1]
            # Where marks are open, their style goes on; where they were closed, that of the block.
            closed = text == self._part.text and not _IN_WORDS.search(text)
            self._sgr = setter.sgr if closed else self._line[-1][0]
        return self._lines


def cells_of(line: Line, indent: int) -> tuple[Line, Line]:
    """A line as what stands in its first columns, and the rest."""
    before: Line = []
    for at, (sgr, text) in enumerate(line):
        if indent <= 0:
            return before, line[at:]
        before.append((sgr, text))
        indent -= cells(text)
    return before, []


def completed(text: str) -> str:
    """A text without the line that is not known yet, and with the marks closed that are open."""
    start = text.rfind("\n") + 1
    if _ROW.match(text, start):
        text = _without_head(text[:start])
    text = _ONLY_MARKS.sub("", text)
    text = _MARKS.sub("", text)
    block = text[text.rfind("\n\n") + 1 :]
    if block.count("`") % 2:
        return text + "`"
    if _LINK.search(block):
        return text + ")"
    return text + "**" if block.count("**") % 2 else text


def _without_head(text: str) -> str:
    """A text without the first row of a table at its end: what it is, the next line will say."""
    start = text.rfind("\n", 0, -1) + 1
    if not _ROW.match(text, start):
        return text
    above = text.rfind("\n", 0, max(start - 1, 0)) + 1
    return text if start and _ROW.match(text, above) else text[:start]


def goes_on(text: str) -> bool:
    """Whether words that come now only go on with the last line of a text."""
    block = text[text.rfind("\n\n") + 1 :]
    line = text[text.rfind("\n") + 1 :]
    if any(mark in block for mark in "<>&\\|~_") or not any(map(str.isalpha, line)):
        return False
    link = block.rfind("](")
    if block.count("[") != block.count("]") or (link >= 0 and ")" not in block[link:]):
        return False
    return (_IN_WORDS.search(text) or _CLOSED.search(text)) is not None
