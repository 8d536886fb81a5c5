"""How does what a stranger wrote become text that a model can read and cite? Runs in a box.

Links become `【ID†TEXT†HOST】`, the form that gpt-oss was trained on (openai/gpt-oss,
gpt_oss/tools/simple_browser); the brackets in a page's own text become others, so that no page can
write a link or a citation of its own.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
import warnings
from urllib.parse import quote, urljoin, urlsplit

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TEXT = 600_000
"""Bytes of a page's text; more is cut off."""
MAX_LINKS = 2_000
MAX_URL = 2_000
_TITLE = 200
_WIDTH = 80
_DEPTH = 10_000
"""Frames of Python: some 3,000 elements in each other."""
_BASE = "http://folder.invalid/"
_BRACKETS = str.maketrans({"【": "〖", "】": "〗", "\u200b": None, "\x1e": None})
_MARKS = str.maketrans({"【": "〖", "】": "〗", "†": "‡", "\u200b": None, "\x1e": None})
_HTML = ("text/html", "application/xhtml+xml")
_TEXT = ("text/", "application/json", "application/xml", "application/javascript")


class Unreadable(Exception):
    """It cannot be shown; the text says why, for the model."""


def page_of(data: bytes, kind: str, charset: str, url: str) -> dict[str, Any]:
    """A page as `title`, `text` and `links` (their URLs, by number).

    Args:
        data: what was read.
        kind: its media type ("text/html"); "" where nobody said.
        charset: what its sender calls its encoding; "" where nobody said.
        url: where it was read, which its links are relative to.

    Raises:
        Unreadable: it is of another kind, or its HTML is nested too deeply.
    """
    looks = data[:512].lstrip().lower()
    if kind in _HTML or (not kind and looks.startswith((b"<!doctype html", b"<html"))):
        return _html(data, charset, url)
    if kind and not (kind.startswith(_TEXT) or kind.endswith(("+json", "+xml"))):
        raise Unreadable(f"it is {kind}, and only text can be read")
    if not kind and b"\0" in data[:1024]:
        raise Unreadable("it is no text")
    text = _decoded(data, charset)
    if kind.endswith("json"):
        text = _indented(text)
    return {"title": "", "text": _bounded(text.translate(_BRACKETS)), "links": []}


def source_of(data: bytes, charset: str) -> dict[str, Any]:
    """The same of what was read as it is, markup and all."""
    text = _decoded(data, charset).translate(_BRACKETS)
    return {"title": "", "text": _bounded(text), "links": []}


def _decoded(data: bytes, charset: str) -> str:
    for name in (charset, "utf-8-sig"):
        try:
            return data.decode(name)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return data.decode("utf-8" if charset.lower() in ("", "utf-8") else "latin-1", "replace")


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _html(data: bytes, charset: str, url: str) -> dict[str, Any]:
    # Such as that a page looks like XML, or says another encoding than it has: nobody reads it.
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(_DEPTH)
    try:
        soup = BeautifulSoup(data, "html.parser", from_encoding=charset or None)
        title = soup.title.get_text() if soup.title is not None else ""
        for gone in soup(["script", "style", "noscript", "template", "svg", "title"]):
            gone.decompose()
        links: list[str] = []
        text = _Converter(url, links).convert_soup(soup)
    except RecursionError:
        raise Unreadable("its HTML is nested too deeply") from None
    text = re.sub(r"\n\s*\n\s*", "\n\n", text.replace("\xa0", " ")).strip()
    return {"title": line(title), "text": _bounded(text), "links": links}


def _Converter(url: str, links: list[str]) -> Any:  # noqa: N802 - makes an object of a class
    here = urlsplit(url).netloc
    numbers: dict[str, int] = {}

    class Converter(MarkdownConverter):
        """Text and links; of an image what stands for it."""

        def process_text(self, el: Any, parent_tags: Any = None) -> str:
            text = super().process_text(el, parent_tags)  # type: ignore[misc]  # of an untyped package
            return str(text).translate(_BRACKETS)

        def convert_img(self, el: Any, text: str, parent_tags: Any) -> str:
            del text, parent_tags
            said = line(el.get("alt") or el.get("title") or "")
            return f"[Image: {said}]" if said else ""

        def convert_a(self, el: Any, text: str, parent_tags: Any) -> str:
            del parent_tags
            target, shown = el.get("href"), " ".join(text.translate(_MARKS).split())
            if not shown:
                return ""
            if not isinstance(target, str) or (found := absolute(url, target)) is None:
                return text
            if found not in numbers and len(links) < MAX_LINKS:
                numbers[found] = len(links)
                links.append(found)
            if found not in numbers:
                return text
            host = urlsplit(found).netloc
            beside = "" if host == here else f"†{host}"
            return f"【{numbers[found]}†{shown}{beside}】"

    return Converter(
        heading_style="ATX", escape_misc=False, escape_asterisks=False, escape_underscores=False
    )


def absolute(url: str, target: str) -> str | None:
    """Where a link of a page leads; None for what is no page: a place in it, a mail address."""
    target = target.strip()
    if not target or target.startswith("#"):
        return None
    try:
        if url.startswith("folder:"):  # no scheme that urljoin knows
            found = urljoin(_BASE + url.removeprefix("folder:"), target)
            found = found.replace(_BASE, "folder:", 1) if found.startswith(_BASE) else found
        else:
            found = urljoin(url, target)
        found = plain_url(found)
        parts = urlsplit(found)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "folder") or len(found) > MAX_URL:
        return None
    if parts.scheme != "folder" and not parts.hostname:
        return None
    return found


def plain_url(url: str) -> str:
    """A URL without what could be taken for the text around it: spaces, brackets, controls."""
    url = url.partition("#")[0]
    return quote(url, safe="%/:=&?~#+!$,;'@*[]-._", errors="replace")


def line(text: str) -> str:
    """A text as one line, without marks that a citation or a link has; at most 200 characters."""
    return " ".join(str(text).translate(_MARKS).split())[:_TITLE]


def _bounded(text: str) -> str:
    """The text in lines of at most 80 characters, as the reference has them, cut where too long."""
    data = text.encode("utf-8", "replace")
    left = len(data) - MAX_TEXT
    kept = data[:MAX_TEXT].decode("utf-8", "ignore")
    lines = [part for each in kept.splitlines() for part in _wrapped(each)]
    if left > 0:
        lines.append(f"[The page goes on: {left} bytes are left out.]")
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    if len(text) <= _WIDTH:
        return [text.rstrip()]
    return textwrap.wrap(text, _WIDTH, replace_whitespace=False) or [""]
