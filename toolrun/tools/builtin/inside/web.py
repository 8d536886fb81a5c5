"""How is a page fetched? In a box whose only way out is the proxy, within bounds."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
import zlib
from urllib.parse import urlencode, urlsplit

from toolrun.tools.builtin.inside.page import Unreadable, line, page_of, plain_url, source_of

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 2 * 1024 * 1024
"""Of a body, decoded; a page that is longer is cut off, and one that unfolds to more refused."""
_CHUNK = 65_536
_SNIPPET = 400
_AGENT = "Mozilla/5.0 (compatible; toolrun)"
_ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def fetch(url: str, seconds: float, source: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - a call's arguments
    """A page of the web: `url` (after redirects), `title`, `text`, `links`; or `error`."""
    try:
        body, kind, charset, url = _read(url, seconds)
        page = source_of(body, charset) if source else page_of(body, kind, charset, url)
    except Unreadable as error:
        return {"error": str(error)}
    return {"url": plain_url(url), **page}


def searxng(url: str, query: str, most: int, seconds: float) -> dict[str, Any]:
    """What a SearXNG finds: `hits` of `title`, `url` and `text`; or `error`.

    https://docs.searxng.org/dev/search_api.html; its settings have to list `json` as a format.
    """
    asked = urlencode({"q": query, "format": "json"}, errors="replace")
    try:
        body, *_ = _read(f"{url}{'&' if '?' in url else '?'}{asked}", seconds)
        said = json.loads(body)
        found = said["results"]
        hits = [_hit(each) for each in found[: 4 * most] if isinstance(each, dict)]
    except Unreadable as error:
        return {"error": str(error)}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return {"error": f"the answer is none of a SearXNG: {type(error).__name__}: {error}"}
    return {"hits": [each for each in hits if each["url"]][:most]}


def _hit(found: dict[str, Any]) -> dict[str, str]:
    url = str(found.get("url") or "")
    text = " ".join(str(found.get("content") or "").split())[:_SNIPPET]
    return {
        "title": line(found.get("title") or "") or url[:80],
        "url": plain_url(url)[:2_000] if urlsplit(url).scheme in ("http", "https") else "",
        "text": text,
    }


def _read(url: str, seconds: float) -> tuple[bytes, str, str, str]:
    """The body, its media type, its encoding, and where it was found in the end."""
    by = time.monotonic() + seconds
    request = urllib.request.Request(  # noqa: S310 - its scheme was looked at
        url,
        headers={
            "User-Agent": _AGENT,
            "Accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.8",
            "Accept-Encoding": "identity",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 - the same
            if not answer.geturl().startswith(("http://", "https://")):
                raise Unreadable("it leads to something that is no page of the web")
            body = _body(answer, by)
            kind = answer.headers.get_content_type() if answer.headers["content-type"] else ""
            return body, kind, answer.headers.get_content_charset() or "", answer.geturl()
    except urllib.error.HTTPError as error:
        with error:
            raise Unreadable(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise Unreadable(_why(error.reason)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreadable(_why(error)) from None


def _why(error: object) -> str:
    """What went wrong, in one line; of a tunnel that was refused what the proxy said."""
    text = str(error) or type(error).__name__
    refused = re.search(r"Tunnel connection failed: (.*)", text)
    return f"HTTP {refused[1]}" if refused else " ".join(text.split())[:500]


def _body(answer: Any, by: float) -> bytes:
    encoding = (answer.headers["content-encoding"] or "identity").strip().lower()
    if encoding not in ("identity", "") and encoding not in _ENCODINGS:
        raise Unreadable(f"it is encoded as {encoding[:40]!r}, which was not asked for")
    unfold = zlib.decompressobj(_ENCODINGS[encoding]) if encoding in _ENCODINGS else None
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        if time.monotonic() > by:
            raise Unreadable("it takes too long to come")
        if unfold is not None:
            try:
                chunk = unfold.decompress(chunk, MAX_BYTES + 1 - len(body))
            except zlib.error as error:
                raise Unreadable(f"it is not the {encoding} that it says: {error}") from None
        body += chunk
        if len(body) > MAX_BYTES:
            if unfold is not None:
                raise Unreadable(f"it unfolds to more than {MAX_BYTES} bytes")
            del body[MAX_BYTES:]
            break
    return bytes(body)
