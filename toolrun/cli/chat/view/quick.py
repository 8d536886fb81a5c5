"""Which marks inside of a line are so plain that what they mean is known without a parser?

Words, and around some of them the marks of strong, emphasised, code, or a link. It is for what is
shown for a moment: the parser has the last word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.view import look as l

if TYPE_CHECKING:
    from toolrun.cli.chat.view.paint import Span

_CHAR: Final = r"[^\W_]"
_SOME: Final = r"[ ,.;:'\"?()/%$@+=#-]"
_WORDS: Final = rf"{_CHAR}(?:(?:{_CHAR}|{_SOME})*{_CHAR})?"
_MARKED: Final = re.compile(
    rf"(?P<words>(?:{_CHAR}|{_SOME})+)"
    rf"|\*\*(?P<strong>{_WORDS})\*\*"
    rf"|\*(?P<em>{_WORDS})\*"
    rf"|`(?P<code>{_CHAR}(?:{_CHAR}|[,.;:'\"?()/%$@+=#_-])*)`"
    rf"|\[(?P<link>{_WORDS})\]\((?P<address>(?:{_CHAR}|[.:/#?=%@+-])*)\)"
    r"|(?P<open>\[)"
)
_STYLES: Final = {
    "words": "",
    "open": "",
    "strong": l.BOLD,
    "em": l.ITALIC,
    "code": l.CODE,
    "address": l.UNDERLINED,
}


def marked(text: str) -> list[Span] | None:
    """The spans of a text, in colours; None where only a parser can tell them."""
    spans: list[Span] = []
    at = 0
    while at < len(text):
        found = _MARKED.match(text, at)
        if found is None:
            return None
        kind = found.lastgroup or ""
        words = found["link"] if kind == "address" else found[kind]
        spans.append((_STYLES[kind], words))
        if kind == "address" and found["address"] not in ("", words):
            spans.append((l.DIM, f" ({found['address']})"))
        at = found.end()
    return spans
