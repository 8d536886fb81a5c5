"""In which colours is code shown? In those of the terminal, by what each word is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.view.paint import Line, Span, clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pygments.lexer import Lexer
    from pygments.token import _TokenType

_MOST: Final = 100_000
"""Characters of code that are coloured; it takes a second for a million."""

_THEME: Final = {
    "Comment": "2;3",
    "Comment.Preproc": "35",
    "Keyword": "35",
    "Keyword.Constant": "33",
    "Operator.Word": "35",
    "Literal.String": "32",
    "Literal.String.Escape": "33",
    "Literal.Number": "33",
    "Name.Builtin": "36",
    "Name.Function": "34",
    "Name.Class": "34;1",
    "Name.Decorator": "34",
    "Name.Exception": "36",
    "Name.Tag": "34",
    "Name.Attribute": "36",
    "Generic.Inserted": "32",
    "Generic.Deleted": "31",
    "Generic.Heading": "1",
    "Generic.Subheading": "36",
    "Generic.Prompt": "2",
}

TEXTS: Final = frozenset({_THEME["Comment"], _THEME["Literal.String"]})
"""The colours of what may be longer than a line."""


def highlighted(code: str, language: str) -> list[Line]:
    """The lines of a piece of code; plain where the language is not known."""
    lexer = _lexer(language) if language and len(code) <= _MOST else None
    if lexer is None:
        return [[("", line)] if line else [] for line in clean(code).split("\n")]
    return _lines((_sgr(kind), clean(text)) for _, kind, text in lexer.get_tokens_unprocessed(code))


def _lines(spans: Iterable[Span]) -> list[Line]:
    lines: list[Line] = [[]]
    for sgr, text in spans:
        first, *others = text.split("\n")
        if first:
            lines[-1].append((sgr, first))
        lines += [[(sgr, other)] if other else [] for other in others]
    return [list(_joined(line)) for line in lines]


def _joined(line: Line) -> Iterator[Span]:
    """A line with what is next to each other in the same colour as one."""
    before, texts = "", ""
    for sgr, text in line:
        if sgr == before or text.isspace():
            texts += text
            continue
        if texts:
            yield before, texts
        before, texts = sgr, text
    if texts:
        yield before, texts


@lru_cache(256)
def _sgr(kind: _TokenType) -> str:
    """The colour of a kind of word: of the nearest kind that has one."""
    names = list(kind)
    while names:
        if (name := ".".join(names)) in _THEME:
            return _THEME[name]
        names.pop()
    return ""


@lru_cache(64)
def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name  # late: it takes 20 ms
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language.lower())
    except ClassNotFound:
        return None
