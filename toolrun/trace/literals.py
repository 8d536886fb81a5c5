"""How is a value written in Python, as a formatter would write it?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 88
"""Columns of a line: what formatters of Python take if nothing else is said."""
_INDENT: Final = "    "
_WORDS: Final = re.compile(r"\S*\s*")


class Code(NamedTuple):
    """Something that is written as it stands: a name, an expression."""

    text: str


class Made(NamedTuple):
    """A call: what is called, and its arguments, by name where there is one."""

    function: str
    arguments: Sequence[tuple[str, Any]]


def written(value: Any, before: str = "", after: str = "", depth: int = 0) -> str:
    """A value between two texts, over several lines where one is too short for it.

    Args:
        value: a JSON value, a tuple, `Code` or `Made`, and what these consist of.
        before: stands on the first line, without its indentation.
        after: stands behind it.
        depth: of the indentation, in steps.
    """
    indent = _INDENT * depth
    flat = f"{indent}{before}{_flat(value)}{after}"
    if len(flat) <= WIDTH:
        return flat
    if isinstance(value, str):
        pieces = _pieces(value, WIDTH - len(indent) - len(_INDENT))
        if len(pieces) == 1:
            return flat
        lines = [f"{indent}{_INDENT}{string(each)}" for each in pieces]
        return "\n".join([f"{indent}{before}(", *lines, f"{indent}){after}"])
    if not _opens(value):
        return flat
    opening, inner, closing = _opened(value)
    lines = [written(each, name, ",", depth + 1) for name, each in inner]
    return "\n".join([f"{indent}{before}{opening}", *lines, f"{indent}{closing}{after}"])


def string(text: str) -> str:
    """A text in the quotes that need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    escaped = "".join(
        f"\\{each}" if each in (quote, "\\") else each if each.isprintable() else repr(each)[1:-1]
        for each in text
    )
    return f"{quote}{escaped}{quote}"


def _flat(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, Code):
        return value.text
    if isinstance(value, str):
        return string(value)
    if not isinstance(value, Made | dict | list | tuple):
        return repr(value)
    opening, inner, closing = _opened(value)
    comma = "," if len(inner) == 1 and closing == ")" and not isinstance(value, Made) else ""
    return f"{opening}{', '.join(f'{name}{_flat(each)}' for name, each in inner)}{comma}{closing}"


def _opens(value: Any) -> bool:
    """Whether a value can be written over several lines."""
    if isinstance(value, Made):
        return bool(value.arguments)
    return isinstance(value, dict | list | tuple) and not isinstance(value, Code) and bool(value)


def _opened(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """What a value begins with, its parts with what stands before each, and its end."""
    match value:
        case Made():
            return f"{value.function}(", _arguments(value), ")"
        case dict():
            return "{", [(f"{string(str(key))}: ", each) for key, each in value.items()], "}"
        case list():
            return "[", [("", each) for each in value], "]"
        case _:
            return "(", [("", each) for each in value], ")"


def _arguments(made: Made) -> list[tuple[str, Any]]:
    return [(f"{name}=" if name else "", each) for name, each in made.arguments]


def _pieces(text: str, room: int) -> list[str]:
    """A text in parts that fit into a line each, parted between words and behind newlines."""
    pieces: list[str] = []
    for line in text.splitlines(keepends=True):
        piece = ""
        for word in _WORDS.findall(line):
            if piece and len(string(piece + word)) > room:
                pieces.append(piece)
                piece = ""
            piece += word
        pieces += [piece] if piece else []
    return pieces
