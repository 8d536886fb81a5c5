"""Where do two values begin to differ, and what does a person see of it?"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

_SHOWN = 160
_PLACE = ("session", "seq", "sub", "turn", "step", "time")
_encode = msgspec.json.Encoder().encode


class _Nothing:
    """What stands where one side has nothing."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING: Final[Any] = _Nothing()


class Found(Struct, frozen=True):
    """The first place in which two values differ.

    Attributes:
        field: the path to it; "the whole" where they differ at once.
        expected: what stands there on the recorded side, NOTHING where there is nothing.
        seen: and on the other.
        where: what the field is of ("message 3 (tool)"); "" where that is plain.
        message: the index of that message; None where it is none.
        said: what is said instead of both sides, where they don't tell it.
    """

    field: str
    expected: Any = None
    seen: Any = None
    where: str = ""
    message: int | None = None
    said: str = ""

    @property
    def text(self) -> str:
        """For a person: what differs, and both sides of it."""
        place = ": ".join(part for part in (self.where, self.field) if part)
        if self.said:
            return f"{place}: {self.said}" if place else self.said
        expected, seen = sides(self.expected, self.seen)
        return f"{place}: expected {expected}, seen {seen}"


def first_difference(expected: Any, seen: Any) -> Found:
    """The first field in which two values that differ do so; an event's own fields come first."""
    before, after = msgspec.to_builtins(expected), msgspec.to_builtins(seen)
    if isinstance(before, dict) and isinstance(after, dict):
        # An event's own fields say more than its place, which stands first.
        own = [*(key for key in before if key not in _PLACE), *_PLACE]
        before = {key: before[key] for key in own if key in before}
    path, left, right = _first(before, after, "")
    return Found(path or "the whole", left, right)


def difference(expected: Any, seen: Any) -> tuple[str, str, str]:
    """The first field in which two values differ, and both sides of it, to be shown."""
    found = first_difference(expected, seen)
    return found.field, *sides(found.expected, found.seen)


def sides(expected: Any, seen: Any) -> tuple[str, str]:
    """Both sides; of long texts what stands around the place where they part."""
    if isinstance(expected, str) and isinstance(seen, str):
        parts = next(
            (i for i, (a, b) in enumerate(zip(expected, seen, strict=False)) if a != b),
            min(len(expected), len(seen)),
        )
        begin = max(0, parts - _SHOWN // 2)
        if begin:
            return f"...{shown(expected[begin:])}", f"...{shown(seen[begin:])}"
    return shown(expected), shown(seen)


def shown(value: Any) -> str:
    """A value, cut where it is long."""
    if value is NOTHING:
        return "nothing"
    if isinstance(value, str):
        return repr(value[:_SHOWN] + ("..." if len(value) > _SHOWN else ""))
    text = _encode(value).decode()
    return text[:_SHOWN] + ("..." if len(text) > _SHOWN else "")


def counted(number: int, what: str) -> str:
    """How many there are of something: "1 step", "1,200 steps"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _first(expected: Any, seen: Any, path: str) -> tuple[str, Any, Any]:
    """The path to the first difference; the values themselves where they differ at once."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        for key in [*expected, *(key for key in seen if key not in expected)]:
            before, after = expected.get(key, NOTHING), seen.get(key, NOTHING)
            if _differ(before, after):
                return _first(before, after, f"{path}.{key}" if path else str(key))
    if isinstance(expected, list | tuple) and isinstance(seen, list | tuple):
        for index in range(max(len(expected), len(seen))):
            before = expected[index] if index < len(expected) else NOTHING
            after = seen[index] if index < len(seen) else NOTHING
            if _differ(before, after):
                return _first(before, after, f"{path}[{index}]")
    return path, expected, seen


def _differ(expected: Any, seen: Any) -> bool:
    if expected is NOTHING or seen is NOTHING:
        return True
    return _encode(expected) != _encode(seen)
