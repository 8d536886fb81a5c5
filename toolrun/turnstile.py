"""Who hears of an event only once it is stored, and in which order?

A store takes its time, and tasks that waited for one of its transactions wake in any order. Sinks
behind it hear of events in the order of `seq` all the same, and of nothing that was observed before
they heard of what had happened before that.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import anyio

from toolrun.events import Durable, Event
from toolrun.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.sinks import Sink


class Turnstile:
    """The way to the sinks behind a store.

    Attributes:
        sinks: those behind it, in order.
        observing: those of them that want observed events, too.
        told: the number of the last durable event that they have heard of.
    """

    def __init__(self) -> None:
        self.sinks: tuple[Sink, ...] = ()
        self.observing: tuple[Sink, ...] = ()
        self.told: int = 0
        self._held: deque[tuple[Event | Run, tuple[Sink, ...]]] = deque()
        self._telling = False
        self._moved: anyio.Event | None = None

    def lead_to(self, sinks: tuple[Sink, ...]) -> None:
        """Lead to these sinks from now on; one that is new hears of no event from before."""
        self.sinks = sinks
        self.observing = tuple(sink for sink in sinks if sink.observes)

    def hold(self, event: Durable) -> None:
        """Keep a durable event that is on its way to the store."""
        self._held.append((event, self.sinks))

    def observe(self, observed: Event | Run) -> None:
        """Tell of what was observed, or keep it where a durable event before it waits."""
        if self._held or self._telling:
            self._held.append((observed, self.observing))
            return
        for sink in self.observing:
            _tell(sink, observed)

    async def pass_on(self, seq: int) -> None:
        """Tell of all events up to one that is stored, which makes those before it stored, too."""
        while self.told < seq:
            if self._telling:
                self._moved = self._moved or anyio.Event()
                await self._moved.wait()
                continue
            self._telling = True
            try:
                await self._tell_next()
            finally:
                self._telling = False
                if self._moved is not None:
                    self._moved.set()
                    self._moved = None

    async def _tell_next(self) -> None:
        """Tell of a durable event, and of what was observed between it and the next one."""
        event, sinks = self._held.popleft()
        assert isinstance(event, Durable)
        try:
            for sink in sinks:
                if sinks is self.sinks or sink in self.sinks:
                    await sink.record(event)
        finally:
            self.told = event.seq
            while self._held and not isinstance(self._held[0][0], Durable):
                observed, sinks = self._held.popleft()
                for sink in sinks:
                    if sink in self.observing:
                        _tell(sink, observed)


def run_observer(sink: Sink) -> Callable[[Run], None]:
    """What tells a sink of the pieces of one read."""
    told: Callable[[Run], None] | None = getattr(sink, "observe_run", None)
    return told or partial(_tell_each, sink)


def _tell(sink: Sink, observed: Event | Run) -> None:
    if isinstance(observed, Run):
        run_observer(sink)(observed)
    else:
        sink.observe(observed)


def _tell_each(sink: Sink, run: Run) -> None:
    for event in run.events():
        sink.observe(event)
