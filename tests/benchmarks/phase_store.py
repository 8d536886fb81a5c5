"""What does a store add to a step, and how long until a long session can go on?

A step has one call and three durable events: what the model said, the intent, the outcome. CPU time
is that of the whole process, with the thread that writes; PostgreSQL's own is not in it. So is what
resuming takes: how long one waits for it depends on who else runs on the machine.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import contestants, measure, stored, task
from tests.benchmarks.contestants import PEERS, SDK_LOOP, TOOLRUN
from tests.benchmarks.measure import Cost, Figures, Found
from tests.benchmarks.stored import POSTGRES, SQLITE
from tests.rig import postgres
from tests.rig.mock import MockServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.benchmarks.measure import Setting
    from tests.benchmarks.stored import Keeping

NAME: Final = "store"
MESSAGES: Final = 500
_ROUNDS = 15
_TURNS = 10
_MESSAGES_OF_A_TURN = 4
_PEERS: Final = {
    "openai-agents": "openai-agents, SQLiteSession",
    "langchain": "langgraph, AsyncSqliteSaver",
}


def run(setting: Setting) -> Found:
    """Measure conversations that are kept beside those that are not; units are steps.

    Raises:
        AssertionError: a contestant did not do the task, or does not find what it kept.
    """
    return asyncio.run(_run(setting))


async def _run(setting: Setting) -> Found:
    found = Found()
    async with AsyncExitStack() as stack:
        mock = stack.enter_context(MockServer(core=setting.cores.server, keep=0))
        mock.script(*task.SCRIPT)
        kept = await _opened(stack, mock, setting)
        figures = Figures("kept")
        names = itertools.count()
        works: dict[str, Callable[[], Awaitable[int]]] = {
            name: partial(_talk, each, names) for name, each in kept.items()
        }
        if SDK_LOOP in setting.names:
            loop = await stack.enter_async_context(
                contestants.entry(SDK_LOOP)(mock.url, mock.model)
            )
            works[SDK_LOOP] = partial(task.ask, loop)
        rounds = setting.rounds or _ROUNDS
        await measure.interleave(figures, works, rounds=rounds, seconds=setting.seconds)
        found.tables[f"A step of sessions of {_TURNS} turns, kept"] = _table(figures, found)
        del kept[TOOLRUN]
        found.tables[f"Resuming a session of {MESSAGES} messages"] = await _resumed(
            kept, rounds, found
        )
    return found


async def _opened(stack: AsyncExitStack, mock: MockServer, setting: Setting) -> dict[str, Keeping]:
    """Who keeps conversations, and toolrun without a store."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    stores: dict[str, str | None] = {TOOLRUN: None, SQLITE: f"sqlite:///{folder}/toolrun.db"}
    if postgres.binaries() is not None:
        server = stack.enter_context(postgres.new(safe=True))
        stores[POSTGRES] = server.url()
    entries = [(name, stored.entry, store) for name, store in stores.items()]
    for peer in (name for name in PEERS if name in setting.names and name in _PEERS):
        module = importlib.import_module(f"{contestants.__name__}.kept_{peer.replace('-', '_')}")
        entries.append((_PEERS[peer], module.entry, str(folder / f"{peer}.db")))
    return {
        name: await stack.enter_async_context(entry(mock.url, mock.model, store))
        for name, entry, store in entries
    }


async def _talk(keeping: Keeping, names: itertools.count[int]) -> int:
    await keeping.talk(f"s{next(names)}", _TURNS)
    return _TURNS * task.STEPS


def _table(figures: Figures, found: Found) -> measure.Table:
    table = figures.table(TOOLRUN, SDK_LOOP)
    if SDK_LOOP not in figures.rounds:
        return table
    for name in figures.rounds:
        added = _added(figures, name)
        table[name]["added, of the loop's step"] = round(added, 3)
        if name in (SQLITE, POSTGRES):
            found.seen[f"store, {name}"] = added
    return table


def _added(figures: Figures, name: str) -> float:
    """What a step costs beyond one that is not kept, to the loop's step: a median of rounds."""
    kept, plain, loop = (figures.rounds[each] for each in (name, TOOLRUN, SDK_LOOP))
    return statistics.median(
        (one.cpu_ms - other.cpu_ms) / to.cpu_ms
        for one, other, to in zip(kept, plain, loop, strict=True)
    )


async def _resumed(kept: dict[str, Keeping], rounds: int, found: Found) -> measure.Table:
    figures = Figures("resume")
    turns = MESSAGES // _MESSAGES_OF_A_TURN
    for each in kept.values():
        await each.talk("long", turns)
        await each.resume("long")
    for name in measure.turns(list(kept), rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        messages = await kept[name].resume("long")
        cost = Cost(
            1e3 * (time.process_time() - cpu),
            1e3 * (time.perf_counter() - wall),
        )
        assert messages == MESSAGES, f"{name} has {messages} messages"
        figures.add(name, cost)
    for name in (SQLITE, POSTGRES):
        if name in kept:
            found.seen[f"resume, {name}"] = figures.cpu_ms(name)
    return figures.table()
