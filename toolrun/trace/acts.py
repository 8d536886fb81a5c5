"""What did the user do in a recorded session, and how did each turn end?

A trace does not say who called `ask`, `decide` or `go_on`; it follows from the durable events. A
turn ends with TurnFinished. What comes then is a new turn if a UserMessage is in it, decisions if
it begins with ApprovalDecided on calls that waited, and else the same turn, gone on with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

from toolrun.decisions import Approve, Decision, Deny, Edit
from toolrun.events import (
    NOT_RESTORED,
    ApprovalDecided,
    Compacted,
    LimitReached,
    ReasoningDelta,
    RequestSent,
    TextDelta,
    ToolCallFinished,
    TurnFinished,
    TurnUndone,
    UserMessage,
    Warned,
)
from toolrun.trace.runs import Run
from toolrun.values import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.trace.runs import Recorded

_PIECES = (ReasoningDelta, TextDelta, Run)
"""What a model that streams tells, piece by piece."""


class Stop(Struct, frozen=True):
    """A turn was ended from outside of it.

    Attributes:
        at: the number of the first event that this caused.
        how: by the user, by the end of its time, to go on later, by a failure, or the file ends
            there.
        error: type and text of the failure.
        reason: why, in the words of whoever stopped it.
        seconds: the time that it had.
    """

    at: int
    how: Literal["cancelled", "seconds", "parked", "failed", "end"]
    error: str = ""
    reason: str = ""
    seconds: float | None = None


class Turn(Struct, frozen=True):
    """The user said something, or went on with a turn.

    Attributes:
        text: what was said; None for `go_on`.
        output: the JSON Schema that the answer had to fit, where one was asked for.
        stream: whether the replies were wanted piece by piece.
        status: how it ended; None where the file ends before.
        end: the number of the first event after it.
    """

    text: str | None
    stream: bool
    status: Status | None
    stop: Stop | None
    end: int
    output: dict[str, Any] | None = None


class Undo(Struct, frozen=True):
    """The user took the last turn back."""


class Compact(Struct, frozen=True):
    """The user had the conversation summarised, between two turns."""


class Decide(Struct, frozen=True):
    """The user decided on a call that waited."""

    call_id: str
    decision: Decision


Act: TypeAlias = Turn | Decide | Undo | Compact


def end_of(events: Sequence[Recorded], start: int) -> int:
    """The number of the first event after the turn that an event stands in, or before."""
    for index in range(start, len(events)):
        if isinstance(events[index], TurnFinished):
            return index + 1
    return len(events)


def acts_of(events: Sequence[Recorded], start: int, end: int) -> list[Act]:
    """What the user did from an event on, until the end of a turn.

    Args:
        events: the recorded ones.
        start: the number of the first event that the turn before did not end with.
        end: that of the first event after the turn; see `end_of`.
    """
    acts: list[Act] = []
    while start < end:
        match events[start]:
            case ApprovalDecided() as event:
                acts.append(Decide(event.call_id, decision_of(event)))
            case TurnUndone():
                acts.append(Undo())
            case Compacted() if _is_between(events, start + 1):
                acts.append(Compact())
            case Warned(code) if code == NOT_RESTORED:
                pass  # the undo's own
            case _:
                break
        start += 1
    if start == end:
        return acts
    turn = events[start:end]
    said = next((event for event in turn if isinstance(event, UserMessage)), None)
    requests = [event.stream for event in turn if isinstance(event, RequestSent)]
    # A model that tells of no requests tells by its pieces.
    stream = requests[0] if requests else any(isinstance(event, _PIECES) for event in turn)
    last = turn[-1]
    status = last.status if isinstance(last, TurnFinished) else None
    text, output = (said.content, said.output) if said is not None else (None, None)
    acts.append(Turn(text, stream, status, _stop(events, start, end), end, output))
    return acts


def decision_of(event: ApprovalDecided) -> Decision:
    """The decision that an event recorded."""
    match event.decision:
        case "approve":
            return Approve(event.rule or "call")
        case "edit":
            return Edit(event.arguments or {})
        case _:
            return Deny(event.reason)


def stop_of(events: Sequence[Recorded], end: int, start: int = 0) -> Stop | None:
    """How a turn was ended from outside of it; None where it ended by itself.

    Args:
        events: the recorded ones.
        end: the number of its TurnFinished.
        start: that of its first event.
    """
    last = events[end]
    assert isinstance(last, TurnFinished)
    at = end
    while at > start and _was_cancelled(events[at - 1]):
        at -= 1
    before = events[at - 1]
    match last.status:
        case "cancelled":
            return Stop(at, "cancelled", reason=last.reason)
        case "failed":
            return Stop(at, "failed", last.error or "")
        case "parked" if last.reason:
            return Stop(end, "parked", reason=last.reason)
        case "limited" if isinstance(before, LimitReached) and before.limit == "seconds":
            return Stop(at - 1, "seconds", seconds=before.value)
        case _:
            return None


def _was_cancelled(event: Recorded) -> bool:
    return isinstance(event, ToolCallFinished) and event.result.outcome == "cancelled"


def _is_between(events: Sequence[Recorded], start: int) -> bool:
    """Whether no turn goes on here: then somebody asked for what was just done."""
    for event in events[start:]:
        if event.durable and not isinstance(event, Compacted):
            return isinstance(event, UserMessage | TurnUndone | ApprovalDecided)
        if not event.durable and not isinstance(event, Warned):
            return False
    return True


def _stop(events: Sequence[Recorded], start: int, end: int) -> Stop | None:
    if not isinstance(events[end - 1], TurnFinished):
        return Stop(end, "end")
    return stop_of(events, end - 1, start)
