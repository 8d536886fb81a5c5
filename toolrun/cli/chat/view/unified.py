"""How does a change of a text read as a unified diff: all of it, and in bounded time?

A change by a stranger is shown so that somebody decides on it. What differs in line ends alone
differs, too; and what `difflib` would go through for minutes is shown as lines that go and come.
"""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_AROUND: Final = 3
_PAIRS: Final = 4_000_000
"""Lines of one side times those of the other: half a second of `difflib`, where it is worst."""
_RETURN: Final = "\u240d"
_UNENDED: Final = "\\ No newline at end of file"


def unified(before: str, after: str, path: str = "") -> list[str]:
    """The lines of a unified diff with three lines around each change; none where nothing changed.

    Args:
        before: the text as it was; empty where there was none.
        after: as it will be.
        path: stands above both.
    """
    old, new = _lines(before, after)
    first = _alike(old, new)
    last = _alike(old[first:][::-1], new[first:][::-1])
    if (len(old) - first - last) * (len(new) - first - last) > _PAIRS:
        return list(_coarse(old, new, first, last, path))
    return list(unified_diff(old, new, path or "before", path or "after", lineterm=""))


def _lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines of both; what ends them is shown where it is not the same throughout."""
    ends = {_end(text) for text in (before, after) if text}
    if len(ends) == 1 and None not in ends:
        before, after = (text.replace("\r\n", "\n") for text in (before, after))
    found = []
    for text, other in ((before, after), (after, before)):
        lines = [_shown(line) for line in text.split("\n")]
        if lines[-1] == "":
            lines.pop()
        elif other and text.endswith("\n") != other.endswith("\n"):
            lines[-1] += f"\n{_UNENDED}"
        found.append(lines)
    return found[0], found[1]


def _end(text: str) -> str | None:
    """What ends each line of a text; None where that differs."""
    returns, ends = text.count("\r"), text.count("\r\n")
    if not returns:
        return "\n"
    return "\r\n" if returns == ends == text.count("\n") else None


def _shown(line: str) -> str:
    # Else it would be the end of the line for whatever shows it.
    return line.replace("\r", _RETURN)


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines are the same at the beginning."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def _coarse(
    old: Sequence[str], new: Sequence[str], first: int, last: int, path: str
) -> Iterator[str]:
    """One change, from the first line that differs to the last one."""
    begin = max(first - _AROUND, 0)
    ends = [min(len(lines) - last + _AROUND, len(lines)) for lines in (old, new)]
    yield f"--- {path or 'before'}"
    yield f"+++ {path or 'after'}"
    yield f"@@ -{begin + 1},{ends[0] - begin} +{begin + 1},{ends[1] - begin} @@"
    yield from (f" {line}" for line in old[begin:first])
    yield from (f"-{line}" for line in old[first : len(old) - last])
    yield from (f"+{line}" for line in new[first : len(new) - last])
    yield from (f" {line}" for line in old[len(old) - last : ends[0]])
