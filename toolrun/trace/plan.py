"""What does a replay of a trace have to do?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from toolrun.errors import TraceError
from toolrun.events import (
    ANOTHER_BACKEND,
    ApprovalDecided,
    ApprovalRequested,
    Durable,
    ForkedFrom,
    SessionOpened,
    SettingsChanged,
    ToolCallStarted,
    TurnFinished,
    TurnUndone,
    UserMessage,
    Warned,
    key_of,
)
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool
from toolrun.trace.acts import Act, Decide, Turn, acts_of, end_of
from toolrun.trace.calls import exact
from toolrun.trace.runs import Recorded
from toolrun.trace.steps import Step, recorded_steps

if TYPE_CHECKING:
    from toolrun.trace.reader import RunsOfTrace, Trace


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
            end = end_of(events, start)
            acts += acts_of(events, start, end)
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
