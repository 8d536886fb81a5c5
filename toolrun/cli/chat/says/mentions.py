"""Which files does a typed message name? `@path`, `@path:10-20`, `@folder/`, `@"with spaces.txt"`.

An `@` inside a word (an address of mail), in a code span or in a fenced block names none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAST: Final = "!"
"""`@!`: what the last command printed."""
_BEGINS: Final = re.compile(r"(?:(?<=[\s(\[{,])|^)@(?=\S)", re.MULTILINE)
_QUOTED: Final = re.compile(r"""(["'])([^"'\n]{1,1000})\1""")
_WORD: Final = re.compile(r"\S{1,1000}")
_RANGE: Final = re.compile(r"(.+?):(\d{1,9})(?:-(\d{0,9}))?\Z", re.DOTALL)
_QUOTED_RANGE: Final = re.compile(r":(\d{1,9})(?:-(\d{1,9})?)?")
_TRAILING: Final = ".,;:!?)]}>'\"*_"
_FENCE: Final = re.compile(r"^\s{0,3}(`{3,}|~{3,})")


class Mention(Struct, frozen=True):
    """A file that a message names.

    Attributes:
        path: as it was typed.
        start: the first line that is meant, from 1; 0: all of it.
        end: the last one; 0: to the end.
        known: whether it is there.
    """

    path: str
    start: int = 0
    end: int = 0
    known: bool = True


def mentions(text: str, there: Callable[[str], bool]) -> list[Mention]:
    """The files that a message names, in order, each once.

    Args:
        text: of the message.
        there: whether something is at a path; what a word means depends on it (`@notes.` at the end
            of a sentence).
    """
    found: dict[Mention, None] = {}
    for part in _outside_of_fences(text):
        for begin in _BEGINS.finditer(part):
            found[_named(part, begin.end(), there)] = None
    return list(found)


def _outside_of_fences(text: str) -> Iterator[str]:
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if fence:
            fence = "" if match and match[1].startswith(fence) else fence
        elif match:
            fence = match[1]
        else:
            yield line


def _named(text: str, at: int, there: Callable[[str], bool]) -> Mention:
    """What is named behind an `@`."""
    if (quoted := _QUOTED.match(text, at)) is not None:
        path = quoted[2]
        lines = _QUOTED_RANGE.match(text, quoted.end())
        start, end = _lines(*lines.groups()) if lines else (0, 0)
        return Mention(path, start, end, there(path))
    word = _WORD.match(text, at)
    assert word is not None
    said = word[0]
    while True:
        if said == LAST or there(said):
            return Mention(said)
        ranged = _RANGE.match(said)
        if ranged is not None and there(ranged[1]):
            return Mention(ranged[1], *_lines(ranged[2], ranged[3]))
        if len(said) < 2 or said[-1] not in _TRAILING:  # noqa: PLR2004 - a letter is left
            return Mention(word[0].rstrip(_TRAILING) or word[0], known=False)
        said = said[:-1]


def _lines(start: str, end: str | None) -> tuple[int, int]:
    """The lines `10`, `10-20` and `10-`."""
    first = max(int(start), 1)
    if end is None:
        return first, first
    return first, max(int(end), first) if end else 0
