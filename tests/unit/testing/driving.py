"""What would a user have had to do for a session to become the one that was recorded?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from toolrun import ReplayMismatch, Runtime, Session
from toolrun.events import ApprovalDecided, TurnFinished
from toolrun.options import Settings
from toolrun.state import fold
from toolrun.trace.acts import Compact, Decide, Turn, Undo, decision_of
from toolrun.trace.plan import Plan
from toolrun.trace.reader import read_trace
from toolrun.transcript import to_openai

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.options import Options
    from toolrun.parts import Parts
    from toolrun.testing.stage import Stage
    from toolrun.trace.acts import Act

_OPTIONS = (
    *("model", "base_url", "via", "instructions", "effort", "sampling", "tool_choice", "profile"),
    *("limits", "budget", "retries", "verify_reasoning", "tenant", "extra_body"),
)


class Staged(Runtime):
    """A runtime whose sessions are put together by a stage."""

    def __init__(self, stage: Stage, **options: Any) -> None:
        super().__init__(**options)
        self._stage = stage

    def assemble(self, session_id: str | None, options: Options) -> Parts:
        return self._stage.assemble(self, session_id, options)


def plan_of(path: Path) -> Plan:
    """What was done in a trace."""
    return Plan.from_trace(read_trace(path))


def options_of(plan: Plan) -> dict[str, Any]:
    """The options that the session was opened with."""
    settings = msgspec.convert(plan.opened.settings, Settings)
    options = {name: getattr(settings, name) for name in _OPTIONS}
    options["messages"] = to_openai(fold(plan.history).transcript)
    options["tools"] = plan.tools()
    if plan.approves:
        options["approve"] = approver_of(plan)
    return options


async def drive(session: Session, plan: Plan) -> None:
    """Do again what the user did."""
    for act in plan.acts:
        await _act(session, act)
    if plan.acts and not plan.unfinished:
        recorded = [e for e in plan.events if isinstance(e, TurnFinished)]
        assert (
            session.state.finished is None or session.state.finished.status == recorded[-1].status
        )


async def _act(session: Session, act: Act) -> None:
    match act:
        case Decide():
            await session.decide(act.call_id, act.decision)
        case Undo():
            await session.undo()
        case Compact():
            await session.compact()
        case Turn() if act.stop is not None and act.stop.how == "failed":
            with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever was recorded
                await _turn(session, act)
            if isinstance(caught.value, ReplayMismatch):
                raise caught.value
        case Turn():
            await _turn(session, act)


async def _turn(session: Session, turn: Turn) -> None:
    if not turn.stream:
        await (session.go_on() if turn.text is None else session.ask(turn.text))
        return
    stream = session.stream_on() if turn.text is None else session.stream(turn.text)
    async with stream as events:
        async for _ in events:
            pass


def approver_of(plan: Plan) -> Any:
    """Decides as was decided."""
    by_call: dict[str, list[Any]] = {}
    for event in plan.events:
        if isinstance(event, ApprovalDecided):
            by_call.setdefault(event.call_id, []).append(decision_of(event))

    async def approve(call: Any) -> Any:
        return by_call[call.id].pop(0)

    return approve
