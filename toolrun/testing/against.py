"""Does another model, or another server, behave as the recorded one did? It is asked again.

The user's words, the instructions, settings and tools are those of a trace, and so are the results
of calls: no tool runs. The model is live.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import Struct, structs

from toolrun.decisions import Deny
from toolrun.errors import (
    MissingExtra,
    ModelNotFound,
    ServerUnreachable,
    ToolrunError,
    TraceError,
)
from toolrun.events import ApprovalDecided, ApprovalRequested, Event, ToolCallStarted
from toolrun.options import Settings
from toolrun.runtime import Runtime
from toolrun.session import Session
from toolrun.testing.stage import Stage
from toolrun.testing.toolboxes import Unrecorded
from toolrun.tools.decorator import Options as ToolOptions
from toolrun.trace.behaviour import behaviour
from toolrun.trace.difference import Difference, differences
from toolrun.trace.plan import Decide, Plan, Turn, Undo, decision_of
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolrun.decisions import Decision
    from toolrun.events import Durable
    from toolrun.models.ways import Via
    from toolrun.options import Options
    from toolrun.parts import Parts
    from toolrun.tools.definition import Tool
    from toolrun.trace.turns import Behaviour
    from toolrun.values import ToolCall

FailOn: TypeAlias = Literal["calls", "answer", "none"]
_UNDECIDED: Final = "no decision on this call is recorded"
_COMPARED: Final = ("turn", "step", "text", "call", "argument", "decision", "outcome", "status")
_GOES_ON: Final = ("limited", "cancelled", "failed")


class Side(Struct, frozen=True):
    """How much one of the two did.

    Attributes:
        steps, calls: of all turns.
        tokens: that it wrote.
        statuses: how each turn ended; None where the trace ends within it.
    """

    steps: int
    calls: int
    tokens: int
    statuses: list[str | None]

    @classmethod
    def of(cls, done: Behaviour) -> Side:
        """Count what a session did."""
        return cls(
            steps=sum(len(turn.steps) for turn in done.turns),
            calls=sum(len(turn.calls) for turn in done.turns),
            tokens=sum(turn.usage.completion_tokens for turn in done.turns),
            statuses=[turn.status for turn in done.turns],
        )


class Comparison(Struct, frozen=True):
    """A recorded session, and what a live model made of the same.

    Attributes:
        recorded, live: how much each did.
        calls: whether the tools that were called, their arguments and their order are the same.
        ends: whether each turn ended in the same way.
        answers: whether the text of each turn's answer is the same.
        differences: of steps, calls, texts and ends, in order; reasoning is not among them.
        unrecorded: calls whose result is not in the trace; each was answered so, as an error.
    """

    recorded: Side
    live: Side
    calls: bool
    ends: bool
    answers: bool
    differences: list[Difference]
    unrecorded: list[Unrecorded]

    def fails(self, on: FailOn) -> bool:
        """Whether it differs in what matters: calls and ends; or answers, too; or nothing."""
        if on == "none":
            return False
        same = self.calls and self.ends and not self.unrecorded
        return not (same and (on == "calls" or self.answers))


async def ask_again(
    path: str | Path,
    base_url: str | Sequence[str],
    *,
    model: str | None = None,
    via: Via | None = None,
    extra_body: Mapping[str, Any] | None = None,
    record: Path | None = None,
    **options: Any,
) -> Comparison:
    """Ask a live model what was asked in a trace, and compare what it does.

    A call gets the result that is recorded of a call of the same tool with the same arguments; an
    approval the decision that is recorded of it, else it is denied.

    Args:
        path: of the trace.
        base_url: of the server, or servers.
        model: its name there; the recorded one where None.
        via: how it is sampled; as recorded where None.
        extra_body: over that of the trace.
        record: a file for the trace of the new session.
        **options: more of the session, such as `api_key`.

    Raises:
        TraceError: the file is no trace, or cannot be replayed.
        ServerUnreachable, ModelNotFound: nobody is there to be asked. What else a server does wrong
            fails its turn, which is compared.
    """
    trace = read_trace(path)
    plan = Plan.from_trace(trace)
    try:
        recorded = msgspec.convert(plan.opened.settings, Settings)
    except msgspec.ValidationError as error:
        raise TraceError(f"line 2: the settings can't be used: {error}", 2) from error
    heard = _Heard()
    asked: dict[str, Any] = {
        "model": model or recorded.model,
        "base_url": base_url,
        "via": via or recorded.via,
        "instructions": recorded.instructions,
        "effort": recorded.effort,
        "sampling": recorded.sampling,
        "tool_choice": recorded.tool_choice,
        "limits": recorded.limits,
        "budget": recorded.budget,
        "retries": recorded.retries,
        "extra_body": {**recorded.extra_body, **(extra_body or {})},
        "tools": _stand_ins(plan, trace.events),
        "approve": _Recorded(trace.events),
        "trace": record,
        "sinks": [heard],
        **options,
    }
    stage = Stage(path, strictness="loose", model="live", tools="trace")
    async with _Asked(stage, plan) as runtime, Session(runtime, **cast("Options", asked)) as live:
        for act in plan.acts:
            await _act(live, act)
    return _compared(behaviour(trace.events), behaviour(heard.events), stage.unrecorded)


async def _act(session: Session, act: Turn | Decide | Undo) -> None:
    """Do what the user did, where there is still something to do it to."""
    state = session.state
    try:
        if isinstance(act, Undo):
            if state.turns_from:
                await session.undo()
        elif isinstance(act, Turn):
            await _turn(session, act)
    except (ServerUnreachable, ModelNotFound, MissingExtra):
        raise
    except ToolrunError:
        # The turn has failed, which its events say.
        if state.finished is None or state.finished.status != "failed":
            raise


async def _turn(session: Session, turn: Turn) -> None:
    if turn.text is None:
        finished = session.state.finished
        # A live turn may have come to its end where the recorded one had to be gone on with.
        if finished is None or finished.status not in _GOES_ON:
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


class _Asked(Runtime):
    """A runtime whose one session has a trace's results, and what it began with."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        super().__init__()
        self._stage = stage
        self._plan = plan

    def assemble(self, session_id: str | None, options: Options) -> Parts:
        parts = self._stage.assemble(self, session_id, options)
        return structs.replace(parts, history=self._plan.history)


class _Heard:
    """Keeps what happens."""

    observes = True

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        self.events.append(event)

    async def record(self, event: Durable) -> None:
        self.events.append(event)


class _Recorded:
    """An approver that decides as it was decided on the same call."""

    def __init__(self, events: Sequence[Event]) -> None:
        requests: dict[str, bytes] = {}
        self._decisions: dict[bytes, list[Decision]] = defaultdict(list)
        for event in events:
            if isinstance(event, ApprovalRequested):
                requests[event.call_id] = _exact(event.name, event.arguments)
            elif isinstance(event, ApprovalDecided) and event.call_id in requests:
                self._decisions[requests[event.call_id]].append(decision_of(event))

    async def __call__(self, call: ToolCall) -> Decision:
        arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        known = self._decisions.get(_exact(call.name, arguments))
        if not known:
            return Deny(_UNDECIDED)
        return known.pop(0) if known[1:] else known[0]


def _stand_ins(plan: Plan, events: Sequence[Event]) -> list[Tool]:
    """The recorded tools; one that asked for approval asks again, unless it is known not to."""
    asked: dict[str, set[bytes]] = defaultdict(set)
    free: set[bytes] = set()
    requested = {e.call_id for e in events if isinstance(e, ApprovalRequested)}
    for event in events:
        if isinstance(event, ApprovalRequested):
            asked[event.name].add(_exact(event.name, event.arguments))
        elif isinstance(event, ToolCallStarted) and event.call_id not in requested:
            free.add(_exact(event.name, event.arguments))

    def asks(name: str, arguments: dict[str, Any]) -> bool:
        exact = _exact(name, arguments)
        return exact in asked[name] or (bool(asked[name]) and exact not in free)

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


def _exact(name: str, arguments: dict[str, Any]) -> bytes:
    return msgspec.json.encode([name, arguments], order="sorted")


def _compared(recorded: Behaviour, live: Behaviour, unrecorded: Sequence[Unrecorded]) -> Comparison:
    sides = recorded, live
    calls, ends, answers = (
        [[what(turn) for turn in side.turns] for side in sides]
        for what in (_calls, lambda turn: (turn.status, turn.limit), lambda turn: turn.answer)
    )
    return Comparison(
        recorded=Side.of(recorded),
        live=Side.of(live),
        calls=calls[0] == calls[1],
        ends=ends[0] == ends[1],
        answers=answers[0] == answers[1],
        differences=[each for each in differences(*sides) if each.what in _COMPARED],
        unrecorded=list(unrecorded),
    )


def _calls(turn: Any) -> list[tuple[str, Any]]:
    """The calls of a turn; how the model spaced their JSON is no difference."""
    return [
        (call.name, call.arguments if call.parsed is None else call.parsed) for call in turn.calls
    ]
