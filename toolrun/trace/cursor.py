"""How far has a replay come in what is recorded?"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, NoReturn, Protocol

import anyio
import anyio.lowlevel

from toolrun.events import SessionOpened, TurnFinished
from toolrun.trace.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.errors import ReplayMismatch
    from toolrun.events import Event
    from toolrun.trace.runs import Recorded

STALL_S = 5.0
"""Seconds without any event after which a replay waits no longer for the one it expects."""


class Stopping(Protocol):
    """What stops the turn that a session runs."""

    def cancel(self, reason: str = "") -> None:
        """Stop it; it ends as cancelled."""

    def time_is_up(self, seconds: float | None = None) -> None:
        """End it as if its time had run out."""

    def park(self, reason: str) -> None:
        """Have it end as parked where its step does."""

    def cut(self, reason: str, *, stored: bool = True) -> None:
        """End it as parked, whatever runs."""


class Cursor:
    """How far a replay has come in the recorded events: its clock and its order.

    Args:
        events: the recorded ones; pieces of a text that follow each other may be one `Run`, and
            have one number then.
        lines: of the file in which they stand, if that is known; else each has one of its own.
        rate: 1.0 for the original pace, 2.0 for twice as fast; None for no waits.

    Attributes:
        position: the number of the event that comes next.
        happened: how many events have happened, each piece of a run for itself.
        mismatch: the first difference, once there is one.
        stop_at: the number of the first event that something from outside the turn caused: the
            user's cancellation, the end of its time, a failure, the end of the file.
        interrupt: stops the turn as it was stopped; None where `failure` does.
        failure: what the turn failed with.
    """

    def __init__(
        self, events: Sequence[Recorded], lines: Sequence[int] = (), *, rate: float | None = None
    ) -> None:
        self.events = events
        self._lines = lines
        self.position: int = 0
        self.happened: int = 0
        self.mismatch: ReplayMismatch | None = None
        self.stop_at: int | None = None
        self.interrupt: Callable[[], None] | None = None
        self.failure: Exception | None = None
        self._rate = rate
        self._pieces: Sequence[Event] = ()
        """Those of the run that comes next, or that is under way."""
        self._piece = 0
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
        if self.position >= len(self.events):
            return None
        found = self.events[self.position]
        if not isinstance(found, Run):
            return found
        self._pieces = self._pieces or found.events()
        return self._pieces[self._piece]

    @property
    def run(self) -> Run | None:
        """The pieces that come next, where they may come all at once."""
        if self._rate is not None or self._pieces or self.position >= len(self.events):
            return None
        found = self.events[self.position]
        return found if isinstance(found, Run) else None

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
        if self._pieces:
            return self._pieces[self._piece].time
        if self.position < len(self.events):
            return self.events[self.position].time
        return _end(self.events[-1]).time if self.events else 0.0

    def advance(self) -> None:
        """The expected event happened."""
        self.happened += 1
        if self._piece + 1 < len(self._pieces):
            self._piece += 1
            return
        self._pieces, self._piece = (), 0
        self._move()

    def take(self, run: Run) -> None:
        """All pieces of the run that comes next happened."""
        self.happened += len(run)
        self._move()

    def _move(self) -> None:
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
        if self._piece:
            before = self._pieces[self._piece - 1]
        else:
            before = _end(self.events[self.position - 1])
        if isinstance(before, SessionOpened | TurnFinished):
            return
        wait = (self.now() - before.time) / self._rate
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


def _end(found: Recorded) -> Event:
    """The last event of what stands under one number."""
    return found.last if isinstance(found, Run) else found
