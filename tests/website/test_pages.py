"""Has every page its place in the site, every public name its page? Are the made pages fresh?"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.rig.versions import REPOSITORY as ROOT
from tests.website import api, built, hooks, reference

if TYPE_CHECKING:
    from pathlib import Path

DOCS: Final = ROOT / "docs"
MERMAID_VERSION: Final = "11.17.2"
MERMAID: Final = "7a644017d37f93c8359790884e6b67fb1f747c78eb20475952404bd87190a3f8"
"""Of dist/mermaid.tiny.js in @mermaid-js/tiny of that version."""


def test_every_page_stands_in_the_navigation_once() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"^ *- (?:.+: )?(\S+\.md)$", nav, re.MULTILINE)
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}

    assert {*there, *api.pages(), *hooks.OUTSIDE.values()} ^ {*listed} == set(), (
        "see nav: mkdocs.yml"
    )
    assert [page for page, times in Counter(listed).items() if times > 1] == []


def test_every_public_name_stands_on_a_page_of_the_reference_once() -> None:
    text = "\n".join(api.pages().values())
    named = re.findall(r"^(?:::: |<a id=\")([\w.]+)", text, re.MULTILINE)

    assert Counter(api.public_names()) - Counter(named) == Counter(), "see tests/website/api.py"
    assert [name for name, times in Counter(named).items() if times > 1] == []


def test_the_pages_that_are_made_from_the_code_are_fresh() -> None:
    stale = [
        page
        for page, text in reference.made().items()
        if (reference.FOLDER / page).read_text(encoding="utf-8") != text
    ]

    assert stale == [], "python -m tests.website.reference writes them anew"


def test_the_script_that_draws_diagrams_is_the_one_that_is_named() -> None:
    script = DOCS / "assets/mermaid/mermaid.tiny.js"

    assert hashlib.sha256(script.read_bytes()).hexdigest() == MERMAID
    assert f"tiny {MERMAID_VERSION}" in (script.parent / "README.txt").read_text(encoding="utf-8")


def test_what_is_fetched_elsewhere_or_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="a.css"><script src="//cdn.test/a.js"></script>'
        '<h1 id="top"><a href="below/#there">x</a><a href="below/#not">x</a><a href="gone/">x</a>'
        '<a href="https://elsewhere.test/#x">x</a><img src="gone.png"><a href="#top">x</a></h1>'
    )
    (tmp_path / "below/index.html").write_text('<p id="there"><a href="../#top">x</a></p>')
    (tmp_path / "a.css").write_text('@import "https://fonts.test/a"; b { background: url(b.png) }')
    pages = built.read(tmp_path)

    elsewhere = {url for _, url in built.fetched_elsewhere(tmp_path, pages)}
    assert elsewhere == {"//cdn.test/a.js", "https://fonts.test/a"}
    assert {url for _, url in built.missing(tmp_path, pages)} == {"below/#not", "gone/", "gone.png"}
