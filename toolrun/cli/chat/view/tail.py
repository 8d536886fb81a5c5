"""What is shown of a Markdown text whose end has not come yet?

What is shown here is never printed: it may be a guess. Marks that are open are taken to be closed
where the text ends for now; a line of nothing but marks, and a row of a table, are not shown
before they are whole, so that nothing jumps when the rest of them comes. Words that only go on
with a line are added to it, and nothing is parsed.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.view.fence import Fence
from toolrun.cli.chat.view.growing import Part
from toolrun.cli.chat.view.markdown import Setter, inline
from toolrun.cli.chat.view.paint import Line, Span, cells, wrap
from toolrun.cli.chat.view.quick import marked
from toolrun.cli.chat.view.rows import Rows

if TYPE_CHECKING:
    from toolrun.cli.chat.view.growing import Growing
    from toolrun.cli.chat.view.look import Look

_ONLY_MARKS: Final = re.compile(r"(?:\A|(?<=\n))[ \t>]*(?:[-+*=_#|`~:]+|\d{1,9}[.)])[ \t]*\Z")
_MARKS: Final = re.compile(r"[*_~`]+\Z")
_LINK: Final = re.compile(r"\[[^\]\n]*\]\([^)\s]*\Z")
_ROW: Final = re.compile(r"[ \t]*\|")
_WORDS: Final = re.compile(r"(?:[^\W_]|[ ,.;:'\"?!()/%$@+=#-])*\Z")
_PARAGRAPH: Final = re.compile(r"[^\W\d_][^\n<>&\\|]*\Z")
_STRUCTURE: Final = re.compile(r"[\n<>&\\|]")
_AT_REST: Final = re.compile(r"(?:[^\W_]|[,.;:'\"?!()/%$@+=-]|[^\s*`](?:\*\*|`))\Z")
_SHORT: Final = 60
"""Characters that are added to a line and not yet taken for a part of it."""
_FENCE: Final = re.compile(r"^[ \t>]*(?:[-*+]|\d+[.)])?[ \t]*(?:`{3,}|~{3,})", re.MULTILINE)
_LONG: Final = 2_000
"""Characters from which on a mark that nothing closes is taken for what it is."""
_LARGE: Final = 2_000
"""Characters of an end of which only the last are shown."""
_ITEM: Final = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_DEEPEST: Final = 80
"""Columns that an item is looked at to stand in."""
_HEAD: Final = 2
"""The lines before the rows of a table."""


class Tail:
    """Paints the end of a text that grows."""

    def __init__(self) -> None:
        self._for: tuple[Look, int] | None = None
        self._text = ""
        self._number: int | None = None
        self._shown: str | None = None
        self._lines: list[Line] = []
        self._line: Line | None = None
        self._whole: list[Line] = []
        self._room = 0
        self._sgr = ""
        self._fence: Fence | None = None
        self._table: Rows | None = None

    def lines(self, growing: Growing, look: Look, columns: int, rows: int) -> list[Line]:
        """The lines of the end, the last of very many."""
        part = growing.tail
        if self._for != (look, columns):
            self._for, self._fence, self._table = (look, columns), None, None
            self._shown = self._line = None
        if growing.fence:
            if self._fence is None or not self._fence.goes_on(part):
                self._fence = Fence(part)
            lines = self._fence.lines(part, columns, rows)
        elif self._is_table(part, look):
            assert self._table is not None
            lines = self._table.lines(part.text, columns, rows)
        else:
            self._fence = None
            lines = self._words(part, look, columns, rows)
        return [[], *lines] if part.gap and lines else lines

    def known(self, part: Part, look: Look, columns: int) -> list[Line] | None:
        """The lines of a part that became final, where they are those that were shown last."""
        if self._for != (look, columns):
            return None
        if self._table is not None:
            return self._table.whole(part.text, columns)
        same = self._number == part.number
        return self._whole if same and self._shown == part.text else None

    def _is_table(self, part: Part, look: Look) -> bool:
        """Whether all of the end is a table."""
        if not _ROW.match(part.text) or part.text.count("\n") < _HEAD:
            self._table = None
        elif self._table is None or not self._table.goes_on(part.text):
            self._table = Rows(part.text, look)
        return self._table is not None and self._table.sound

    def _words(self, part: Part, look: Look, columns: int, rows: int) -> list[Line]:
        """The lines, where only words came since the last parse; else they are parsed."""
        text = part.text
        if begun := _ONLY_MARKS.match(text, text.rfind("\n") + 1):
            text = text[: begun.start()]
        text = text.rstrip(" \n")
        if not self._grown(text, part.number):
            if _PARAGRAPH.match(text) is None:
                return self._parsed(part, look, columns, rows)
            self._begin(columns)
        before = self._text
        more = text[len(before) :]
        if not more or self._line is None:
            return self._lines
        plain = _WORDS.match(more) is not None
        spans = [(self._sgr, more)] if plain else self._marked(part.text[len(before) :], look)
        indent, line = _split(self._line, columns - self._room)
        wrapped = wrap([*line, *spans], self._room)
        blank = [("", " " * (columns - self._room))] if self._room < columns else []
        others = [[*blank, *each] for each in wrapped[1:]]
        lines = [*self._lines[:-1], [*indent, *wrapped[0]], *others]
        rest = (len(more) > _SHORT or not plain) and at_rest(more)
        if rest or len(more) > _LONG:
            self._text, self._lines, self._line, self._shown = text, lines, lines[-1], None
        return lines

    def _grown(self, text: str, number: int | None) -> bool:
        """Whether a text is the one before, and what came since is no new block."""
        if self._line is None or number != self._number or not text.startswith(self._text):
            return False
        return _STRUCTURE.search(text, len(self._text)) is None

    def _begin(self, columns: int) -> None:
        """Nothing of a paragraph is there yet."""
        self._text, self._number, self._shown = "", None, None
        self._lines, self._line = [[]], []
        self._room, self._sgr = columns, ""

    def _marked(self, words: str, look: Look) -> list[Span]:
        text = completed(words).rstrip(" ")
        spans = marked(text) if look.colour else None
        spans = inline(text, look) if spans is None else spans
        return [(self._sgr, text) for _, text in spans] if self._sgr else spans

    def _parsed(self, part: Part, look: Look, columns: int, rows: int) -> list[Line]:
        text = completed(_last(part.text, rows))
        if text == self._shown and part.number == self._number:
            return self._lines
        setter = Setter(Part(text, part.gap, part.number), look)
        self._shown, self._number = text, part.number
        self._text = part.text.rstrip(" \n")
        self._lines = setter.blocks(columns)
        self._whole = self._lines
        self._room, self._sgr = setter.room, setter.sgr
        plain = bool(self._room) and bool(self._lines) and bool(self._lines[-1])
        self._line = self._lines[-1] if plain and goes_on(self._text) else None
        return self._lines


def _last(text: str, rows: int) -> str:
    """The last lines of a very long text; of a list so many items, and what these are inside of."""
    if len(text) <= _LARGE // 2:
        return text
    start, items = len(text), 0
    while start and items < rows and len(text) - start < _LARGE:
        start = text.rfind("\n", 0, start - 1) + 1
        items += _ITEM.match(text, start) is not None
    if len(text) - start > 2 * _LARGE:  # a line without an end
        start = len(text) - _LARGE
    return _parents(text, start) + text[start:]


def _parents(text: str, start: int) -> str:
    """The first lines of the items that the line which starts there is inside of."""
    parents = ""
    while (indent := _indent(text, start)) and start:
        lines = re.finditer(rf"\n {{0,{indent - 1}}}(?:[-*+]|\d{{1,9}}[.)])[ \t]", text[:start])
        before = deque(lines, 1)
        start = before[0].start() + 1 if before else 0
        if not _ITEM.match(text, start) or _indent(text, start) >= indent:
            break
        parents = text[start : text.find("\n", start) + 1] + parents
    return parents


def _indent(text: str, start: int) -> int:
    rest = text[start : start + _DEEPEST]
    return len(rest) - len(rest.lstrip(" "))


def _split(line: Line, indent: int) -> tuple[Line, Line]:
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
    elif _FENCE.match(text, start):
        text = text[:start]
    text = _ONLY_MARKS.sub("", text).rstrip("\n")
    fences = [*_FENCE.finditer(text)] if "``" in text or "~~" in text else []
    if len(fences) % 2:  # code inside of a list or a quote: what is in it is no mark
        return text
    start = max(text.rfind("\n\n") + 1, fences[-1].end() if fences else 0)
    if not _open(text[start:]):
        return text
    text = _MARKS.sub("", text)
    block = text[start:]
    close = ")" if _LINK.search(block) else ""
    return text + "`" * (block.count("`") % 2) + close + "**" * (block.count("**") % 2)


def _without_head(text: str) -> str:
    """A text without the first row of a table at its end: what it is, the next line will say."""
    start = text.rfind("\n", 0, -1) + 1
    if not _ROW.match(text, start):
        return text
    above = text.rfind("\n", 0, max(start - 1, 0)) + 1
    return text if start and _ROW.match(text, above) else text[:start]


def goes_on(text: str) -> bool:
    """Whether what comes now only goes on with the last line of a text, if it has no structure."""
    block = text[text.rfind("\n\n") + 1 :]
    line = block[block.rfind("\n") + 1 :]
    return any(map(str.isalpha, line)) and not _STRUCTURE.search(line) and at_rest(block)


def at_rest(text: str) -> bool:
    """Whether no mark is open at the end of a text, and none is being written."""
    return _AT_REST.search(text) is not None and not _open(text)


def _open(text: str) -> bool:
    """Whether there is a mark that nothing has closed."""
    if any(text.count(mark) % 2 for mark in ("**", "*", "`", "~~")):
        return True
    link = text.rfind("](")
    return text.count("[") != text.count("]") or (link >= 0 and ")" not in text[link:])
