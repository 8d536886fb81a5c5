"""How do the differences of two sessions look to a person?"""

from __future__ import annotations

from difflib import unified_diff
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from toolrun.cli import screen as s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.trace.difference import Difference

_GONE: Final = s.Style("    - ", "    - ", "31", every_line=True)
_NEW: Final = s.Style("    + ", "    + ", "32", every_line=True)
_SAME: Final = s.Style("      ", "      ", "2", every_line=True)
_LINES: Final = 40
_LONGEST: Final = 240
_TEXTS: Final = ("user message", "reasoning", "text", "result", "turn", "step", "call")
"""Kinds of differences whose sides are texts, and not JSON values."""
_SHORT: Final = ("tokens", "outcome", "decision", "retries", "status")
"""Kinds whose sides stand in one line."""


def lines(differences: Sequence[Difference]) -> Iterator[tuple[s.Style, str]]:
    """A title for each place, and what differs there, both sides under each other."""
    for place, found in groupby(differences, _place):
        yield s.TITLE, place
        for each in found:
            yield s.NAME, f"  {_what(each)}"
            if each.what not in _SHORT:
                yield from _sides(each)


def _place(each: Difference) -> str:
    if not each.turn:
        return each.what if each.what != "event" else "before the first turn"
    second = " of the second" if each.what == "step" and each.before is UNSET else ""
    return f"turn {each.turn}{f', step {each.step}' if each.step else ''}{second}"


def _what(each: Difference) -> str:
    if each.what in ("turn", "step", "call") and UNSET in (each.before, each.after):
        return f"this {each.what} is only in the {'first' if each.after is UNSET else 'second'}"
    if each.what in _SHORT:
        kind = "tokens written" if each.what == "tokens" else each.what
        sides = [_value(side) for side in (each.before, each.after)]
        return f"{kind}{f' of {each.call}' if each.call else ''}: {' -> '.join(sides)}"
    if each.what in ("settings", "event"):
        return each.field
    head = each.call if each.what == "tools" else each.what
    of = each.call if each.what != "tools" else ""
    return " ".join(part for part in (head, each.field, of and f"of {of}") if part)


def _value(side: Any) -> str:
    if side is UNSET or side in ("", []):
        return "none"
    return ", ".join(side) if isinstance(side, list) else str(side)


def _sides(each: Difference) -> Iterator[tuple[s.Style, str]]:
    before, after = (_text(each, side) for side in (each.before, each.after))
    if before and after and ("\n" in before or "\n" in after):
        yield from _by_line(before, after)
        return
    begin = _parting(before or "", after or "")
    for style, text in ((_GONE, before), (_NEW, after)):
        if text is not None:
            yield style, _around(text, begin)


def _text(each: Difference, side: Any) -> str | None:
    if side is UNSET:
        return None
    if isinstance(side, str) and each.what in _TEXTS:
        return side or "(nothing)"
    return msgspec.json.encode(side).decode()


def _by_line(before: str, after: str) -> Iterator[tuple[s.Style, str]]:
    """The lines that are not the same, with those around them."""
    found = unified_diff(before.split("\n"), after.split("\n"), n=1, lineterm="")
    shown = list(islice(found, 2, 3 + _LINES))  # the first two name files
    for number, line in enumerate(shown[:_LINES]):
        if line.startswith("@@"):
            if number:
                yield _SAME, "..."
        else:
            yield {"-": _GONE, "+": _NEW}.get(line[0], _SAME), _around(line[1:], 0)
    if len(shown) > _LINES:
        yield _SAME, "... and more"


def _parting(before: str, after: str) -> int:
    """Where two texts part."""
    for index, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            return index
    return min(len(before), len(after))


def _around(text: str, parting: int) -> str:
    """What stands around a place of a text; all of it where it is not long."""
    if len(text) <= _LONGEST:
        return text
    begin = max(0, min(parting - _LONGEST // 4, len(text) - _LONGEST))
    end = begin + _LONGEST
    more = f"... ({len(text) - end:,} more)" if end < len(text) else ""
    return f"{'...' if begin else ''}{text[begin:end]}{more}"
