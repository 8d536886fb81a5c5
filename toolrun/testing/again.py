"""How is a session asked again all that a trace says it was asked?

With the recorded settings, stand-ins for its tools and the decisions that people made; a `Stage`
says who answers.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from msgspec import structs

from toolrun.decisions import Deny
from toolrun.errors import (
    MissingExtra,
    ModelNotFound,
    ReplayMismatch,
    ServerUnreachable,
    ToolrunError,
    TraceError,
)
from toolrun.events import ApprovalDecided, ApprovalRequested, ToolCallStarted
from toolrun.options import Settings
from toolrun.runtime import Runtime
from toolrun.session import Session
from toolrun.tools.decorator import Options as ToolOptions
from toolrun.trace.acts import Act, Compact, Turn, Undo, decision_of
from toolrun.trace.calls import exact
from toolrun.trace.plan import Plan, requests_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolrun.decisions import Decision
    from toolrun.events import Event
    from toolrun.options import Options
    from toolrun.parts import Parts
    from toolrun.testing.stage import Stage
    from toolrun.tools.definition import Tool
    from toolrun.values import ToolCall

_UNDECIDED: Final = "no decision on this call is recorded"
_GOES_ON: Final = ("limited", "cancelled", "failed", "parked")


def options_of(plan: Plan, events: Sequence[Event]) -> dict[str, Any]:
    """The options of a session like the recorded one.

    Args:
        plan: of its trace.
        events: of its trace.

    Raises:
        TraceError: its settings are none that a session can have.
    """
    try:
        recorded = msgspec.convert(plan.opened.settings, Settings)
    except msgspec.ValidationError as error:
        raise TraceError(f"line 2: the settings can't be used: {error}", 2) from error
    return {
        "model": recorded.model,
        "via": recorded.via,
        "instructions": recorded.instructions,
        "effort": recorded.effort,
        "sampling": recorded.sampling,
        "tool_choice": recorded.tool_choice,
        "limits": recorded.limits,
        "budget": recorded.budget,
        "compaction": recorded.compaction,
        "context_length": recorded.context_length,
        "retries": recorded.retries,
        "extra_body": recorded.extra_body,
        "tools": _stand_ins(plan, events),
        "approve": _Recorded(events),
    }


async def ask_all(plan: Plan, stage: Stage, options: Mapping[str, Any]) -> None:
    """Do in a session what the user did in the recorded one.

    Args:
        plan: of its trace.
        stage: says who samples and who answers calls.
        options: of the session, see `options_of`.

    Raises:
        ServerUnreachable, ModelNotFound: nobody is there to be asked. What else a server does wrong
            fails its turn.
        ReplayMismatch: what is asked, or what happens, is not as the stage wants it.
    """
    asked = cast("Options", dict(options))
    async with _Again(stage, plan) as runtime, Session(runtime, **asked) as session:
        for act in plan.acts:
            await _act(session, act)


async def _act(session: Session, act: Act) -> None:
    """Do what the user did; a decision is the approver's."""
    state = session.state
    try:
        if isinstance(act, Undo):
            await session.undo()
        elif isinstance(act, Compact):
            await session.compact()
        elif isinstance(act, Turn):
            await _turn(session, act)
    except (ServerUnreachable, ModelNotFound, MissingExtra, ReplayMismatch):
        raise
    except ToolrunError:
        # The turn has failed, which its events say.
        if state.finished is None or state.finished.status != "failed":
            raise


async def _turn(session: Session, turn: Turn) -> None:
    if turn.text is None:
        finished = session.state.finished
        # A live turn may have come to its end where the recorded one had to be gone on with.
        if finished is None or finished.status not in _GOES_ON or session.state.pending:
            return
    if not turn.stream:
        if turn.text is None:
            await session.go_on()
        else:
            await session.ask(turn.text, output=turn.output)
        return
    stream = (
        session.stream_on() if turn.text is None else session.stream(turn.text, output=turn.output)
    )
    async with stream as events:
        async for _ in events:
            pass


class _Again(Runtime):
    """A runtime whose one session has a trace's results, and what it began with."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        super().__init__()
        self._stage = stage
        self._plan = plan

    def assemble(self, session_id: str | None, options: Options) -> Parts:
        parts = self._stage.assemble(self, session_id, options)
        return structs.replace(parts, history=self._plan.history)


class _Recorded:
    """An approver that decides as it was decided on the same call."""

    def __init__(self, events: Sequence[Event]) -> None:
        requests: dict[str, bytes] = {}
        self._decisions: dict[bytes, list[Decision]] = defaultdict(list)
        for event in events:
            if isinstance(event, ApprovalRequested):
                requests[event.call_id] = exact([event.name, event.arguments])
            elif isinstance(event, ApprovalDecided) and event.call_id in requests:
                self._decisions[requests[event.call_id]].append(decision_of(event))

    async def __call__(self, call: ToolCall) -> Decision:
        arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        known = self._decisions.get(exact([call.name, arguments]))
        if not known:
            return Deny(_UNDECIDED)
        return known.pop(0) if known[1:] else known[0]


def _stand_ins(plan: Plan, events: Sequence[Event]) -> list[Tool]:
    """The recorded tools; one that asked for approval asks again, unless it is known not to."""
    asked: dict[str, set[bytes]] = defaultdict(set)
    free: set[bytes] = set()
    requests = requests_of(events)
    requested = {event.call_id for event in requests}
    for request in requests:
        asked[request.name].add(exact([request.name, request.arguments]))
    for event in events:
        if isinstance(event, ToolCallStarted) and event.call_id not in requested:
            free.add(exact([event.name, event.arguments]))

    def asks(name: str, arguments: dict[str, Any]) -> bool:
        made = exact([name, arguments])
        return made in asked[name] or (bool(asked[name]) and made not in free)

    return [
        structs.replace(
            tool,
            # None runs: where it would is nothing to look for on this machine.
            options=ToolOptions(
                trusted=True,
                approve=partial(asks, tool.name),
                repeatable=tool.options.repeatable,
            ),
        )
        for tool in plan.tools()
    ]
