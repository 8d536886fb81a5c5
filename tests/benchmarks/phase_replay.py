"""What does it cost to replay a trace, beside the loop that asks a server for the same?

Replaying is all of it: the file is read, each step sampled from it, each call checked and answered,
each request written and its digest compared, each event compared with the recorded one. A session
has ten turns, as where recording is measured; the loop's has one, which flatters the loop: what it
sends again grows with each turn.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import contestants, measure, task
from tests.benchmarks.contestants import SDK_LOOP
from tests.benchmarks.contestants.toolrun_session import entry
from tests.benchmarks.measure import Figures, Found
from tests.rig.mock import MockServer
from toolrun.events import AssistantMessage, Event
from toolrun.testing import replay_trace

if TYPE_CHECKING:
    from tests.benchmarks.measure import Setting

NAME: Final = "replay"
_ROUNDS = 15
_TURNS = 10
_REPLAY = "toolrun, replaying"
_WATCHED = "toolrun, replaying, each event looked at"


def run(setting: Setting) -> Found:
    """Measure replays of a streamed session beside the loop that streams it; units are steps.

    Raises:
        AssertionError: something was not replayed.
    """
    return asyncio.run(_run(setting))


async def _run(setting: Setting) -> Found:
    found = Found()
    async with AsyncExitStack() as stack:
        mock = stack.enter_context(MockServer(core=setting.cores.server, keep=0))
        mock.script(*task.SCRIPT)
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "t.jsonl"
        await _record(mock, path)
        loop = await stack.enter_async_context(contestants.entry(SDK_LOOP)(mock.url, mock.model))
        figures = Figures("replay")
        works = {
            SDK_LOOP: partial(task.stream, loop),
            _REPLAY: partial(_replay, path),
            _WATCHED: partial(_watch, path),
        }
        rounds = setting.rounds or _ROUNDS
        await measure.interleave(figures, works, rounds=rounds, seconds=setting.seconds)
    found.tables["A replayed step of 250 chunks"] = figures.table(SDK_LOOP)
    found.seen["replay to loop"] = figures.ratio(_REPLAY, SDK_LOOP)
    return found


async def _record(mock: MockServer, path: Path) -> None:
    async with (
        entry(mock.url, mock.model) as contestant,
        contestant.runtime.session(trace=path) as session,
    ):
        for _ in range(_TURNS):
            async with session.stream(task.PROMPT) as events:
                async for _ in events:
                    pass


async def _replay(path: Path) -> int:
    report = await replay_trace(path)
    assert report.events > _TURNS * task.STEPS * (task.CHUNKS - 10), report.events
    assert report.turns == _TURNS
    return _TURNS * task.STEPS


async def _watch(path: Path) -> int:
    steps = 0

    def count(event: Event) -> None:
        nonlocal steps
        steps += isinstance(event, AssistantMessage)

    await replay_trace(path, on_event=count)
    return steps
