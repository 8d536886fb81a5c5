"""What is a client told of an event?

Less than the journal holds: not the settings, the bodies of requests, what files held before, nor
the texts of errors, which name hosts and paths. What is not listed here is not told.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from agent_service.places import Place
from toolrun import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    Event,
    LimitReached,
    ReasoningDelta,
    Retried,
    Run,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    TurnFinished,
    TurnUndone,
    UserMessage,
    Warned,
)

_encode = msgspec.json.Encoder().encode
_NAMES = {TextDelta: b"TextDelta", ReasoningDelta: b"ReasoningDelta"}


class Told(msgspec.Struct, frozen=True, gc=False):
    """An event on its way to clients.

    Attributes:
        place: where it stands.
        data: as JSON; None where clients are not told of it.
        ends: whether a turn ends with it, or stops.
    """

    place: Place
    data: bytes | None
    ends: bool = False


def told(event: Event, run: str = "") -> Told:
    """What clients are told of an event; `run` is that of an observed one."""
    place = Place(event.seq, event.sub, run if event.sub else "")
    if (say := _SAID.get(type(event))) is None:
        return Told(place, None)
    head = {"type": type(event).__name__, "turn": event.turn, "step": event.step}
    if not event.sub:
        head["time"] = event.time
    return Told(place, _encode({**head, **say(event)}), isinstance(event, TurnFinished))


def told_run(run: Run, name: str) -> list[Told]:
    """The same of pieces of one text that came at once; `name` is that of an observed run."""
    head = b'{"type":"%b","turn":%d,"step":%d,"text":' % (_NAMES[run.of], run.turn, run.step)
    return [
        Told(Place(run.seq, sub, name), b"%b%b}" % (head, _encode(text)))
        for sub, text in enumerate(run.texts, run.sub)
    ]


def said_so_far(place: Place, so_far: dict[str, Any]) -> Told:
    """What a step has said so far: it replaces all pieces of it that a client may hold."""
    return Told(place, _encode({"type": "StepSoFar", **so_far}))


def interrupted(place: Place, code: str) -> Told:
    """A turn stopped here without an end: a worker that can goes on with it."""
    return Told(place, _encode({"type": "Interrupted", "code": code}), ends=True)


def error_of(finished: TurnFinished) -> str | None:
    """The kind of what ended a turn, without its text."""
    return None if finished.error is None else finished.error.partition(":")[0]


def _answered(event: AssistantMessage) -> dict[str, Any]:
    calls = [
        {"id": call.id, "name": call.name, "arguments": call.arguments} for call in event.tool_calls
    ]
    return {"content": event.content, "reasoning": event.reasoning, "tool_calls": calls}


def _outcome(event: ToolCallFinished) -> dict[str, Any]:
    return {
        "call_id": event.call_id,
        "name": event.name,
        "outcome": event.result.outcome,
        "content": event.content,
    }


def _asked(event: ApprovalRequested) -> dict[str, Any]:
    return {
        "call_id": event.call_id,
        "name": event.name,
        "arguments": event.arguments,
        "reason": event.reason,
    }


_Say = Callable[[Any], dict[str, Any]]
_SAID: dict[type[Event], _Say] = {
    UserMessage: lambda event: {"content": event.content},
    AssistantMessage: _answered,
    ToolCallStarted: lambda event: {
        "call_id": event.call_id,
        "name": event.name,
        "arguments": event.arguments,
    },
    ToolCallFinished: _outcome,
    ApprovalRequested: _asked,
    ApprovalDecided: lambda event: {
        "call_id": event.call_id,
        "decision": event.decision,
        "reason": event.reason,
        "arguments": event.arguments,
    },
    LimitReached: lambda event: {"limit": event.limit, "value": event.value},
    TurnFinished: lambda event: {"status": event.status, "error": error_of(event)},
    TurnUndone: lambda _: {},
    ReasoningDelta: lambda event: {"text": event.text},
    TextDelta: lambda event: {"text": event.text},
    ToolOutput: lambda event: {
        "call_id": event.call_id,
        "stream": event.stream,
        "text": event.text,
    },
    Retried: lambda event: {"attempt": event.attempt, "code": event.code, "wait": event.wait},
    Warned: lambda event: {"code": event.code},
}
