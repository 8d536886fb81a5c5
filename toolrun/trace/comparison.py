"""Does what happens equal what is recorded, event by event?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from toolrun.events import AnyEvent, ReasoningDelta, RequestSent, TextDelta, ToolOutput
from toolrun.trace.shown import Found, first_difference, shown

if TYPE_CHECKING:
    from toolrun.events import Durable, Event
    from toolrun.trace.cursor import Cursor
    from toolrun.trace.miss import Misses
    from toolrun.trace.normal import Normal

_encode = msgspec.json.Encoder().encode
_event = msgspec.json.Decoder(AnyEvent)


class Comparison:
    """Compares each event with the recorded one as it comes. A sink of the replay's journal.

    Two events are equal if they are encoded to the same bytes: place, time and order included.

    Args:
        cursor: moved on by each event that is as recorded.
        misses: makes the error of one that is not.
        normal: takes out of both sides what is not compared.
        open_end: whether the trace ends in the middle of a turn: what comes after is passed over.
    """

    observes = True

    def __init__(
        self, cursor: Cursor, misses: Misses, normal: Normal, *, open_end: bool = False
    ) -> None:
        self._cursor = cursor
        self._misses = misses
        self._normal = normal
        self._open_end = open_end

    def observe(self, event: Event) -> None:
        """Compare; the first difference is kept in the cursor."""
        self._compare(event)

    async def record(self, event: Durable) -> None:
        """Compare.

        Raises:
            ReplayMismatch: this event, or one before it, is not as recorded.
        """
        self._compare(event)
        if self._cursor.mismatch is not None:
            raise self._cursor.mismatch

    def ended(self, end: int) -> None:
        """A turn ended; all events up to number `end` must have happened.

        Raises:
            ReplayMismatch: one of them has not, or an event before was not as recorded.
        """
        cursor = self._cursor
        expected = cursor.expected
        if cursor.mismatch is None and cursor.position < end and expected is not None:
            cursor.break_off(self._misses.plain(f"{cursor.place}: expected, but the turn ended"))
        if cursor.mismatch is not None:
            raise cursor.mismatch

    def _compare(self, seen: Event) -> None:
        cursor = self._cursor
        expected = cursor.expected
        if cursor.mismatch is not None or (expected is None and self._open_end):
            return
        if expected is None:
            kind = type(seen).__name__
            said = f"the trace ends, seen {kind} {shown(msgspec.to_builtins(seen))}"
            found = Found("", None, msgspec.to_builtins(seen), said=said)
            cursor.break_off(self._misses.event(cursor.position, found, seen))
        elif _same(expected, seen):
            cursor.advance()
        else:
            before, after = self._normalised(expected), self._normalised(seen)
            if _encode(before) == _encode(after):
                cursor.advance()
                return
            found = _another(expected, seen) or first_difference(before, after)
            cursor.break_off(self._misses.event(cursor.position, found, seen))

    def _normalised(self, event: Event) -> object:
        plain = msgspec.to_builtins(event)
        if isinstance(event, RequestSent):
            return {**plain, "adds": self._normal.value(plain["adds"])}
        return self._normal.value(plain)


def _another(expected: Event, seen: Event) -> Found | None:
    """What is said where an event of another kind happened; None where the kind is the same."""
    before, after = type(expected).__name__, type(seen).__name__
    if before == after:
        return None
    said = f"expected {before}{_of(expected)}, seen {after}{_of(seen)}"
    return Found("type", before, after, said=said)


def _of(event: Event) -> str:
    name = getattr(event, "name", "")
    return f" of {name}" if name else ""


def _same(expected: Event, seen: Event) -> bool:
    """Whether two events are the same bytes; texts alone need no encoding to tell."""
    if isinstance(seen, ReasoningDelta | TextDelta | ToolOutput):
        return seen == expected
    data, recorded = _encode(seen), _encode(expected)
    # An int where a float belongs is one once it has been read.
    return data == recorded or _encode(_event.decode(data)) == recorded
