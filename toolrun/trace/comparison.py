"""Does what happens equal what is recorded, and if not, where does it begin to differ?"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import anyio.lowlevel
import msgspec

from toolrun.errors import ReplayMismatch
from toolrun.events import (
    AnyEvent,
    ReasoningDelta,
    SessionOpened,
    TextDelta,
    ToolOutput,
    TurnFinished,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import Durable, Event

STALL_S = 5.0
"""Seconds without any event after which a replay waits no longer for the one it expects."""
_SHOWN = 160
_encode = msgspec.json.Encoder().encode
_event = msgspec.json.Decoder(AnyEvent)


class Cursor:
    """How far a replay has come in the recorded events: its clock and its order.

    Args:
        events: the recorded ones.
        lines: of the file in which they stand, if that is known; else each has one of its own.
        rate: 1.0 for the original pace, 2.0 for twice as fast; None for no waits.

    Attributes:
        position: the number of the event that comes next.
        mismatch: the first difference, once there is one.
        stop_at: the number of the first event that something from outside the turn caused: the
            user's cancellation, the end of its time, a failure, the end of the file.
        interrupt: stops the turn as it was stopped; None where `failure` does.
        failure: what the turn failed with.
    """

    def __init__(
        self, events: Sequence[Event], lines: Sequence[int] = (), *, rate: float | None = None
    ) -> None:
        self.events = events
        self._lines = lines
        self.position = 0
        self.mismatch: ReplayMismatch | None = None
        self.stop_at: int | None = None
        self.interrupt: Callable[[], None] | None = None
        self.failure: Exception | None = None
        self._rate = rate
        self._pausing = 0
        self._waiting: list[anyio.Event] = []
        self._calls: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, event in enumerate(events):
            call_id = getattr(event, "call_id", None)
            if call_id is not None:
                self._calls[type(event).__name__, call_id].append(index)

    @property
    def expected(self) -> Event | None:
        """The event that comes next; None after the last."""
        return self.events[self.position] if self.position < len(self.events) else None

    @property
    def line(self) -> int:
        """The line of the event that comes next; after the last, the one behind it."""
        if self.position < len(self._lines):
            return self._lines[self.position]
        return self._lines[-1] + 1 if self._lines else self.position + 2

    @property
    def place(self) -> str:
        """Where the event that comes next stands in file and session."""
        event = self.expected
        if event is None:
            return f"line {self.line}"
        return f"line {self.line} ({type(event).__name__}, turn {event.turn}, step {event.step})"

    def now(self) -> float:
        """The time at which the next event happened: the clock of a replay's journal."""
        if not self.events:
            return 0.0
        return self.events[min(self.position, len(self.events) - 1)].time

    def advance(self) -> None:
        """The expected event happened."""
        self.position += 1
        if self.position == self.stop_at and self.interrupt is not None:
            self.interrupt()
        self._wake()

    def break_off(self, mismatch: ReplayMismatch) -> None:
        """Keep the first difference; nobody waits any longer."""
        if self.mismatch is None:
            self.mismatch = mismatch
        self._wake()

    def find(self, kind: type[Event], call_id: str) -> int | None:
        """The number of the next event of a kind for a call."""
        numbers = self._calls.get((kind.__name__, call_id), [])
        at = bisect_left(numbers, self.position)
        return numbers[at] if at < len(numbers) else None

    def stops_before(self, index: int | None) -> bool:
        """Whether the turn was stopped before the event of this number."""
        return index is None or (self.stop_at is not None and index >= self.stop_at)

    async def turn_of(self, kind: type[Event], call_id: str) -> None:
        """Return when an event of a call is the next one; one that was not recorded is not held."""
        index = self.find(kind, call_id)
        if not self.stops_before(index):
            assert index is not None
            await self.reach(index)
        elif self.stop_at is not None and self.position < self.stop_at:
            # It was about to happen when the turn was stopped.
            await self.reach(self.stop_at)
            await anyio.lowlevel.checkpoint()

    async def reach(self, index: int) -> None:
        """Return when an event is the next one, or when nothing moves any more."""
        while self.position < index and self.mismatch is None:
            before, moved = self.position, anyio.Event()
            self._waiting.append(moved)
            with anyio.move_on_after(STALL_S):
                await moved.wait()
            if self.position == before and not self._pausing:
                return

    async def pace(self) -> None:
        """Let the time pass that lies before the next event, except between turns."""
        if self._rate is None or not 0 < self.position < len(self.events):
            return
        before = self.events[self.position - 1]
        if isinstance(before, SessionOpened | TurnFinished):
            return
        wait = (self.events[self.position].time - before.time) / self._rate
        if wait > 0:
            self._pausing += 1
            try:
                await anyio.sleep(wait)
            finally:
                self._pausing -= 1

    async def stop(self) -> NoReturn:
        """End as the recorded turn ended here: fail, or wait for the interruption."""
        if self.mismatch is not None:
            raise self.mismatch
        await self.reach(len(self.events) if self.stop_at is None else self.stop_at)
        if self.mismatch is not None:
            raise self.mismatch
        if self.failure is not None:
            raise self.failure
        if self.interrupt is not None:
            self.interrupt()
        await anyio.sleep_forever()
        raise AssertionError

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.set()


class Comparison:
    """Compares each event with the recorded one as it comes. A sink of the replay's journal.

    Two events are equal if they are encoded to the same bytes: place, time and order included.

    Args:
        cursor: moved on by each event that is as recorded.
        open_end: whether the trace ends in the middle of a turn: what comes after is passed over.
    """

    observes = True

    def __init__(self, cursor: Cursor, *, open_end: bool = False) -> None:
        self._cursor = cursor
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
            cursor.break_off(ReplayMismatch(f"{cursor.place}: expected, but the turn ended"))
        if cursor.mismatch is not None:
            raise cursor.mismatch

    def _compare(self, seen: Event) -> None:
        cursor = self._cursor
        expected = cursor.expected
        if cursor.mismatch is not None or (expected is None and self._open_end):
            return
        if expected is None:
            cursor.break_off(
                ReplayMismatch(
                    f"{cursor.place}: the trace ends, seen {type(seen).__name__} "
                    f"{_shown(msgspec.to_builtins(seen))}"
                )
            )
        elif _same(expected, seen):
            cursor.advance()
        else:
            where, before, after = difference(expected, seen)
            cursor.break_off(
                ReplayMismatch(f"{cursor.place}: {where}: expected {before}, seen {after}")
            )


def difference(expected: Any, seen: Any) -> tuple[str, str, str]:
    """The first field in which two values differ, and both sides of it, to be shown."""
    before, after = msgspec.to_builtins(expected), msgspec.to_builtins(seen)
    if isinstance(before, dict) and isinstance(after, dict):
        # An event's own fields say more than its place, which stands first.
        own = [*(key for key in before if key not in _PLACE), *_PLACE]
        before = {key: before[key] for key in own if key in before}
    path, left, right = _first(before, after, "")
    return path or "the whole", *_pair(left, right)


_PLACE = ("session", "seq", "sub", "turn", "step", "time")
_NOTHING: Any = object()


def _first(expected: Any, seen: Any, path: str) -> tuple[str, Any, Any]:
    """The path to the first difference; the values themselves where they differ at once."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        for key in [*expected, *(key for key in seen if key not in expected)]:
            before, after = expected.get(key, _NOTHING), seen.get(key, _NOTHING)
            if _differ(before, after):
                return _first(before, after, f"{path}.{key}" if path else str(key))
    if isinstance(expected, list | tuple) and isinstance(seen, list | tuple):
        for index in range(max(len(expected), len(seen))):
            before = expected[index] if index < len(expected) else _NOTHING
            after = seen[index] if index < len(seen) else _NOTHING
            if _differ(before, after):
                return _first(before, after, f"{path}[{index}]")
    return path, expected, seen


def _differ(expected: Any, seen: Any) -> bool:
    if expected is _NOTHING or seen is _NOTHING:
        return True
    return _encode(expected) != _encode(seen)


def _pair(expected: Any, seen: Any) -> tuple[str, str]:
    """Both sides; of long texts what stands around the place where they part."""
    if isinstance(expected, str) and isinstance(seen, str):
        parts = next(
            (i for i, (a, b) in enumerate(zip(expected, seen, strict=False)) if a != b),
            min(len(expected), len(seen)),
        )
        begin = max(0, parts - _SHOWN // 2)
        if begin:
            return f"...{_shown(expected[begin:])}", f"...{_shown(seen[begin:])}"
    return _shown(expected), _shown(seen)


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    if isinstance(value, str):
        return repr(value[:_SHOWN] + ("..." if len(value) > _SHOWN else ""))
    text = _encode(value).decode()
    return text[:_SHOWN] + ("..." if len(text) > _SHOWN else "")


def _same(expected: Event, seen: Event) -> bool:
    """Whether two events are the same bytes; texts alone need no encoding to tell."""
    if isinstance(seen, ReasoningDelta | TextDelta | ToolOutput):
        return seen == expected
    data, recorded = _encode(seen), _encode(expected)
    # An int where a float belongs is one once it has been read.
    return data == recorded or _encode(_event.decode(data)) == recorded
