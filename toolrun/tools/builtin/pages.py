"""What does the model see of a page? Some numbered lines of it, under a head that says which.

The forms are those of the reference browser (openai/gpt-oss, gpt_oss/tools/simple_browser): cursor,
title and URL, which lines of how many, then each line behind its number.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

WINDOW: Final = 4_000
"""Characters that are shown where the model does not say how many lines: some 1,000 tokens."""
_BEFORE: Final = 4
_MATCHES: Final = 50
_LINES_OF_A_MATCH: Final = 4
_LINK: Final = re.compile(r"【\d+†([^【】†]*)(?:†[^【】]*)?】")
_FIRST_HALF: Final = re.compile(r"【\d+(?:†([^【】†]*))?(?:†[^【】]*)?$")
_SECOND_HALF: Final = re.compile(r"^([^【】†]*)(?:†[^【】]*)?】")


class CannotBrowse(Exception):
    """It cannot be shown; the text says why, for the model."""


class Page(Struct, frozen=True):
    """What was read, in lines.

    Attributes:
        title: of the page.
        lines: of its text.
        url: where; "" of a page of results.
        links: where its links lead, by their numbers.
        places: of a page of matches, the line that each link leads to.
        results: whether it is a page of results or matches, which is not searched in.
    """

    url: str
    title: str
    lines: tuple[str, ...]
    links: tuple[str, ...] = ()
    places: tuple[int, ...] = ()
    results: bool = False

    @property
    def size(self) -> int:
        """Characters, about."""
        return sum(map(len, self.lines)) + sum(map(len, self.links))


def shown(page: Page, cursor: int, loc: int, num_lines: int, most: int) -> str:
    """Lines of a page as the model reads them.

    Args:
        page: of which.
        cursor: the number of this display.
        loc: the first line; below 0 for the beginning.
        num_lines: how many; below 1 for as many as usual.
        most: bytes that all of it may have.

    Raises:
        CannotBrowse: the page has no such line.
    """
    loc, total = max(loc, 0), len(page.lines)
    if loc >= total:
        raise CannotBrowse(
            f"Invalid location parameter: `{loc}`. The page has the lines 0 to {total - 1}."
        )
    room = most - 2_500  # of the head
    if num_lines < 1:
        room, num_lines = min(room, WINDOW), total
    body: list[str] = []
    for number, line in enumerate(page.lines[loc : loc + num_lines], loc):
        body.append(f"L{number}: {line}")
        room -= len(body[-1].encode(errors="replace")) + 1
        if room <= 0:
            break
    where = f" ({page.url})" if page.url else ""
    last = loc + len(body) - 1
    head = f"[{cursor}] {page.title}{where}\n**viewing lines [{loc} - {last}] of {total - 1}**"
    return "\n".join([head, "", *body])


def found(page: Page, pattern: str) -> Page:
    """The places of a page where a pattern stands, in any case, as a page of links to them.

    Raises:
        CannotBrowse: it is a page of results itself.
    """
    if page.results:
        raise CannotBrowse("A page of search results cannot be searched in: open one of its links.")
    lines = [_unlinked(line) for line in page.lines]
    wanted = pattern.lower()
    places: list[int] = []
    shown_lines: list[str] = []
    at = 0
    while at < len(lines) and len(places) < _MATCHES:
        if wanted not in lines[at].lower():
            at += 1
            continue
        shown_lines += ["", f"# 【{len(places)}†match at L{at}】"]
        shown_lines += lines[at : at + _LINES_OF_A_MATCH]
        places.append(at)
        at += _LINES_OF_A_MATCH
    quoted = " ".join(pattern.split())[:100]
    return Page(
        url=page.url,
        title=f"Find results for text: `{quoted}` in `{page.title}`",
        lines=tuple(shown_lines[1:]) or (f"No `find` results for pattern: `{quoted}`",),
        links=tuple(page.url for _ in places),
        places=tuple(max(0, place - _BEFORE) for place in places),
        results=True,
    )


def _unlinked(line: str) -> str:
    """A line with the texts of its links alone, of those that it breaks off, too."""
    line = _LINK.sub(r"\1", line)
    line = _FIRST_HALF.sub(lambda half: half[1] or "", line)
    return _SECOND_HALF.sub(r"\1", line)
