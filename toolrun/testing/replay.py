"""Does a recorded session happen again in the same way? Without model, tools or network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from toolrun._version import __version__
from toolrun.errors import ConfigError, ReplayMismatch, TraceError
from toolrun.options import Settings
from toolrun.parts import Parts
from toolrun.runtime import Runtime
from toolrun.session import Session
from toolrun.testing.recorded import Unwaiting, replayed
from toolrun.testing.toolboxes import RecordedToolbox
from toolrun.tools.toolbox import Toolbox
from toolrun.trace.acts import Act, Compact, Decide, Turn, Undo
from toolrun.trace.plan import Plan
from toolrun.trace.reader import read_runs
from toolrun.trace.replay import Cast
from toolrun.transcript import Message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun.events import Durable, Event
    from toolrun.options import Options


class ReplayReport(Struct, frozen=True):
    """What was replayed, and equalled its trace.

    Attributes:
        session: the id of the session.
        events: how many.
        turns: how many times the user said something or went on.
        transcript: at the end.
        unfinished: whether the trace ends in the middle of a turn, up to which it was replayed.
    """

    session: str
    events: int
    turns: int
    transcript: list[Message]
    unfinished: bool


async def replay_trace(
    path: str | Path,
    *,
    rate: float | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> ReplayReport:
    """Drive a session as a trace says, and compare each event with the recorded one.

    Args:
        path: of the trace.
        rate: 1.0 for the original pace, 2.0 for twice as fast; None for no waits.
        on_event: told of each event, after it was found to be as recorded.

    Returns:
        What was replayed, and equalled its trace.

    Raises:
        TraceError: the file is no trace, or cannot be replayed.
        ReplayMismatch: names the first difference: line, field, expected and seen.
    """
    plan = Plan.from_trace(read_runs(path))
    do = (
        f"{path} was recorded by toolrun {plan.opened.version}, and this is {__version__}: if it "
        "does something else on purpose, record the trace again."
    )
    cast = Cast(plan, rate=rate, sinks=[_Told(on_event)] if on_event is not None else (), do=do)
    try:
        async with Session(_Replayed(plan, cast), plan.session) as session:
            for act in plan.acts:
                await _act(session, act, cast)
            cast.comparison.ended(len(plan.events))
            return ReplayReport(
                plan.session,
                cast.cursor.happened,
                sum(isinstance(act, Turn) for act in plan.acts),
                session.transcript,
                plan.unfinished,
            )
    except Exception as error:
        # What the session made of a difference matters less than the difference.
        if cast.cursor.mismatch is not None and error is not cast.cursor.mismatch:
            raise cast.cursor.mismatch from error
        raise


async def _act(session: Session, act: Act, cast: Cast) -> None:
    try:
        if isinstance(act, Decide):
            await session.decide(act.call_id, act.decision)
        elif isinstance(act, Undo):
            await session.undo()
        elif isinstance(act, Compact):
            await session.compact()
        else:
            await _run(session, act, cast)
    except ConfigError as error:
        raise ReplayMismatch(f"line {cast.cursor.line}: {error}") from error


async def _run(session: Session, turn: Turn, cast: Cast) -> None:
    cast.expect(turn.stop, session._running)  # noqa: SLF001 - only a trace has a turn end so
    try:
        # As `ask` and `stream` do it, without a reader who would want to hear of each piece.
        text, output = turn.text, turn.output
        begins = session._beginning  # noqa: SLF001 - as above
        begin = begins.going_on(None) if text is None else begins.saying(text, output)
        await session._turn(begin, stream=turn.stream)  # noqa: SLF001 - as above
    except Exception as error:
        if error is not cast.cursor.failure:
            raise
    cast.comparison.ended(turn.end)


class _Told:
    """Hands on events that were found equal."""

    observes = True

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell

    def observe(self, event: Event) -> None:
        self._tell(event)

    async def record(self, event: Durable) -> None:
        self._tell(event)


class _Replayed(Runtime):
    """A runtime whose sessions are put together from a trace."""

    def __init__(self, plan: Plan, cast: Cast) -> None:
        super().__init__()
        self._plan = plan
        self._cast = cast

    def assemble(self, session_id: str | None, options: Options) -> Parts:  # noqa: ARG002 - as `Runtime.assemble`
        plan, cast = self._plan, self._cast
        recorded = plan.opened.settings
        try:
            settings = msgspec.convert(recorded, Settings)
        except msgspec.ValidationError as error:
            raise TraceError(f"line 2: the settings can't be used: {error}", 2) from error
        tools = Toolbox(plan.tools(), trusted=cast.runner, sandboxed=cast.runner)
        return Parts(
            cast.journal,
            cast.model,
            RecordedToolbox(tools, cast.runner, plan.fallbacks),
            replayed(settings, recorded),
            cast.approver,
            plan.history,
            None,
            plan.opened.date,
            Unwaiting(cast.cursor),
            version=plan.opened.version,
            on_crash=plan.opened.on_crash,
            restore=cast.restore,
            fitting=cast.fitting,
        )
