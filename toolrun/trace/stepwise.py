"""Who stands in for the model where the rest of a session is not a trace's?

Each sampling is the next recorded one. What else happens, and when, is the session's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from toolrun.errors import ContextTooLong
from toolrun.events import (
    AssistantMessage,
    Compacted,
    Durable,
    RequestSent,
    Retried,
    ToolCallFinished,
    TurnFinished,
)
from toolrun.trace.acts import Stop, stop_of
from toolrun.trace.cursor import STALL_S
from toolrun.trace.replay import failure, interrupt, recorded_fault
from toolrun.trace.runs import Run
from toolrun.trace.steps import Folded

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from toolrun.errors import ReplayMismatch
    from toolrun.events import Event
    from toolrun.models.model import Observe, Request
    from toolrun.state import State
    from toolrun.trace.asked import Asked
    from toolrun.trace.cursor import Stopping
    from toolrun.trace.miss import Misses
    from toolrun.trace.plan import Plan
    from toolrun.trace.runs import Recorded
    from toolrun.trace.steps import Step


class StepClock:
    """The time of the recorded event that was told last, at the original pace or at once.

    Args:
        begin: seconds since the epoch.
        rate: 1.0 for the original pace, 2.0 for twice as fast; None for no waits.
    """

    def __init__(self, begin: float, rate: float | None) -> None:
        self._now = begin
        self._rate = rate

    @property
    def paced(self) -> bool:
        """Whether time passes."""
        return self._rate is not None

    def time(self) -> float:
        """See `Clock.time`."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`; what was waited for has its own time."""
        await self.wait(seconds)

    async def reach(self, time: float) -> None:
        """Go on to the time of a recorded event; never back."""
        await self.wait(time - self._now)
        self._now = max(self._now, time)

    async def wait(self, seconds: float) -> None:
        """Let so much recorded time pass."""
        if self._rate is not None and seconds > 0:
            await anyio.sleep(seconds / self._rate)


class Stops:
    """Stops a session's turn where the recorded one was stopped. A sink of its journal."""

    observes = False

    def __init__(self, plan: Plan, state: State) -> None:
        self._before = len(plan.history) + 1  # SessionOpened, and what it began with
        self._ends = [
            index
            for index, event in enumerate(plan.events)
            if isinstance(event, TurnFinished) and event.seq > self._before
        ]
        self._ended = 0
        self._events = plan.events
        self._state = state
        self._running: Stopping  # given before a turn begins
        self._moved = anyio.Event()

    def drive(self, running: Stopping) -> None:
        """Take what stops the session's turns."""
        self._running = running

    def observe(self, event: Event) -> None:
        """See `Sink.observe`; nothing is wanted."""

    async def record(self, event: Durable) -> None:
        """See `Sink.record`."""
        if isinstance(event, ToolCallFinished):
            self._moved.set()
            self._moved = anyio.Event()
        if isinstance(event, TurnFinished) and event.seq > self._before:
            self._ended += 1

    def end_before(self, index: int) -> int | None:
        """The number of the end of the turn that runs, where that is before an event's number."""
        end = self._ends[self._ended] if self._ended < len(self._ends) else index
        return end if end < index else None

    def was_stopped(self, end: int) -> bool:
        """Whether a turn did not end by itself."""
        return stop_of(self._events, end) is not None

    async def stop(self, index: int) -> NoReturn:
        """End the turn as the recorded one ended after the event of this number.

        Raises:
            Exception: what the recorded turn failed with.
        """
        ends = (at for at in range(index, len(self._events)) if _is_end(self._events[at]))
        end = next(ends, None)
        stop = None if end is None else stop_of(self._events, end)
        if stop is not None and stop.how == "failed":
            raise failure(stop.error)
        await self._others(index)
        interrupt(stop or Stop(index, "cancelled"), self._running)
        await anyio.sleep_forever()
        raise AssertionError

    async def _others(self, index: int) -> None:
        """Return when the calls have ended that had ended before."""
        ended: set[str] = set()
        for event in self._events[index::-1]:
            if isinstance(event, AssistantMessage):
                break
            if isinstance(event, ToolCallFinished) and event.result.outcome != "cancelled":
                ended.add(event.call_id)
        while not ended <= self._state.results.keys():
            with anyio.move_on_after(STALL_S) as scope:
                await self._moved.wait()
            if scope.cancelled_caught:
                return


def _is_end(event: Recorded) -> bool:
    return isinstance(event, TurnFinished)


class StepModel:
    """Samples the recorded steps, one after the other. See `models.model.Model`.

    Args:
        plan: of the trace.
        asked: compares what is asked.
        misses: makes the errors.
        clock: is moved on.
        stops: ends turns as they ended.
        keep: keeps the first difference, and gives it back to be raised.

    Attributes:
        used: how many samplings have been used.
    """

    sound = True

    def __init__(
        self,
        plan: Plan,
        asked: Asked,
        misses: Misses,
        clock: StepClock,
        stops: Stops,
        keep: Callable[[ReplayMismatch], ReplayMismatch],
    ) -> None:
        self.used: int = 0
        self._keep = keep
        self._plan = plan
        self._asked = asked
        self._misses = misses
        self._clock = clock
        self._stops = stops
        self._folded = Folded(plan.events)
        self._shortened = plan.begin

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """Give the next recorded step, or fail or stop as that one did.

        Raises:
            ReplayMismatch: the request is not the recorded one, or no step is left.
        """
        await anyio.lowlevel.checkpoint()
        events = self._plan.events
        step = await self._next()
        self._check_messages(step, request)
        for event in events[step.begin : step.end]:
            if isinstance(event, Run):
                for piece in self._pieces(event, heard=observe is not None):
                    await self._tell(piece, observe)
            elif isinstance(event, RequestSent):
                await self._tell(self._sent(step, request, event), observe)
            elif event.durable:
                break
            else:
                await self._tell(event, observe)
        end = events[step.end] if step.end < len(events) else None
        if end is not None:
            await self._clock.reach(end.time)
        if isinstance(end, AssistantMessage):
            return end
        if isinstance(end, Retried):
            raise recorded_fault(end)
        if isinstance(end, Compacted):
            raise ContextTooLong("refused, as recorded")
        await self._stops.stop(step.end)
        raise AssertionError

    def shortening(self) -> Compacted | None:
        """The next time that what is sent was shortened, where no step was sampled before it."""
        steps, events = self._plan.steps, self._plan.events
        begin = steps[self.used].begin if self.used < len(steps) else len(events)
        for index in range(self._shortened, begin):
            if isinstance(event := events[index], Compacted):
                self._shortened = index + 1
                return event
        return None

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _next(self) -> Step:
        """The next recorded step, unless the turn was stopped before it."""
        steps = self._plan.steps
        begin = steps[self.used].begin if self.used < len(steps) else len(self._plan.events)
        end = self._stops.end_before(begin)
        if end is not None and self._stops.was_stopped(end):
            await self._stops.stop(end)
        if self.used == len(steps):
            place = self._misses.place(begin)
            raise self._keep(self._misses.unasked(self.used + 1, place, "the trace ends"))
        self.used += 1
        return steps[self.used - 1]

    def _pieces(self, run: Run, *, heard: bool) -> list[Event]:
        """Those of a run that have to be told, or waited for."""
        return run.events() if heard or self._clock.paced else [run.last]

    async def _tell(self, event: Event, observe: Observe | None) -> None:
        await self._clock.reach(event.time)
        if observe is not None:
            observe(event)

    def _sent(self, step: Step, request: Request, event: RequestSent) -> RequestSent:
        sent, found = self._asked.sent(request, event, len(self._folded.state.sent))
        if found is not None:
            raise self._keep(self._misses.request(step, found, request.messages))
        return sent

    def _check_messages(self, step: Step, request: Request) -> None:
        """Compare the messages, where no digest does it."""
        recorded = self._folded.before(step.begin).sent
        if self._asked.by_digest and isinstance(self._plan.events[step.begin], RequestSent):
            return
        found = self._asked.said(request, recorded)
        if found is not None:
            raise self._keep(self._misses.request(step, found, request.messages))
