"""Which files of a folder are about something, and what stands in one? Runs in a box.

Ranked by BM25 over words in lower case, from nothing that is kept: a folder of documents, no web.
The box sees the folder read-only, and nothing of it that is hidden from every tool (.git, .env).
"""

from __future__ import annotations

import html
import math
import os
import re
from collections import Counter
from pathlib import Path
from urllib.parse import quote, unquote

from toolrun.tools.builtin.inside.page import Unreadable, line, page_of, source_of

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_FILES = 5_000
MAX_BYTES = 2 * 1024 * 1024
"""Of a file that are read."""
_ALL_BYTES = 64 * 1024 * 1024
_SNIPPET = 300
_HTML = (".html", ".htm", ".xhtml")
_KINDS = (*_HTML, ".md", ".txt", ".rst", ".csv", ".json", ".toml", ".yaml", ".yml", ".xml", ".log")
_WORD = re.compile(r"\w+")
_K1, _B = 1.5, 0.75
_UNSEEN = re.compile(r"<(script|style|title)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,1000})<", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")


def search(folder: str, query: str, most: int) -> dict[str, Any]:
    """The files that fit best: `hits` of `title`, `url` and `text`."""
    root = Path(folder).resolve()
    wanted = set(_WORD.findall(query.lower()))
    found: list[tuple[Path, Counter[str], int, str]] = []
    often: Counter[str] = Counter()
    left = _ALL_BYTES
    for path in _files(root):
        text = _plain(path)
        left -= len(text)
        if left < 0:
            break
        words = _WORD.findall(f"{path.name} {text}".lower())
        counts = Counter(word for word in words if word in wanted)
        if counts:
            often.update(counts.keys())
        found.append((path, counts, len(words), text if counts else ""))
    mean = sum(length for _, _, length, _ in found) / len(found) if found else 1.0
    ranked = sorted(
        ((_score(each, often, len(found), mean), each[0], each[3]) for each in found if each[1]),
        key=lambda each: (-each[0], each[1]),
    )
    hits = [
        {"title": _title(path, text), "url": _url(root, path), "text": _around(text, wanted)}
        for _, path, text in ranked[:most]
    ]
    return {"hits": hits}


def read(folder: str, url: str, source: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - JSON's
    """One file as a page: `url`, `title`, `text`, `links`; or `error`."""
    root = Path(folder).resolve()
    name = unquote(url.removeprefix("folder:")).lstrip("/")
    try:
        path = (root / name).resolve()
        inside = path.relative_to(root).parts if path.is_relative_to(root) else ()
        if not inside or any(part.startswith(".") for part in inside) or not path.is_file():
            return {"error": "there is no such file in the folder"}
        data, where = _bytes(path), _url(root, path)
        page = source_of(data, "") if source else page_of(data, _kind(path), "", where)
    except (OSError, ValueError, Unreadable) as error:
        return {"error": str(getattr(error, "strerror", None) or error)}
    return {"url": where, **page, "title": page["title"] or _title(path, page["text"])}


def _score(
    each: tuple[Path, Counter[str], int, str], often: Counter[str], files: int, mean: float
) -> float:
    _, counts, length, _ = each
    return sum(
        math.log(1 + (files - often[word] + 0.5) / (often[word] + 0.5))
        * count
        * (_K1 + 1)
        / (count + _K1 * (1 - _B + _B * length / mean))
        for word, count in counts.items()
    )


def _files(folder: Path) -> Iterator[Path]:
    """The documents of a folder, in order; links are not followed, hidden ones passed over."""
    seen = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if name.startswith(".") or not name.lower().endswith(_KINDS):
                continue
            if path.is_symlink() or not path.is_file():  # a pipe would be waited for
                continue
            seen += 1
            if seen > MAX_FILES:
                return
            yield path


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES)


def _plain(path: Path) -> str:
    """A file's words; of HTML what is no tag, which is enough to look for words in."""
    try:
        text = _bytes(path).decode("utf-8", "replace")
    except OSError:
        return ""
    if path.suffix.lower() not in _HTML:
        return text
    title = _TITLE.search(text)
    words = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", text)))
    return f"# {html.unescape(title[1])}\n{words}" if title else words


def _kind(path: Path) -> str:
    return "text/html" if path.suffix.lower() in _HTML else ""


def _title(path: Path, text: str) -> str:
    """The first heading of a text, else the file's name."""
    for each in text.splitlines()[:20]:
        if each.startswith("#") and (said := line(each.lstrip("# "))):
            return said
    return line(path.name)


def _url(folder: Path, path: Path) -> str:
    return "folder:" + quote(str(path.relative_to(folder)), safe="/-._~")


def _around(text: str, wanted: set[str]) -> str:
    """What stands around the first word that is looked for."""
    at = min((m.start() for m in _WORD.finditer(text) if m[0].lower() in wanted), default=0)
    begin = max(0, at - _SNIPPET // 3)
    return " ".join(text[begin : begin + _SNIPPET].split())
