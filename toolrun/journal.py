"""What has happened, and who hears of it?

A durable event is folded into the session's state and reaches every sink before `record` returns;
an observed one is made only when a sink listens. Pieces of a text that came with one read of the
network are given their places at once: a stream has hundreds of them a step.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, TypeVar

from msgspec import structs

from toolrun.counting import counted_as
from toolrun.errors import LeaseLost, StoreError
from toolrun.events import AssistantMessage, Durable, Event, TurnFinished, UserMessage
from toolrun.runs import Run
from toolrun.scopes import Scope, Within, bound
from toolrun.sinks import is_storing
from toolrun.state import State
from toolrun.turnstile import Turnstile, run_observer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from toolrun.events import EgressDecided, ReasoningDelta, Repaired, Retried, TextDelta, Warned
    from toolrun.sinks import Sink

E = TypeVar("E", bound=Event)

BATCH = 1000
"""Observed events that a sink keeps at most until it is told to let go of them."""
WINDOW = 0.25
"""Seconds after which it is told so, too, where more events come."""


class Journal:
    """The events of one session, in order: gives each its place, folds it, tells the sinks.

    Attributes:
        state: what the durable events add up to.
        cut_off: the calls that began to run in a process that is gone; their outcome is unknown.
        resumed: whether it goes on from events that another process has recorded.
        lost: what ended the session's life in this process: another drives it now.
    """

    def __init__(
        self,
        session: str,
        sinks: Sequence[Sink] = (),
        *,
        clock: Callable[[], float] = time.time,
        counts: Counter[str] | None = None,
    ) -> None:
        self.session = session
        self.state: State = State()
        self.clock = clock
        self.counts: Counter[str] = Counter() if counts is None else counts
        """How often each kind of event happened; those of many sessions may share one."""
        self.sampling: bool = False
        """Whether a step is being sampled: its observed events carry the number it will have."""
        self.traceparent = ""
        """Of the turn that runs, where a sink makes spans: see `TurnFinished.traceparent`."""
        self.seq: int = 0
        """The number of the last durable event."""
        self.cut_off: set[str] = set()
        self.lost: LeaseLost | None = None
        self.resumed: bool = False
        self._sub = 0
        self._due = 0.0
        self._on_the_way = 0
        self._found: list[Warned] = []
        self._turnstile = Turnstile()
        self._sinks: tuple[Sink, ...] = tuple(sinks)
        self._find_observers()

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Who hears of it, in order."""
        return self._sinks

    def add(self, sink: Sink) -> None:
        """Let one more sink hear of what happens from now on."""
        self._sinks = (*self._sinks, sink)
        self._find_observers()

    def remove(self, sink: Sink) -> None:
        """Let a sink hear no more."""
        self._sinks = tuple(each for each in self._sinks if each is not sink)
        self._find_observers()

    def _find_observers(self) -> None:
        # Found once, not at each piece of a text.
        sinks = self._sinks
        self._store = next((sink for sink in sinks if is_storing(sink)), None)
        behind = len(sinks) if self._store is None else sinks.index(self._store) + 1
        self._first = sinks[:behind]
        self._turnstile.lead_to(sinks[behind:])
        observing = [sink for sink in self._first if sink.observes]
        self._observers = tuple(sink.observe for sink in observing)
        self._run_observers = [run_observer(sink) for sink in observing]
        self._flushes = [sink.flush for sink in sinks if sink.observes and hasattr(sink, "flush")]
        timed = [] if self._store is None else sinks
        self._timed = [sink.stored for sink in timed if hasattr(sink, "stored")]
        self._entering = [sink.within for sink in sinks if hasattr(sink, "within")]
        self.listening: bool = any(sink.observes for sink in sinks)

    async def record(self, event: Durable) -> None:
        """Fold a durable event and return when every sink has it.

        The state holds it from the call on, also where a sink raises or the wait is cancelled.

        Raises:
            LeaseLost: another process drives the session now; nothing more is recorded here.
            StoreError: it could not be stored; it is given to the store again with the next one.
        """
        if self.lost is not None:
            raise self.lost
        self.seq += 1
        self._sub = 0
        turn, step = self.state.turn, self.state.step
        if isinstance(event, AssistantMessage):
            step += 1
        elif isinstance(event, UserMessage):
            turn, step = turn + 1, 0
        elif isinstance(event, TurnFinished) and self.traceparent and event.status != "finished":
            event = structs.replace(event, traceparent=self.traceparent)
        self.sampling = False
        self.counts[counted_as(event)] += 1
        placed = self._place(event, turn, step)
        self.state.apply(placed)
        self._on_the_way += 1
        if self._store is not None:
            self._turnstile.hold(placed)
        try:
            await self._hand_on(placed)
        finally:
            self._on_the_way -= 1
        while self._found and not self._on_the_way:
            self.report(self._found.pop(0))

    async def _hand_on(self, event: Durable) -> None:
        """Let the sinks have an event, in order."""
        began = time.perf_counter()
        try:
            for sink in self._first:
                await sink.record(event)
            for stored in self._timed:
                stored(time.perf_counter() - began)
            if self._store is not None and not self._store.collecting:
                await self._turnstile.pass_on(event.seq)
        except LeaseLost as error:
            self.lose(error)
            raise
        except StoreError:
            self.counts["StoreError"] += 1
            raise

    def lose(self, error: LeaseLost) -> None:
        """Record nothing more: another process drives the session now."""
        self.counts["LeaseLost"] += self.lost is None
        self.lost = error

    def within(
        self, kind: Literal["turn", "step", "call"], *, name: str = "", call_id: str = ""
    ) -> Within:
        """A context manager to be in while a turn, a step or a call is under way; see `Scope`."""
        state, step = self.state, self.state.step
        if kind != "call":
            step = 0 if kind == "turn" else step + 1
        names = bound(kind, self.session, state.turn, step, call_id)
        if not self._entering:
            return Within(names)
        finished = state.finished
        scope = Scope(
            kind=kind,
            session=self.session,
            turn=state.turn,
            step=step,
            call_id=call_id,
            name=name,
            settings=state.settings,
            after=finished.traceparent if kind == "turn" and finished is not None else "",
        )
        return Within(names, scope, self._entering)

    @asynccontextmanager
    async def at_once(self) -> AsyncIterator[None]:
        """Have what is recorded inside stored as one at the end: all of it, or nothing."""
        store = self._store
        if store is None:
            yield
            return
        store.collecting = True
        try:
            yield
        finally:
            store.collecting = False
        await store.record_all()
        await self._turnstile.pass_on(self.seq)

    def take_up(self, state: State, seq: int) -> None:
        """Go on from what the events of a session add up to, the last of which has this number."""
        self.state = state
        self.seq = self._turnstile.told = seq
        self.resumed = True
        self.cut()

    def cut(self) -> None:
        """Say that the outcome of calls that began, and have none, is unknown from now on."""
        state = self.state
        self.cut_off = {call.id for call in state.open_calls if call.id in state.started}

    def observe(self, event: Event) -> None:
        """Tell those who listen; costs nothing to speak of when nobody does."""
        if self.listening:
            self._sub += 1
            placed = self._place(event, self.state.turn, self.state.step + self.sampling)
            for observe in self._observers:
                observe(placed)
            if self._turnstile.observing:
                self._turnstile.observe(placed)
            self._flush_in_time(placed.time, 1)

    def observe_run(self, kind: type[ReasoningDelta | TextDelta], texts: Sequence[str]) -> None:
        """Observe pieces of one text, at least one, that came at one time."""
        if self.listening:
            count, first = len(texts), self._sub + 1
            self._sub += count
            time = self._milliseconds()
            state = self.state
            step = state.step + self.sampling
            run = Run(kind, self.session, self.seq, first, state.turn, step, time, (), texts)
            for observe in self._run_observers:
                observe(run)
            if self._turnstile.observing:
                self._turnstile.observe(run)
            self._flush_in_time(time / 1000, count)

    def _flush_in_time(self, time: float, count: int) -> None:
        """After events: tell sinks to let go of what they keep, where that is much or old."""
        if self._sub == count:
            self._due = time + WINDOW
        elif time >= self._due or self._sub % BATCH < count:
            self._due = time + WINDOW
            for flush in self._flushes:
                flush()

    def report(self, event: Retried | Repaired | EgressDecided | Warned) -> None:
        """Observe what operators count, whether somebody listens or not."""
        self.counts[counted_as(event)] += 1
        self.observe(event)

    def report_of_sink(self, event: Warned) -> None:
        """Report what a sink found out; where it was recording, once all sinks have that event."""
        if self._on_the_way:
            self._found.append(event)
        else:
            self.report(event)

    def _place(self, event: E, turn: int, step: int) -> E:
        return structs.replace(
            event,
            session=self.session,
            seq=self.seq,
            sub=self._sub,
            time=self._milliseconds() / 1000,
            turn=turn,
            step=step,
        )

    def _milliseconds(self) -> int:
        """The time: whole milliseconds since the epoch, as traces and stores hold it."""
        return round(self.clock() * 1000)


class Teller:
    """What a model tells of a step on the way: see `Observe`. `run` takes the pieces of a read."""

    def __init__(self, journal: Journal) -> None:
        self._observe = journal.observe
        self.run: Callable[[type[ReasoningDelta | TextDelta], Sequence[str]], None] = (
            journal.observe_run
        )

    def __call__(self, event: Event) -> None:
        """Tell of one event."""
        self._observe(event)
