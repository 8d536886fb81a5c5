"""What does a step cost in CPU time, unstreamed and as a stream of 250 chunks?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks import contestants, measure, task
from tests.benchmarks.contestants import ASYNC_TOOL, FLOOR, HTTPX, PEERS, SDK_LOOP, TOOLRUN
from tests.benchmarks.measure import Figures, Found
from tests.benchmarks.opened import opened
from tests.rig.mock import MockServer

if TYPE_CHECKING:
    from tests.benchmarks.measure import Setting

NAME: Final = "step"
_ROUNDS = 15
_WORK = {"unstreamed": task.ask, "streamed": task.stream}


def run(setting: Setting) -> Found:
    """Measure sessions one after another; units are steps.

    Raises:
        AssertionError: a contestant did not do the task.
    """
    return asyncio.run(_run(setting))


async def returns_reasoning(names: tuple[str, ...]) -> dict[str, bool]:
    """See that each contestant does the task; says whether it returns the reasoning."""
    found = {}
    with MockServer() as mock:
        for name in names:
            async with contestants.entry(name)(mock.url, mock.model) as contestant:
                found[name] = await task.check(contestant, mock)
    return found


async def _run(setting: Setting) -> Found:
    if TOOLRUN in setting.names:
        setting = replace(setting, names=(*setting.names, ASYNC_TOOL))
    returned = await returns_reasoning(tuple(setting.names))
    assert all(returned[name] for name in returned if name not in PEERS), returned
    found = Found()
    async with opened(setting) as there:
        for kind, work in _WORK.items():
            figures = Figures(kind)
            works = {name: partial(work, each) for name, each in there.by_name.items()}
            rounds = setting.rounds or _ROUNDS
            await measure.interleave(figures, works, rounds=rounds, seconds=setting.seconds)
            table = found.tables[f"A step, {kind}"] = figures.table(SDK_LOOP, HTTPX, FLOOR)
            for name, row in table.items():
                row["reasoning returned"] = returned[name]
            found.seen |= figures.ratios(kind, TOOLRUN, loop=SDK_LOOP, floor=FLOOR)
    return found
