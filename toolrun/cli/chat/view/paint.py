"""How do styled texts become lines of so many columns?

A text is a row of spans, a line is one too; a span is the parameters of a SGR sequence ("" for
none) and a text without control characters. Lines stand alone: each ends its own colours.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeAlias

from toolrun.cli.screen import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Span: TypeAlias = tuple[str, str]
Line: TypeAlias = list[Span]

NARROWEST: Final = 20
"""Columns; what is narrower is painted as if it were so wide."""

_JOINER: Final = "\u200d"
_EMOJI: Final = "\ufe0f"


def cells(text: str) -> int:
    """The columns that a text takes."""
    return len(text) if text.isascii() else sum(_widths(text))


def _widths(text: str) -> Iterator[int]:
    """The columns of each character; what joins the one before it takes none of its own."""
    from wcwidth import wcwidth

    before = ""
    for char in text:
        if before == _JOINER:
            yield 0
        elif char == _EMOJI:
            yield 1 if before and wcwidth(before) == 1 else 0
        else:
            yield max(wcwidth(char), 0)
        before = char


def wrap(spans: Sequence[Span], width: int, *, words: bool = True) -> list[Line]:
    """Break a text into lines.

    Args:
        spans: the text; a newline in it ends a line.
        width: the columns of a line, at least 2.
        words: break between words, where that is possible; else wherever the line is full.
    """
    text = "".join([part for _, part in spans])
    places = [
        (start + one, start + other)
        for start, line in _lines(text)
        for one, other in _cuts(line, width, words=words)
    ]
    return [[*spans]] if places == [(0, len(text))] else _sliced(spans, places)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _cuts(line: str, width: int, *, words: bool) -> Iterator[tuple[int, int]]:
    """Where each of the lines begins and ends that a line is broken into."""
    if len(line) * 2 <= width or (line.isascii() and len(line) <= width):
        yield 0, len(line)
        return
    sums = None if line.isascii() else [0, *accumulate(_widths(line))]
    start, length = 0, len(line)
    while True:
        full = start + width if sums is None else bisect_right(sums, sums[start] + width) - 1
        if full >= length:
            break
        full = max(full, start + 1)
        space = line.rfind(" ", start, full + 1) if words else -1
        if space > start and line[start:space].strip(" "):
            yield start, start + len(line[start:space].rstrip(" "))
            start = space + 1
            while start < length and line[start] == " ":
                start += 1
        else:
            yield start, full
            start = full
    if start < length:
        yield start, length


def _sliced(spans: Sequence[Span], places: list[tuple[int, int]]) -> list[Line]:
    """The parts of a text, each with its styles."""
    lines: list[Line] = []
    index = offset = 0
    for start, end in places:
        line: Line = []
        while index < len(spans) and offset + len(spans[index][1]) <= start:
            offset += len(spans[index][1])
            index += 1
        at, here = index, offset
        while at < len(spans) and here < end:
            style, part = spans[at]
            if piece := part[max(start - here, 0) : end - here]:
                line.append((style, piece))
            here += len(part)
            at += 1
        lines.append(line)
    return lines


def cut(line: Line, width: int) -> Line:
    """The beginning of a line that takes so many columns at most."""
    lines = wrap(line, max(width, 2), words=False)
    return lines[0] if lines else []


def ansi(line: Line, *, colour: bool) -> str:
    """A line as it is written to a terminal."""
    if not colour:
        return "".join([text for _, text in line])
    return "".join([f"\x1b[{sgr}m{text}\x1b[0m" if sgr else text for sgr, text in line])


def clean(text: str) -> str:
    """A text with no control character but newlines; tabs become spaces."""
    text = visible(text)
    return text.expandtabs(4) if "\t" in text else text
