"""What becomes of docs/ on its way into the site? mkdocs calls the functions below.

The pages are plain Markdown that GitHub shows, too. So what only the site has is added here: the
reference of Python, files of the repository that pages link to, the script that draws diagrams.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from tests.rig.versions import REPOSITORY as ROOT
from tests.website import api

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

OUTSIDE: Final = {
    "CHANGELOG.md": "changelog.md",
    "toolrun/models/nano/CARD.md": "reference/embedded-model.md",
}
"""Files of the repository that are pages of the site, and their places there."""
STANDS_FOR: Final = {"README.md": "index.md", "toolrun/events.py": "reference/python/events.md"}
"""Files of the repository for which the site has a page of its own."""

_COMMENT: Final = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
_ROW: Final = re.compile(r"^\|.*$", re.MULTILINE)
_CODE: Final = re.compile(r"`[^`]*`")
_LINK: Final = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
_FIRST_CELL: Final = re.compile(r"^\| `[^|]*", re.MULTILINE)
_NAME: Final = re.compile(r"`([A-Za-z]\w+)[^`]*`")
_DIAGRAM: Final = re.compile(r'<pre class="mermaid">.*?</pre>', re.DOTALL)
_SCRIPT: Final = '<script src="{}"></script>'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside of docs/."""
    from mkdocs.structure.files import File

    for path, text in api.pages().items():
        files.append(File.generated(config, path, content=text))
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    for schema in sorted((ROOT / "schemas").iterdir()):
        files.append(File.generated(config, f"schemas/{schema.name}", abs_src_path=str(schema)))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Leave out comments for the tests, and have links lead to where things are in the site."""
    here = page.file.src_uri
    if here == "index.md":  # the front page says by itself where to go
        page.meta["hide"] = ["navigation", "toc"]
    source = {place: source for source, place in OUTSIDE.items()}.get(here, f"docs/{here}")
    markdown = read_alike(markdown)
    if here in ("reference/api.md", "reference/events.md", "reference/errors.md"):
        markdown = _FIRST_CELL.sub(_with_references, markdown)
    return _LINK.sub(lambda link: _link(link, here, source, files), markdown)


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Say the page's language; load the script that draws diagrams where there are any."""
    if page.file.src_uri.startswith("ja/"):
        output = output.replace('<html lang="en"', '<html lang="ja"', 1)
    output, diagrams = _DIAGRAM.subn(r'<div class="diagram">\g<0></div>', output)
    if not diagrams:
        return output
    script = posixpath.relpath("assets/mermaid/mermaid.tiny.js", page.url or ".")
    return output.replace("</body>", f"{_SCRIPT.format(script)}</body>")


def read_alike(markdown: str) -> str:
    """The text without comments, which are for the tests, and as Python-Markdown has to have it.

    In a table it takes an escaped stroke within code to the letter.
    """
    markdown = _COMMENT.sub("", markdown)
    return _ROW.sub(
        lambda row: _CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), markdown
    )


def _with_references(cell: re.Match[str]) -> str:
    """The first cell of a row, its names leading to the reference of Python."""
    known = api.anchors()
    return _NAME.sub(
        lambda name: f"[{name[0]}][{known[name[1]]}]" if name[1] in known else name[0], cell[0]
    )


def _link(link: re.Match[str], here: str, source: str, files: Files) -> str:
    """The link as it has to be in the site; its text alone where the site has no such file."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
    path = OUTSIDE.get(path) or STANDS_FOR.get(path) or path.removeprefix("docs/")
    if files.get_file_from_path(path) is None:
        is_there = (ROOT / path).exists() or (ROOT / "docs" / path).exists()
        return link["text"] if is_there else link[0]
    there = posixpath.relpath(path, posixpath.dirname(here) or ".")
    return f"[{link['text']}]({there}{link['anchor'] or ''})"
