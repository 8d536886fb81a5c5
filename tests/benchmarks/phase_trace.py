"""What does it cost to record a trace, redaction included?

Each session writes a file of its own.
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

if TYPE_CHECKING:
    from tests.benchmarks.measure import Setting

NAME: Final = "trace"
_ROUNDS = 25
_TRACED = f"{TOOLRUN}, recording"
_WORK = {"unstreamed": task.ask, "streamed": task.stream}


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
        for kind, work in _WORK.items():
            figures = Figures(kind)
            works = {TOOLRUN: partial(work, plain), _TRACED: partial(work, traced)}
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
