"""Which parts of a Markdown text are final, while more of it comes in?

A part is a block that stands by itself (a paragraph, a table, a fence), or one item of a list. It
is final when whole lines after it, or its own end, say so: whatever follows, these parts are those
of the whole text. Only what comes after the last of them is parsed again.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.cli.chat.view.parser import blocks
from toolrun.cli.screen import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

_LARGE: Final = 8_192
"""Characters of a part from which on it is not looked at for each line that it grows by."""
_GOES_ON: Final = re.compile(r"  +\S| ?(?:[^\W\d_]|\|)")
_BLANK: Final = " \t"
_ENDED_BY_EMPTY_LINE: Final = ("paragraph_open", "table_open", "blockquote_open")
_ENDED_AT_ONCE: Final = ("heading_open", "hr")
_LISTS: Final = ("bullet_list_open", "ordered_list_open")
_CODE_INDENT: Final = 4


class Part(Struct, frozen=True, gc=False):
    """A part of a Markdown text.

    Attributes:
        text: its source; for an item of a list, with the marker.
        gap: whether an empty line stands before it.
        number: the number of the item that it begins with, where it goes on with a numbered list.
    """

    text: str
    gap: bool = False
    number: int | None = None


class Growing:
    """A Markdown text that grows at its end.

    Attributes:
        fence: the marks of the fence that the tail consists of, where it is one that is open.
    """

    def __init__(self) -> None:
        self.fence: str = ""
        self._tail = ""
        self._fed: list[str] = []
        self._seen = 0
        self._next = 0
        self._begun = self._gap = False
        self._number: int | None = None

    def feed(self, text: str) -> None:
        """Add to the text."""
        self._fed.append(text)

    def _eat(self) -> None:
        """Take in what was fed: a frame has more pieces than one."""
        if not self._fed:
            return
        text = "".join(self._fed)
        self._fed.clear()
        if text.endswith("\r"):  # "\n" may follow
            text = text[:-1]
            self._fed.append("\r")
        self._tail += visible(text)

    @property
    def tail(self) -> Part:
        """What is not final yet."""
        self._eat()
        return Part(self._tail, self._gap, self._number)

    def settle(self) -> list[Part]:
        """Take the parts that became final since the last time."""
        self._eat()
        end = self._tail.rfind("\n") + 1
        if end <= self._seen or len(self._tail) < self._next:
            return []
        if self.fence and not self._closed(self._tail[self._seen : end]):
            self._seen = end
            return []
        if not self.fence and self._only_goes_on(end):
            self._seen = end
            return []
        return self._take(end, last=False)

    def end(self) -> list[Part]:
        """Take all parts that are left: the text is complete."""
        self._tail += visible("".join(self._fed))
        self._fed.clear()
        return self._take(len(self._tail), last=True)

    def _only_goes_on(self, end: int) -> bool:
        """Whether the new lines are surely no end of anything, so that nothing is parsed."""
        return all(map(_GOES_ON.match, self._tail[self._seen : end - 1].split("\n")))

    def _closed(self, lines: str) -> bool:
        return any(_closes(line, self.fence) for line in lines.split("\n"))

    def _take(self, end: int, *, last: bool) -> list[Part]:
        """Take the parts of so many characters; the last one only if it is final."""
        lines = self._tail[:end].removesuffix("\n").split("\n")
        tokens = blocks(self._tail[:end])
        parts = list(self._parts(tokens, lines))
        taken = len(lines)
        self._number, self.fence = None, ""
        empty = not lines[-1].strip(_BLANK)
        if parts and not last and not _final(tokens, lines):
            taken, part = parts.pop()
            self._gap, self._number = part.gap, part.number
            self.fence = _open_fence(tokens, lines)
        elif parts or empty:
            self._gap = (bool(parts) or self._begun) and empty
        self._begun |= bool(parts)
        self._tail = self._tail[sum(len(line) + 1 for line in lines[:taken]) :]
        self._seen = self._tail.rfind("\n") + 1
        large = len(self._tail) > _LARGE and not self.fence
        self._next = len(self._tail) * 9 // 8 if large else 0
        return [part for _, part in parts]

    def _parts(self, tokens: list[Token], lines: list[str]) -> Iterator[tuple[int, Part]]:
        """The parts, each with the line that it begins at."""
        starts = [*self._starts(tokens, lines), (len(lines), None)]
        for at, ((start, number), (end, _)) in enumerate(pairwise(starts)):
            gap = start > 0 and not lines[start - 1].strip(_BLANK)
            if not at:
                gap = self._begun and (gap or self._gap)
            while end > start and not lines[end - 1].strip(_BLANK):
                end -= 1  # noqa: PLW2901 - the empty lines are the next one's gap
            yield start, Part("\n".join(lines[start:end]), gap, number)

    def _starts(self, tokens: list[Token], lines: list[str]) -> Iterator[tuple[int, int | None]]:
        """Where parts begin, and the numbers of those that go on with a numbered list."""
        indent = count = 0
        first: int | None = None
        goes_on = self._number
        for token in tokens:
            if token.map is None or token.level > 1 or token.nesting < 0:
                continue
            start = token.map[0]
            if token.type in _LISTS and token.level == 0:
                indent, count, first = _indent(lines[start]), 0, goes_on
                if first is None and token.type == "ordered_list_open":
                    first = int(token.attrs.get("start", 1))
            elif token.level == 0:
                yield start, None
            elif token.type == "list_item_open":
                # Another indent: how deep what follows stands is counted from the first one's.
                if not count or _indent(lines[start]) == indent:
                    known = first is None or (not count and goes_on is None)
                    yield start, None if known or first is None else first + count
                count += 1
            if token.type not in _LISTS:
                goes_on = None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(_BLANK))


def _final(tokens: list[Token], lines: list[str]) -> bool:
    """Whether the last block is final, whatever follows these lines."""
    last = _last(tokens)
    if last.type == "fence":
        return not _open_fence(tokens, lines)
    if last.type in _ENDED_BY_EMPTY_LINE:
        return not lines[-1].strip(_BLANK)
    return last.type in _ENDED_AT_ONCE


def _open_fence(tokens: list[Token], lines: list[str]) -> str:
    """The marks of the last block, where it is a fence that is still open."""
    last = _last(tokens)
    if last.type != "fence" or last.map is None:
        return ""
    start, end = last.map
    closed = end - start > 1 and _closes(lines[end - 1], last.markup)
    return "" if closed else last.markup


def _last(tokens: list[Token]) -> Token:
    at = len(tokens) - 1
    while tokens[at].level or tokens[at].nesting < 0:
        at -= 1
    return tokens[at]


def _closes(line: str, marks: str) -> bool:
    """Whether a line closes the fence that was opened with these marks."""
    indent, rest = _indent(line), line.strip(_BLANK)
    return indent < _CODE_INDENT and len(rest) >= len(marks) and rest == marks[0] * len(rest)
