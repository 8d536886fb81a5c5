"""What of a running turn is kept for clients that come back?

Its last events, in a ring that is bounded in bytes. Whoever comes back within it goes on event by
event. Whoever comes too late, or from another worker, gets the durable events from the store and
then, in one piece, what the running step has said so far: never a gap, never anything twice.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any

import anyio

from agent_service.places import Place
from agent_service.told import Told, said_so_far, told, told_run
from toolrun import (
    AssistantMessage,
    Event,
    ReasoningDelta,
    Retried,
    Run,
    Session,
    TextDelta,
    ToolCallFinished,
    ToolOutput,
    TurnFinished,
    UserMessage,
)

_OVERHEAD = 200
"""Bytes that an event in the ring takes beside its JSON, about."""
_OUTPUT_CHARS = 16_384
"""What is kept of the output of a tool that runs."""


class Live:
    """The turn of a session that this worker drives.

    Args:
        session: what drives it.
        tenant: whose session it is.
        ring_bytes: what may be kept of its events.

    Attributes:
        run: tells its observed events from those of any other turn or worker.
        place: of its last event; None before the first.
        base: the place before its first event.
        ended: whether no event will come.
        closed: set once the session has been let go of, too.
        failure: the code of what stopped it without an end of its own.
    """

    def __init__(self, session: Session, tenant: str | None, ring_bytes: int) -> None:
        self.session = session
        self.tenant = tenant
        self.run = secrets.token_hex(4)
        self.place: Place | None = None
        self.base = Place()
        self.ended = False
        self.failure = ""
        self.closed = anyio.Event()
        self._most = ring_bytes
        self._ring: deque[Told] = deque()
        self._bytes = 0
        self._first = 0
        self._before = Place()
        self._so_far = _SoFar()
        self._waiting: list[asyncio.Future[None]] = []

    def tell(self, event: Event) -> None:
        """Keep an event, and wake who waits for it."""
        self._so_far.add(event)
        self._keep(told(event, self.run))
        self._wake()

    def tell_run(self, run: Run) -> None:
        """Keep pieces of one text that came at once."""
        self._so_far.add_run(run)
        for each in told_run(run, self.run):
            self._keep(each)
        self._wake()

    def _keep(self, each: Told) -> None:
        if self.place is None:
            sub = max(each.place.sub - 1, 0)
            seq = each.place.seq if each.place.sub else each.place.seq - 1
            self.base = self._before = Place(seq, sub, self.run if sub else "")
        self.place = each.place
        self._ring.append(each)
        self._bytes += _size(each)
        while self._bytes > self._most:
            gone = self._ring.popleft()
            self._bytes -= _size(gone)
            self._before = gone.place
            self._first += 1

    @property
    def next(self) -> int:
        """The number that the next event will have in this turn, from 0."""
        return self._first + len(self._ring)

    def number_after(self, place: Place) -> int | None:
        """The number of the first event after a place; None where the ring does not reach back."""
        if self.place is None or not self._knows(place):
            return None
        at = place[:2]
        # From the newest on: who comes back has mostly missed little.
        behind = sum(1 for _ in _while_after(reversed(self._ring), at))
        return self.next - behind

    def _knows(self, place: Place) -> bool:
        if place.sub and place.run != self.run:
            return False
        return place[:2] >= self._before[:2]

    def since(self, number: int) -> list[Told] | None:
        """The events from a number on; None where the ring holds them no more."""
        if number < self._first:
            return None
        # From the newest on: who listens lacks little of a ring of a thousand.
        newest = list(islice(reversed(self._ring), self.next - number))
        newest.reverse()
        return newest

    def so_far(self) -> Told:
        """What the running step has said so far, in one piece."""
        assert self.place is not None
        return said_so_far(self.place, self._so_far.plain())

    async def changed(self) -> None:
        """Return when there is an event more, or the end."""
        # A bare future of the loop that uvicorn runs on: one is made for each piece of each stream.
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiting:  # cancelled
                self._waiting.remove(waiter)

    def end(self) -> None:
        """Let those who wait know that nothing more will come."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


class _SoFar:
    """What a step has said, and the calls that run have printed, since the last message."""

    def __init__(self) -> None:
        self._turn = self._step = 0
        self._reasoning: list[str] = []
        self._text: list[str] = []
        self._outputs: dict[str, str] = {}

    def add_run(self, run: Run) -> None:
        texts = self._text if run.of is TextDelta else self._reasoning
        texts += run.texts
        self._turn, self._step = run.turn, run.step

    def add(self, event: Event) -> None:
        match event:
            case ReasoningDelta():
                self._reasoning.append(event.text)
            case TextDelta():
                self._text.append(event.text)
            case ToolOutput():
                printed = self._outputs.get(event.call_id, "") + event.text
                self._outputs[event.call_id] = printed[-_OUTPUT_CHARS:]
            case ToolCallFinished():
                self._outputs.pop(event.call_id, None)
            case Retried() | AssistantMessage() | TurnFinished() | UserMessage():
                # A message holds all of it; what was sampled in vain is void.
                self._reasoning.clear()
                self._text.clear()
        self._turn, self._step = event.turn, event.step

    def plain(self) -> dict[str, Any]:
        return {
            "turn": self._turn,
            "step": self._step,
            "reasoning": "".join(self._reasoning),
            "text": "".join(self._text),
            "outputs": self._outputs,
        }


def _size(each: Told) -> int:
    return _OVERHEAD + len(each.data or b"")


def _while_after(ring: Iterable[Told], at: tuple[int, ...]) -> Iterable[Told]:
    for each in ring:
        if each.place[:2] <= at:
            return
        yield each
