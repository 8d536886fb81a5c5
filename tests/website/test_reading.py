"""Does a page read in the site as it does on GitHub?

The two read Markdown differently: Python-Markdown wants an empty line before a list, and four
spaces before what belongs to an item. What markdown-it makes of a page (CommonMark with tables, as
GitHub has it) is compared with what the site's own settings make of it.
"""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

import pytest

from tests.rig.versions import REPOSITORY as ROOT
from tests.website import hooks

if TYPE_CHECKING:
    from pathlib import Path

    from markdown import Markdown

pytestmark = pytest.mark.load

DOCS: Final = ROOT / "docs"
PAGES: Final = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in hooks.OUTSIDE)]
_TOLD: Final = {
    "h1",
    "h2",
    "h3",
    "h4",
    "li",
    "tr",
    "td",
    "th",
    "pre",
    "blockquote",
    "img",
    "strong",
}


class _Parts(HTMLParser):
    """What a page consists of, and the words in its tables and lists."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.cells: list[str] = []
        self._in = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _TOLD:
            self.count[tag] += 1
        if tag in {"td", "th"}:
            self.cells.append("")
            self._in = 1

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in = 0

    def handle_data(self, data: str) -> None:
        if self._in:
            self.cells[-1] += data


def _parts(html: str) -> _Parts:
    found = _Parts()
    found.feed(html)
    return found


@pytest.fixture(scope="module")
def site() -> Markdown:
    from markdown import Markdown
    from mkdocs.config import load_config

    config = load_config(str(ROOT / "mkdocs.yml"))
    return Markdown(extensions=config.markdown_extensions, extension_configs=config.mdx_configs)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_reads_as_it_does_on_github(page: Path, site: Markdown) -> None:
    from markdown_it import MarkdownIt

    text = page.read_text(encoding="utf-8")
    github = _parts(MarkdownIt("commonmark").enable("table").render(text))
    here = _parts(site.reset().convert(hooks.read_alike(text)))

    assert here.count == github.count
    assert here.cells == github.cells
