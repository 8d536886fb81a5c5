"""What has happened, who hears of it, and what state does it add up to?

A session has no state but `fold(durable events)`. A durable event is folded and reaches every sink
before `record` returns; an observed one is made only when a sink listens.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from msgspec import structs

from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    Durable,
    Event,
    LimitReached,
    SessionOpened,
    SettingsChanged,
    ToolCall,
    ToolCallFinished,
    ToolCallStarted,
    ToolResult,
    TurnFinished,
    Usage,
    UserMessage,
)
from toolrun.transcript import Message, ToolMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

E = TypeVar("E", bound=Event)


class Sink(Protocol):
    """Somebody who hears of a session's events."""

    observes: bool
    """Whether observed events are wanted too: making them costs."""

    def observe(self, event: Event) -> None:
        """Take note of an observed event; must not block and not raise."""

    async def record(self, event: Durable) -> None:
        """Return when a durable event is as safe as this sink makes it."""


class State:
    """What a session's durable events add up to."""

    def __init__(self) -> None:
        self.opened: SessionOpened | None = None
        self.settings: dict[str, Any] = {}
        self.transcript: list[Message] = []
        self.turn = 0
        self.step = 0
        self.finished: TurnFinished | None = None
        self.limit: LimitReached | None = None
        self.turn_from = 0
        self.turn_results: dict[tuple[int, str], ToolResult] = {}
        self.usage = Usage()
        self.results: dict[str, ToolResult] = {}
        self.started: set[str] = set()
        self.pending: dict[str, ApprovalRequested] = {}
        self.decided: dict[str, ApprovalDecided] = {}
        self.standing: set[str] = set()
        self._calls: tuple[ToolCall, ...] = ()

    @property
    def open_calls(self) -> list[ToolCall]:
        """The calls of the last message that have no outcome yet, in order."""
        return [call for call in self._calls if call.id not in self.results]

    @property
    def running(self) -> bool:
        """Whether a turn has begun and not ended."""
        return self.turn > 0 and self.finished is None

    def apply(self, event: Event) -> None:  # noqa: C901 - one table, an arm for each event
        """Fold one durable event in."""
        match event:
            case AssistantMessage():
                self._answered(event)
            case UserMessage():
                self.turn += 1
                self.step = 0
                self.finished = self.limit = None
                self.turn_from = len(self.transcript)
                self.turn_results = {}
                self.transcript.append(event)
            case ToolCallStarted():
                self.started.add(event.call_id)
            case ToolCallFinished():
                self._outcome(event)
            case ApprovalRequested():
                self.pending[event.call_id] = event
            case ApprovalDecided():
                self._decided(event)
            case TurnFinished():
                self.finished = event
            case LimitReached():
                self.limit = event
            case SessionOpened():
                self.opened = event
                self.settings = dict(event.settings)
            case SettingsChanged():
                self.settings |= event.settings
            case _:
                pass

    def _answered(self, message: AssistantMessage) -> None:
        self.step += 1
        self.finished = None
        self.usage += message.usage
        self.transcript.append(message)
        self._calls = message.tool_calls
        self.results = {}
        self.started = set()
        self.decided = {}

    def _outcome(self, event: ToolCallFinished) -> None:
        self.finished = None
        self.results[event.call_id] = event.result
        self.turn_results[self.step, event.call_id] = event.result
        self.pending.pop(event.call_id, None)
        if self._calls and not self.open_calls:
            self.transcript += [
                ToolMessage(call.id, call.name, self.results[call.id].content)
                for call in self._calls
            ]
            self._calls = ()

    def _decided(self, event: ApprovalDecided) -> None:
        request = self.pending.pop(event.call_id, None)
        self.decided[event.call_id] = event
        if request is not None and event.decision == "approve" and event.scope == "session":
            self.standing.add(request.name)


def fold(events: Iterable[Event]) -> State:
    """The state that durable events, in order, add up to; observed ones are passed over."""
    state = State()
    for event in events:
        if event.durable:
            state.apply(event)
    return state


class Journal:
    """The events of one session, in order: gives each its place, folds it, tells the sinks."""

    def __init__(
        self,
        session: str,
        sinks: Sequence[Sink] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.session = session
        self.state = State()
        self.clock = clock
        self.sampling = False
        """Whether a step is being sampled: its observed events carry the number it will have."""
        self._seq = 0
        self._sub = 0
        self._sinks: tuple[Sink, ...] = tuple(sinks)
        self.listening = any(sink.observes for sink in self._sinks)

    def add(self, sink: Sink) -> None:
        """Let one more sink hear of what happens from now on."""
        self._sinks = (*self._sinks, sink)
        self.listening = any(each.observes for each in self._sinks)

    def remove(self, sink: Sink) -> None:
        """Let a sink hear no more."""
        self._sinks = tuple(each for each in self._sinks if each is not sink)
        self.listening = any(each.observes for each in self._sinks)

    async def record(self, event: Durable) -> None:
        """Fold a durable event and return when every sink has it.

        The state holds it from the call on, also where a sink raises or the wait is cancelled.
        """
        self._seq += 1
        self._sub = 0
        turn, step = self.state.turn, self.state.step
        if isinstance(event, AssistantMessage):
            step += 1
        elif isinstance(event, UserMessage):
            turn, step = turn + 1, 0
        self.sampling = False
        placed = self._place(event, turn, step)
        self.state.apply(placed)
        for sink in self._sinks:
            await sink.record(placed)

    def observe(self, event: Event) -> None:
        """Tell those who listen; costs nothing to speak of when nobody does."""
        if self.listening:
            self._sub += 1
            placed = self._place(event, self.state.turn, self.state.step + self.sampling)
            for sink in self._sinks:
                if sink.observes:
                    sink.observe(placed)

    def _place(self, event: E, turn: int, step: int) -> E:
        return structs.replace(
            event,
            session=self.session,
            seq=self._seq,
            sub=self._sub,
            time=self.clock(),
            turn=turn,
            step=step,
        )
