"""What does it cost to record a trace, redaction included?

Each session writes a file of its own. Making it is the file system's time, and so the figure that
is held is of sessions of ten turns; sessions of one are shown beside them.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import measure, task
from tests.benchmarks.contestants import TOOLRUN
from tests.benchmarks.contestants.toolrun_session import entry
from tests.benchmarks.measure import Figures, Found
from tests.rig.mock import MockServer
from toolrun.events import ReasoningDelta, TextDelta

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.benchmarks.contestants.toolrun_session import ToolrunSession
    from tests.benchmarks.measure import Setting
    from toolrun import Session

    Turn = Callable[[Session], Awaitable[None]]

NAME: Final = "trace"
_ROUNDS = 25
_TRACED = f"{TOOLRUN}, recording"
_TURNS = 10


async def _ask(session: Session) -> None:
    answer = await session.ask(task.PROMPT)
    assert answer.text == task.ANSWER


async def _stream(session: Session) -> None:
    pieces = 0
    async with session.stream(task.PROMPT) as events:
        async for event in events:
            pieces += isinstance(event, TextDelta | ReasoningDelta)
    assert pieces > task.CHUNKS


async def _session(contestant: ToolrunSession, turn: Turn, turns: int) -> int:
    async with contestant.runtime.session(trace=contestant.trace()) as session:
        for _ in range(turns):
            await turn(session)
    return turns * task.STEPS


_WORK: dict[str, tuple[Turn, int]] = {
    "unstreamed, one turn": (_ask, 1),
    "streamed, one turn": (_stream, 1),
    "unstreamed": (_ask, _TURNS),
    "streamed": (_stream, _TURNS),
}


def run(setting: Setting) -> Found:
    """Measure sessions with a trace beside sessions without; units are steps."""
    return asyncio.run(_run(setting))


async def _run(setting: Setting) -> Found:
    found = Found()
    async with AsyncExitStack() as stack:
        mock = stack.enter_context(MockServer(core=setting.cores.server, keep=0))
        mock.script(*task.SCRIPT)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plain = await stack.enter_async_context(entry(mock.url, mock.model))
        traced = await stack.enter_async_context(entry(mock.url, mock.model, traces=folder))
        for kind, (turn, turns) in _WORK.items():
            figures = Figures(kind)
            works = {
                TOOLRUN: partial(_session, plain, turn, turns),
                _TRACED: partial(_session, traced, turn, turns),
            }
            rounds = setting.rounds or _ROUNDS
            await measure.interleave(figures, works, rounds=rounds, seconds=setting.seconds)
            found.tables[f"Trace recording, {kind}"] = figures.table(TOOLRUN)
            found.seen[f"trace, {kind}"] = figures.ratio(_TRACED, TOOLRUN) - 1
        _check(folder, traced.sessions)
    return found


def _check(folder: Path, sessions: int) -> None:
    """See that each session wrote its trace, to its end."""
    ends = [file.read_bytes().splitlines()[-1] for file in folder.iterdir()]
    assert len(ends) == sessions, f"{len(ends)} traces of {sessions} sessions"
    assert all(b'"TurnFinished"' in line for line in ends)
