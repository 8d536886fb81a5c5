"""Is the site whole, loads it nothing from elsewhere, and does it work in a browser?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.rig import chromium
from tests.rig.versions import REPOSITORY as ROOT
from tests.website import api, built

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.load

WIDE: Final = 1280
NARROW: Final = 390
DIAGRAM: Final = "explanation/sandbox/"
LOOKED_AT: Final = {
    "": (WIDE, NARROW),
    "tutorial/first-agent/": (NARROW,),
    "reference/faults/": (WIDE, NARROW),
    DIAGRAM: (NARROW,),
}
"""Pages that a browser opens: the first, one of code, one of wide tables, one with a diagram."""
PATIENCE: Final = 120_000
"""Milliseconds that the browser waits for a page: it may share two cores with much else."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.timeout(600)
def test_the_site_is_whole_and_asks_nobody_else_for_anything(tmp_path: Path) -> None:
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    pages = built.read(site)
    assert len(pages) > len(api.pages())
    assert [*built.fetched_elsewhere(site, pages)] == []
    assert [*built.missing(site, pages)] == []
    assert [*_broken_from_outside(site, pages)] == []
    reference = [page.anchors for file, page in pages.items() if site / api.FOLDER in file.parents]
    assert [n for n in api.public_names() if not any(n in anchors for anchors in reference)] == []
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    titles = {entry["title"] for entry in index["docs"]}
    assert {"Your first agent", "The sandbox: what holds, and what does not"} <= titles

    with _served(site) as url:
        chromium.aside(_looked_at, url)


def _broken_from_outside(site: Path, pages: dict[Path, built.Html]) -> Iterator[str]:
    """Links of README.md and its neighbours to sections of the docs that are not there."""
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for path, anchor in re.findall(r"\]\(docs/([^)#]+)\.md#([^)]+)\)", text):
            if anchor not in pages[site / path / "index.html"].anchors:
                yield f"{name}: docs/{path}.md#{anchor}"


def _looked_at(url: str) -> None:
    with chromium.started() as browser:
        for path, widths in LOOKED_AT.items():
            for width in widths:
                _fits(browser, url, path, width)
        _finds(browser, url)


def _fits(browser: Browser, url: str, path: str, width: int) -> None:
    """Nothing is fetched from elsewhere, nothing is wider than the screen, diagrams are drawn."""
    context = browser.new_context(viewport={"width": width, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    seen = chromium.Seen(page)
    page.goto(url + path, wait_until="networkidle")
    assert page.locator("h1").is_visible()
    assert [each for each in seen.requests if not each.startswith(url)] == []
    assert seen.trouble == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if path == DIAGRAM:
        # Each `pre.mermaid` gives way to a `div.mermaid`, whose picture stands in a closed shadow.
        page.wait_for_function("!document.querySelector('pre.mermaid')")
        assert page.locator("div.mermaid").first.bounding_box()["height"] > 100  # type: ignore[index]
    context.close()


def _finds(browser: Browser, url: str) -> None:
    """What is searched for is found, without a request to anybody else."""
    context = browser.new_context(viewport={"width": WIDE, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    seen = chromium.Seen(page)
    page.goto(url, wait_until="networkidle")
    page.locator(".md-search-result__meta", has_text="Type to start").wait_for(state="attached")
    page.locator("input[name=query]").click()
    page.keyboard.type("sandbox profile")  # the theme listens for keys, not for what they made
    found = page.locator(".md-search-result__item a").first
    found.wait_for()
    assert found.get_attribute("href")
    assert [each for each in seen.requests if not each.startswith(url)] == []
    assert seen.trouble == []
    context.close()
