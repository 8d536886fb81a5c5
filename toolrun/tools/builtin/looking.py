"""Which page does a call of the browser mean, and is it still here or read anew?"""

from __future__ import annotations

import contextlib
import textwrap
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from msgspec import structs

from toolrun.tools.builtin.pages import CannotBrowse, Page, found, shown
from toolrun.tools.builtin.search import Hit, Library
from toolrun.tools.builtin.visits import FIND, NAMES, SEARCH, SOURCE, Visit, visits
from toolrun.tools.results import shown as text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.tools.builtin.search import Search
    from toolrun.tools.builtin.web import Web
    from toolrun.tools.work import Serving

MAX_HITS: Final = 20
_PAGES: Final = 32
_SIZE: Final = 8 * 1024 * 1024
_KEEPER: Final = "pages of the browser"


class Pages:
    """Pages that a session has read, by the display that they were read for; the last ones."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[str, Page]] = OrderedDict()

    def put(self, cursor: int, url: str, page: Page) -> None:
        """Keep a page."""
        self._kept.pop(cursor, None)
        self._kept[cursor] = (url, page)
        while len(self._kept) > 1 and (
            len(self._kept) > _PAGES or sum(p.size for _, p in self._kept.values()) > _SIZE
        ):
            self._kept.popitem(last=False)

    def get(self, visit: Visit) -> Page | None:
        """The page of a display; None where another stood there, before an undo, or it is gone."""
        key, page = self._kept.get(visit.cursor, ("", None))
        return page if key == _key(visit.name, visit.arguments, visit.url) else None

    def at(self, url: str) -> Page | None:
        """The page of a URL, as it was read last."""
        for _, page in reversed(self._kept.values()):
            if page.url == url and not page.results:
                return page
        return None


class Looking:
    """One call of the browser.

    Its cursor is the number after those in the transcript, further on by the calls of the browser
    before it in the same message: the same whenever the session happens again.
    """

    def __init__(self, serving: Serving, search: Search | None, web: Web) -> None:
        state = serving.state
        self.arguments: dict[str, Any] = serving.arguments
        self._serving, self._search, self._web = serving, search, web
        self._seen = visits(state.transcript)
        self._pages = serving.kept.of(_KEEPER, Pages)
        before = [call.id for call in state.calls if call.name in NAMES]
        place = before.index(serving.call.id) if serving.call.id in before else 0
        self._cursor = max(self._seen, default=-1) + 1 + place

    def show(self, page: Page, loc: int = -1, num_lines: int = -1) -> str:
        """Show a page, and keep it.

        Raises:
            CannotBrowse: it has no such line.
        """
        tool = self._serving.tool
        text = shown(page, self._cursor, loc, num_lines, tool.options.max_output)
        url = "" if tool.name == SEARCH else page.url
        self._pages.put(self._cursor, _key(tool.name, self.arguments, url), page)
        return text

    async def searched(self, query: str, topn: int) -> Page:
        """A page of what is found.

        Raises:
            CannotBrowse: nothing can be searched.
        """
        assert self._search is not None
        most = min(max(int(topn), 1), MAX_HITS)
        try:
            hits = await self._search.search(query, most, self._serving)
        except Exception as error:
            why = text_of(error)
            raise CannotBrowse(f"Error during search for `{query[:200]}`: {why}") from error
        return _results(query, hits)

    async def opened(self) -> tuple[Page, int]:
        """The page that `browser_open` means, and the line to begin with.

        Raises:
            CannotBrowse: there is none.
        """
        given = self.arguments
        link, source = given.get("id", -1), bool(given.get("view_source", False))
        if isinstance(link, str) and link.strip().isdecimal():  # meant as one of the page's links
            link = int(link)
        if isinstance(link, str):
            return await self._read(SOURCE * source + link), 0
        page = await self._page(self._visit(given.get("cursor", -1)))
        if link < 0:
            return (await self._read(SOURCE + page.url) if source else page), 0
        link = int(link)
        if link >= len(page.links):
            raise CannotBrowse(f"Invalid link id `{link}`.")
        url = page.links[link]
        known = None if source else self._pages.at(url)
        loc = page.places[link] if page.places else 0
        return known or await self._read(SOURCE * source + url), 0 if source else loc

    async def matches(self) -> Page:
        """The places that `browser_find` looks for.

        Raises:
            CannotBrowse: there is no such page, or it is one of results.
        """
        page = await self._page(self._visit(self.arguments.get("cursor", -1)))
        return found(page, self.arguments["pattern"])

    def _visit(self, cursor: float) -> Visit:
        """The display of a cursor.

        Raises:
            CannotBrowse: there is none.
        """
        if not self._seen:
            raise CannotBrowse("No pages to access! Search, or open a URL, first.")
        cursor = int(cursor)
        visit = self._seen.get(max(self._seen) if cursor == -1 else cursor)
        if visit is None:
            raise CannotBrowse(
                f"Cursor `{cursor}` is out of range. Available cursors: {_ranges(self._seen)}."
            )
        return visit

    async def _page(self, visit: Visit) -> Page:
        """The page of a display; one that is not kept any more is read again."""
        if (kept := self._pages.get(visit)) is not None:
            return kept
        given = visit.arguments
        if visit.name == SEARCH:
            if self._search is None:
                raise CannotBrowse("There is nothing to search by any more.")
            page = await self.searched(str(given.get("query", "")), given.get("topn", 10))
        elif visit.name == FIND:
            page = found(await self._page(self._below(visit)), str(given.get("pattern", "")))
        elif visit.url:
            page = await self._read(visit.url)
        else:  # a page of results, from another line
            page = await self._page(self._below(visit))
        self._pages.put(visit.cursor, _key(visit.name, given, visit.url), page)
        return page

    def _below(self, visit: Visit) -> Visit:
        """The display that a call was made on; one before it, so that this comes to an end."""
        cursor = visit.arguments.get("cursor", -1)
        cursor = visit.latest if cursor == -1 else int(cursor)
        below = self._seen.get(cursor)
        if below is None or below.cursor >= visit.cursor:
            raise CannotBrowse(f"The page of cursor `{visit.cursor}` is gone; open it again.")
        return below

    async def _read(self, url: str) -> Page:
        """What stands at a URL; after `view-source:` as it is written."""
        if url.startswith(SOURCE):
            page = await self._fetched(url.removeprefix(SOURCE).removeprefix(SOURCE), source=True)
            return structs.replace(page, url=SOURCE + page.url)
        return await self._fetched(url, source=False)

    async def _fetched(self, url: str, *, source: bool) -> Page:
        library: object = self._search
        if isinstance(library, Library) and url.startswith(library.scheme):
            try:
                return await library.read(url, source, self._serving)
            except CannotBrowse as error:
                raise CannotBrowse(f"Error opening `{url[:500]}`: {error}.") from error
        return await self._web.read(url, source, self._serving)


def _key(name: str, arguments: dict[str, Any], url: str) -> str:
    """What tells one display from another that had its cursor before an undo."""
    return f"{name} {sorted(arguments.items())!r} {url}"


def _ranges(seen: dict[int, Visit]) -> str:
    cursors = sorted(seen)
    if cursors[-1] - cursors[0] + 1 == len(cursors):
        return f"{cursors[0]} - {cursors[-1]}"
    return ", ".join(map(str, cursors[-50:]))


def _results(query: str, hits: Sequence[Hit]) -> Page:
    """A page of links."""
    lines = ["# Search Results", ""]
    for number, hit in enumerate(hits):
        host = ""
        with contextlib.suppress(ValueError):
            host = urlsplit(hit.url).netloc
        beside = f"†{host}" if host else ""
        lines.append(f"* 【{number}†{_plain(hit.title)}{beside}】 {_plain(hit.text)}".rstrip())
    if not hits:
        lines.append("Nothing was found.")
    return Page(
        url="",
        # Behind the title of a page stands its URL, in parentheses: here is none.
        title=_plain(query)[:200].translate(_PARENTHESES),
        lines=tuple(part for line in lines for part in _wrapped(line)),
        links=tuple(hit.url for hit in hits),
        results=True,
    )


def _plain(text: str) -> str:
    """A text as one line, without the marks that a link or a citation has."""
    return " ".join(text.translate(_MARKS).split())


_PARENTHESES: Final = str.maketrans("()", "[]")
_MARKS: Final = str.maketrans({"【": "〖", "】": "〗", "†": "‡"})


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 80, replace_whitespace=False) or [""]
