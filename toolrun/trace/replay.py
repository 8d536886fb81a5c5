"""Who stands in for model, tools, approver and clock when a trace happens again?

A session that is put together from these parts does all its own work: it folds, checks calls,
writes requests, keeps limits. What comes from outside comes from the trace, in the recorded order
also where calls run at once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.lowlevel

from toolrun import errors
from toolrun.errors import ContextTooLong, ReplayMismatch, ServerError
from toolrun.events import (
    ApprovalDecided,
    AssistantMessage,
    Compacted,
    EgressDecided,
    FileChanged,
    RequestSent,
    Retried,
    ToolCallFinished,
    ToolOutput,
    TurnUndone,
)
from toolrun.journal import Journal
from toolrun.trace.acts import Stop, decision_of
from toolrun.trace.asked import Asked
from toolrun.trace.comparison import Comparison
from toolrun.trace.cursor import Cursor
from toolrun.trace.fitting import RecordedFitting
from toolrun.trace.miss import Misses
from toolrun.trace.normal import Normal
from toolrun.trace.plan import Plan
from toolrun.trace.steps import Folded

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from toolrun.decisions import Approver, Decision
    from toolrun.events import Durable, Event
    from toolrun.models.model import Observe, Request
    from toolrun.sinks import Sink
    from toolrun.tools.context import CallContext
    from toolrun.tools.definition import Tool
    from toolrun.tools.listener import Listener
    from toolrun.trace.cursor import Stopping
    from toolrun.trace.runs import Run
    from toolrun.values import FileChange, ToolCall, ToolResult

__all__ = ["Cast", "Comparison", "Plan", "ReplayJournal", "ReplayModel", "ReplayRunner"]


class Cast:
    """All that stands in for the outside of one recorded session, for one replay.

    Args:
        plan: of the trace.
        rate: see `Cursor`.
        sinks: hear of each event after it was found to be as recorded.
        counts: see `Journal`.
        normal: takes out of both sides what is not compared.
        do: what a person is told to do about a difference; see `Misses`.

    Attributes:
        cursor: how far the replay has come; its `now` is the clock.
        misses: makes the errors.
        comparison: the sink that compares; it is the first of the journal.
        journal: of the replayed session.
        model: samples the recorded steps.
        runner: runs the recorded calls, for every tool.
        fitting: shortens what is sent as recorded.
        approver: decides as recorded; None where no approver did.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        rate: float | None = None,
        sinks: Sequence[Sink] = (),
        counts: Counter[str] | None = None,
        normal: Normal | None = None,
        do: str = "",
    ) -> None:
        normal = normal or Normal()
        cursor = Cursor(plan.events, plan.lines, rate=rate)
        misses = Misses(plan, normal, do=do)
        self.cursor: Cursor = cursor
        self.misses: Misses = misses
        self.comparison: Comparison = Comparison(cursor, misses, normal, open_end=plan.unfinished)
        self.journal: ReplayJournal = ReplayJournal(
            plan.session, cursor, [self.comparison, *sinks], counts
        )
        misses.state = self.journal.state
        self.model: ReplayModel = ReplayModel(
            cursor, self.journal, Asked(plan.opened, normal), misses
        )
        self.runner: ReplayRunner = ReplayRunner(cursor)
        self.fitting: RecordedFitting = RecordedFitting(lambda: cursor.expected)
        self.approver: Approver | None = _approver(cursor) if plan.approves else None

    def expect(self, stop: Stop | None, running: Stopping) -> None:
        """Have the turn that begins now be stopped as the recorded one was.

        Args:
            stop: see `Turn.stop`.
            running: stops it.
        """
        cursor = self.cursor
        cursor.stop_at = stop.at if stop is not None else None
        failed = stop is not None and stop.how == "failed"
        cursor.failure = failure(stop.error) if stop is not None and failed else None
        cursor.interrupt = None
        if stop is not None and not failed:
            cursor.interrupt = partial(interrupt, stop, running)

    async def restore(self, changes: Sequence[FileChange]) -> tuple[str, ...]:  # noqa: ARG002 - as a `Restore`
        """Say of undone files what the trace says: no disk is touched."""
        undone = self.cursor.expected
        return undone.left if isinstance(undone, TurnUndone) else ()


class ReplayJournal(Journal):
    """A journal whose clock is the trace's, and which lets parallel calls take recorded turns."""

    def __init__(
        self,
        session: str,
        cursor: Cursor,
        sinks: Sequence[Sink],
        counts: Counter[str] | None = None,
    ) -> None:
        super().__init__(session, sinks, clock=cursor.now, counts=counts)
        self._cursor = cursor

    async def record(self, event: Durable) -> None:
        """See `Journal.record`; an event of a call waits until it is its turn."""
        call_id = getattr(event, "call_id", None)
        if call_id is not None:
            await self._cursor.turn_of(type(event), call_id)
        await self._cursor.pace()
        await super().record(event)

    def take(self, run: Run) -> bool:
        """Observe pieces that are the recorded ones, where nobody wants to hear of each.

        Returns:
            Whether they were; what is not at its place is to be observed, and found to be.
        """
        state = self.state
        if len(self._observers) > 1 or (run.seq, run.sub) != (self.seq, self._sub + 1):
            return False
        place = (self.session, state.turn, state.step + self.sampling)
        if (run.session, run.turn, run.step) != place:
            return False
        self._sub += len(run)
        self._cursor.take(run)
        return True


class ReplayModel:
    """Samples recorded steps, after a look at what it is asked. See `models.model.Model`."""

    def __init__(
        self, cursor: Cursor, journal: ReplayJournal, asked: Asked, misses: Misses
    ) -> None:
        self._cursor = cursor
        self._journal = journal
        self._asked = asked
        self._misses = misses
        self._sampled = 0
        self._folded = Folded(cursor.events)

    async def sample(  # noqa: C901 - one table, an arm for each event
        self, request: Request, observe: Observe | None = None
    ) -> AssistantMessage:
        """Give the recorded step, or fail or wait as the recorded one did.

        Raises:
            ReplayMismatch: the request is not the recorded one, or no step was sampled here.
        """
        assert observe is not None, "a comparison listens"
        cursor = self._cursor
        await anyio.lowlevel.checkpoint()
        self._sampled += 1
        while True:
            if cursor.mismatch is not None:
                raise cursor.mismatch
            if cursor.position == cursor.stop_at:
                await cursor.stop()
            run = cursor.run
            if run is not None and self._journal.take(run):
                continue
            event = cursor.expected
            match event:
                case AssistantMessage():
                    await cursor.pace()
                    return event
                case Retried():
                    raise recorded_fault(event)
                case Compacted():
                    raise ContextTooLong("refused, as recorded")
                case RequestSent():
                    self._tell(observe, self._checked(request, event))
                case None:
                    raise self._unasked("the trace ends")
                case _ if event.durable:
                    raise self._unasked(f"{type(event).__name__} is expected")
                case _:
                    await cursor.pace()
                    self._tell(observe, event)

    async def aclose(self) -> None:
        """Nothing is open."""

    def _checked(self, request: Request, event: RequestSent) -> RequestSent:
        """The event of the request, made anew."""
        recorded = self._folded.before(self._cursor.position).sent
        sent, found = self._asked.sent(request, event, len(recorded))
        if found is None:
            return sent
        step = self._misses.step(self._sampled, self._cursor.position)
        mismatch = self._misses.request(step, found, request.messages)
        self._cursor.break_off(mismatch)
        raise mismatch

    def _tell(self, observe: Observe, event: Event) -> None:
        """Say what the model observes; one that nobody hears of would be said for ever."""
        cursor, before = self._cursor, self._cursor.happened
        observe(event)
        if cursor.happened == before and cursor.mismatch is None:
            lost = self._misses.plain(f"{cursor.place}: the session does not tell of it")
            cursor.break_off(lost)
            raise lost

    def _unasked(self, instead: str) -> ReplayMismatch:
        cursor = self._cursor
        mismatch = self._misses.unasked(self._sampled, self._misses.place(cursor.position), instead)
        cursor.break_off(mismatch)
        return mismatch


class ReplayRunner:
    """Gives recorded results, with what was printed on the way. See `tools.runners.Runner`."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    async def run(
        self,
        tool: Tool,  # noqa: ARG002 - the protocol's
        call: ToolCall,
        arguments: dict[str, Any],  # noqa: ARG002 - the journal compares them
        context: CallContext,  # noqa: ARG002 - nothing runs that could ask
        listener: Listener,
    ) -> ToolResult:
        """Wait for the recorded end of the call, printing what it printed."""
        cursor = self._cursor
        end = cursor.find(ToolCallFinished, call.id)
        while (printed := _next(cursor, call.id)) is not None:
            if cursor.stops_before(printed) or (end is not None and printed > end):
                break
            await cursor.reach(printed)
            await cursor.pace()
            event = cursor.events[printed]
            if isinstance(event, EgressDecided):
                if listener.egress is not None:
                    listener.egress(event.host, event.port, event.method, event.reason)
            elif isinstance(event, ToolOutput) and listener.output is not None:
                listener.output(event.stream, event.text)
            if cursor.position <= printed:  # not as recorded: the comparison has said so
                break
        await self._change(call.id, end, listener)
        if end is None or cursor.stops_before(end):
            await cursor.stop()
        await cursor.reach(end)
        finished = cursor.events[end]
        assert isinstance(finished, ToolCallFinished)
        return finished.result

    async def _change(self, call_id: str, end: int | None, listener: Listener) -> None:
        """Tell of the files that the call changed: no disk is touched."""
        cursor = self._cursor
        first = cursor.find(FileChanged, call_id)
        if first is None or cursor.stops_before(first) or listener.changing is None:
            return
        last = len(cursor.events) if end is None else end
        changes = [
            event.file
            for index, event in enumerate(cursor.events[first:last], first)
            if isinstance(event, FileChanged)
            and event.call_id == call_id
            and not cursor.stops_before(index)
        ]
        await listener.changing(changes)


def _next(cursor: Cursor, call_id: str) -> int | None:
    """The number of the next event that a call that runs makes by itself."""
    found = (cursor.find(kind, call_id) for kind in (ToolOutput, EgressDecided))
    return min((index for index in found if index is not None), default=None)


def interrupt(stop: Stop, running: Stopping) -> None:
    """Stop a turn as a recorded one was stopped."""
    match stop.how:
        case "seconds":
            running.time_is_up(stop.seconds)
        case "parked":
            running.park(stop.reason)  # it may be about to end by itself, without a wait
            running.cut(stop.reason, stored=True)
        case _:
            running.cancel(stop.reason)


def failure(text: str) -> Exception:
    """The error that a failed turn recorded as "Type: text"."""
    name, _, said = text.partition(": ")
    kind = getattr(errors, name, None)
    if kind is errors.ServerStatus:
        # A refusal, which is not sampled again: the retries before it are in the trace.
        return errors.ServerStatus(said, 400)
    if kind is errors.ServerTimeout:
        return errors.ServerTimeout(said, "step")
    if isinstance(kind, type) and issubclass(kind, errors.ToolrunError):
        return kind(said)
    unknown: type[Exception] = type(name, (Exception,), {})
    return unknown(said)


def recorded_fault(event: Retried) -> ServerError:
    """What a step was sampled again for; `retry_after` is the wait that the trace has."""
    error = ServerError(event.reason)
    error.code, error.retry_after = event.code, event.wait
    error.server, error.elsewhere = event.server, event.elsewhere
    return error


def _approver(cursor: Cursor) -> Approver:
    async def decide(call: ToolCall) -> Decision:
        index = cursor.find(ApprovalDecided, call.id)
        if index is None or cursor.stops_before(index):
            await cursor.stop()
        await cursor.reach(index)
        event = cursor.events[index]
        assert isinstance(event, ApprovalDecided)
        return decision_of(event)

    return decide
