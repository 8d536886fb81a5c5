"""What did the user do in a recorded session, and how did each turn end?

A trace does not say who called `ask`, `decide` or `go_on`; it follows from the durable events. A
turn ends with TurnFinished. What comes then is a new turn if a UserMessage is in it, decisions if
it begins with ApprovalDecided on calls that waited, and else the same turn, gone on with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

from toolrun.decisions import Approve, Decision, Deny, Edit
from toolrun.errors import TraceError
from toolrun.events import (
    ANOTHER_BACKEND,
    NOT_RESTORED,
    ApprovalDecided,
    ApprovalRequested,
    Compacted,
    Durable,
    ForkedFrom,
    LimitReached,
    ReasoningDelta,
    RequestSent,
    SessionOpened,
    SettingsChanged,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    TurnUndone,
    UserMessage,
    Warned,
    key_of,
)
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool
from toolrun.trace.calls import exact
from toolrun.trace.runs import Recorded, Run
from toolrun.trace.steps import Step, recorded_steps
from toolrun.values import Status

if TYPE_CHECKING:
    from toolrun.trace.reader import RunsOfTrace, Trace


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


class Plan(Struct, frozen=True):
    """What a replay of a trace has to do.

    Attributes:
        session: the id of the session.
        opened: what it began with: version, date, settings, tools.
        history: the events that it began with: of an imported transcript, or of a fork.
        acts: what the user did, in order.
        approves: whether an approver decided while turns ran.
        unfinished: whether the trace ends in the middle of a turn.
        lines: of the file in which the events stand.
        steps: that were sampled, without those that it began with.
        begin: the number of the first event that it did not begin with.
    """

    session: str
    opened: SessionOpened
    history: list[Durable]
    acts: list[Act]
    approves: bool
    unfinished: bool
    events: Sequence[Recorded]
    lines: Sequence[int] = ()
    steps: Sequence[Step] = ()
    begin: int = 1

    @classmethod
    def from_trace(cls, trace: Trace | RunsOfTrace) -> Plan:
        """Read a plan off a trace.

        Raises:
            TraceError: the trace does not begin with the session, or has what can't be replayed.
        """
        events = trace.events
        opened = events[0] if events else None
        if not isinstance(opened, SessionOpened):
            raise TraceError("the trace does not begin with SessionOpened: no replay", 2)
        for index, event in enumerate(events):
            if isinstance(event, SettingsChanged):
                line = trace.lines[index] if trace.lines else index + 2
                raise TraceError(
                    f"line {line}: a session whose settings changed can't be replayed", line
                )
        begin = _first_turn(events)
        for index in trace.breaks:
            if _is_within_turn(events, begin, index):
                line = trace.lines[index]
                raise TraceError(
                    f"line {line}: here another process went on in the middle of a turn whose own "
                    "had ended; that can't be replayed",
                    line,
                )
        history = [event for event in events[1:begin] if isinstance(event, Durable)]
        acts: list[Act] = []
        start = begin
        while start < len(events):
            end = _end(events, start)
            acts += _acts(events, start, end)
            start = end
        decided = {each.call_id for each in acts if isinstance(each, Decide)}
        last = acts[-1] if acts else None
        return cls(
            session=trace.header.session,
            opened=opened,
            history=history,
            acts=acts,
            approves=_approves(events, decided),
            unfinished=isinstance(last, Turn) and last.status is None,
            events=events,
            lines=trace.lines,
            steps=recorded_steps(events, begin),
            begin=begin,
        )

    @property
    def fallbacks(self) -> list[str]:
        """Why another backend made the sandboxes, as was warned of when the session opened."""
        found: list[str] = []
        for event in self.events[1:]:
            if not isinstance(event, Warned) or event.code != ANOTHER_BACKEND:
                break
            found.append(event.message)
        return found

    def tools(self) -> list[Tool]:
        """The session's tools as the model saw them, without their functions."""
        profiles: dict[str, str | None] = {}
        asked = {(each.name, exact(each.arguments)) for each in requests_of(self.events)}
        for event in self.events:
            if isinstance(event, ToolCallStarted):
                profiles.setdefault(event.name, event.profile)
        settings = self.opened.settings
        return [
            _stand_in(schema["function"], profiles, asked, settings) for schema in self.opened.tools
        ]


def requests_of(events: Sequence[Recorded]) -> list[ApprovalRequested]:
    """Where tools asked for approval; not what was asked after a crash, of calls that had begun."""
    began: set[str] = set()
    found: list[ApprovalRequested] = []
    for event in events:
        if isinstance(event, ToolCallStarted):
            began.add(event.key)
        elif isinstance(event, ApprovalRequested):
            place = event.session, event.turn, event.step, event.call_id
            if key_of(*place) not in began:
                found.append(event)
    return found


def decision_of(event: ApprovalDecided) -> Decision:
    """The decision that an event recorded."""
    match event.decision:
        case "approve":
            return Approve(event.rule or "call")
        case "edit":
            return Edit(event.arguments or {})
        case "deny":
            return Deny(event.reason)


def _approves(events: Sequence[Recorded], decided: set[str]) -> bool:
    """Whether an approver was there: without one, a call that asks for approval parks the turn."""
    if any(isinstance(event, TurnFinished) and event.status == "parked" for event in events):
        return any(
            isinstance(event, ApprovalDecided) and event.call_id not in decided for event in events
        )
    return any(isinstance(event, ApprovalRequested) for event in events)


def _first_turn(events: Sequence[Recorded]) -> int:
    """The number of the event that the first turn begins with; before it is what was imported."""
    at = next((i for i, e in enumerate(events) if i and not isinstance(e, Warned)), 0)
    if isinstance(fork := events[at], ForkedFrom):
        return at + 1 + fork.copied
    said = len(events)
    for index, event in enumerate(events):
        if isinstance(event, UserMessage):
            said = index
        if isinstance(event, TurnFinished) or not (event.durable or isinstance(event, Warned)):
            break
    return said


def _is_within_turn(events: Sequence[Recorded], begin: int, index: int) -> bool:
    """Whether a turn had begun, and not ended, before an event."""
    for event in reversed(events[begin:index]):
        if isinstance(event, TurnFinished | TurnUndone):
            return False
        if event.durable and not isinstance(event, ApprovalDecided):
            return True
    return False


def _end(events: Sequence[Recorded], start: int) -> int:
    for index in range(start, len(events)):
        if isinstance(events[index], TurnFinished):
            return index + 1
    return len(events)


def _acts(events: Sequence[Recorded], start: int, end: int) -> list[Act]:
    """What the user did between the end of one turn and the end of the next."""
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


def _is_between(events: Sequence[Recorded], start: int) -> bool:
    """Whether no turn goes on here: then somebody asked for what was just done."""
    for event in events[start:]:
        if event.durable and not isinstance(event, Compacted):
            return isinstance(event, UserMessage | TurnUndone | ApprovalDecided)
        if not event.durable and not isinstance(event, Warned):
            return False
    return True


_PIECES = (ReasoningDelta, TextDelta, Run)


def _stop(events: Sequence[Recorded], start: int, end: int) -> Stop | None:
    if not isinstance(events[end - 1], TurnFinished):
        return Stop(end, "end")
    return stop_of(events, end - 1, start)


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


def _stand_in(
    function: dict[str, Any],
    profiles: dict[str, str | None],
    asked: set[tuple[str, bytes]],
    settings: Mapping[str, Any],
) -> Tool:
    name = function["name"]
    profile = profiles.get(name)
    return Tool(
        name=name,
        description=function["description"],
        parameters=function["parameters"],
        options=Options(
            trusted=profile is None,
            profile=profile,
            approve=lambda arguments: (name, exact(arguments)) in asked,
            repeatable=name in settings.get("repeatable", ()),
        ),
        function=_never_run,
        build=dict,
        source=None,
        builtin=name in settings.get("builtins", ()),
    )


def _never_run(**_: Any) -> None:
    raise AssertionError("a replay runs no tool")
