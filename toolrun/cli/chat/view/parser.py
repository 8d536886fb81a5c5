"""Which Markdown is understood? CommonMark with tables and strikethrough, and no HTML.

Definitions of links (`[1]: https://…`) are left as they are written, and so is what refers to
them: they stand at the end of an answer, where its beginning has long been printed, and both are
readable as they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


@lru_cache(1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # late: it takes 50 ms, and nobody waits for a first answer

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20})
    return parser.enable(["table", "strikethrough"]).disable(
        ["html_block", "html_inline", "reference"]
    )


def parsed(text: str) -> list[Token]:
    """The tokens of a text."""
    return _parser().parse(text)


def parsed_inline(text: str) -> list[Token]:
    """The tokens of a text that is inside of a line."""
    parser = _parser()
    tokens: list[Token] = []
    parser.inline.parse(text, parser, {}, tokens)
    return tokens


def blocks(text: str) -> list[Token]:
    """The tokens of a text without what is inside its lines, which takes most of the time."""
    parser = _parser()
    tokens: list[Token] = []
    parser.block.parse(text, parser, {}, tokens)
    return tokens


def warm() -> None:
    """Load what the first answer would wait for, and the language that most code of it is in."""
    from toolrun.cli.chat.view.code import highlighted

    parsed("*a*")
    highlighted("pass", "python")
