"""Which steps does a trace hold, and how did the session stand at each?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from toolrun.events import (
    AssistantMessage,
    Compacted,
    Durable,
    ReasoningDelta,
    RequestSent,
    Retried,
    ServerToolCalled,
    StepFinished,
    TextDelta,
    TurnFinished,
)
from toolrun.state import State
from toolrun.trace.runs import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.trace.runs import Recorded

_SAMPLED = (RequestSent, ReasoningDelta, TextDelta, Run, StepFinished, ServerToolCalled)
"""What is told of a sampling while it goes on."""


class Step(Struct, frozen=True):
    """One sampling of the model that a trace holds, whether it succeeded or not.

    Attributes:
        number: of the sampling, from 1: the n-th request of the session.
        turn: from 1.
        step: of the turn, from 1; the same again where it was sampled again.
        begin: the number of its first event.
        end: the number of the event that ended it: the message, a Retried, a Compacted (the server
            had refused it), or the end of the turn.
    """

    number: int
    turn: int
    step: int
    begin: int
    end: int

    @property
    def name(self) -> str:
        """How a person calls it."""
        return f"step {self.step} of turn {self.turn}"


def recorded_steps(events: Sequence[Recorded], begin: int = 1) -> list[Step]:
    """The steps of a trace, in order.

    Args:
        events: of the trace.
        begin: the number of the first event that is not what the session began with.
    """
    steps: list[Step] = []
    first: int | None = None
    for index in range(begin, len(events)):
        event = events[index]
        kind: Any = type(event)
        if kind in _SAMPLED:
            if first is None:
                first = index
        elif kind is AssistantMessage or kind is Retried:
            start = index if first is None else first
            steps.append(Step(len(steps) + 1, event.turn, event.step, start, index))
            first = None
        elif kind is Compacted and first is not None:  # the server had refused the request
            steps.append(Step(len(steps) + 1, event.turn, event.step + 1, first, index))
            first = None
        elif kind is TurnFinished and first is not None:
            steps.append(_unfinished(events, len(steps) + 1, first, index))
            first = None
    if first is not None:
        steps.append(_unfinished(events, len(steps) + 1, first, len(events)))
    return steps


def _unfinished(events: Sequence[Recorded], number: int, first: int, end: int) -> Step:
    return Step(number, events[first].turn, events[first].step, first, end)


class Folded:
    """The state of a recorded session, further and further on.

    Args:
        events: of the trace.

    Attributes:
        state: as far as it was asked for.
    """

    def __init__(self, events: Sequence[Recorded]) -> None:
        self.state: State = State()
        self._events = events
        self._at = 0

    def before(self, index: int) -> State:
        """The state right before the event of a number, which is not below the last one's."""
        for event in self._events[self._at : index]:
            if isinstance(event, Durable):
                self.state.apply(event)
        self._at = index
        return self.state
