"""What does a built site load, where do its links lead, and what can be linked to?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOADS: Final = {
    ("script", "src"), ("img", "src"), ("img", "srcset"), ("source", "src"), ("iframe", "src"),
    ("video", "src"), ("audio", "src"), ("object", "data"), ("embed", "src"),
}  # fmt: skip
_SHOWN: Final = {"canonical", "prev", "next", "alternate", "author", "license"}
"""What `<link rel=...>` may say without the browser fetching anything."""
_STYLED: Final = re.compile(r"(?:@import\s+|url\()\s*[\"']?([^\"')\s;]+)")


@dataclass
class Html:
    """One page: what its browser fetches, its links, its anchors."""

    loads: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Html()
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if "id" in said:
            self.page.anchors.add(said["id"])
        self.page.loads += [said[name] for part, name in _LOADS if part == tag and name in said]
        self.page.loads += _STYLED.findall(said.get("style", ""))
        if tag == "link" and said.get("rel") not in _SHOWN:
            self.page.loads.append(said["href"])
        if tag == "a" and "href" in said:
            self.page.links.append(said["href"])
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._style:
            self.page.loads += _STYLED.findall(data)


def read(folder: Path) -> dict[Path, Html]:
    """All pages of a site."""
    pages = {}
    for file in sorted(folder.rglob("*.html")):
        reader = _Reader()
        reader.feed(file.read_text(encoding="utf-8"))
        pages[file] = reader.page
    return pages


def fetched_elsewhere(folder: Path, pages: dict[Path, Html]) -> Iterator[tuple[Path, str]]:
    """What pages and stylesheets have a browser fetch from another host."""
    styles = {file: _STYLED.findall(file.read_text("utf-8")) for file in folder.rglob("*.css")}
    for file, loads in [*((f, page.loads) for f, page in pages.items()), *styles.items()]:
        yield from ((file, url) for url in loads if urlsplit(url).netloc)


def missing(folder: Path, pages: dict[Path, Html]) -> Iterator[tuple[Path, str]]:
    """What pages load and link to in the site, and is not there."""
    for file, page in pages.items():
        for url in (*page.loads, *page.links):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            there = _file(folder, file, unquote(parts.path))
            found = pages.get(there)
            if not there.is_file() or (
                parts.fragment and found and unquote(parts.fragment) not in found.anchors
            ):
                yield file, url


def _file(folder: Path, here: Path, path: str) -> Path:
    """The file that a path leads to, as a server of files would have it."""
    if not path:
        return here
    there = folder / path.lstrip("/") if path.startswith("/") else here.parent / path
    return (there / "index.html" if there.is_dir() else there).resolve()
