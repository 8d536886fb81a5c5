"""Does a step cost more, the longer the session? One turn of 100 calls, unstreamed.

The tool takes down the CPU time of each call: what lies between two calls is a step.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks import measure, task
from tests.benchmarks.contestants import FLOOR, HTTPX, SDK_LOOP, TOOLRUN
from tests.benchmarks.measure import Cost, Figures, Found
from tests.benchmarks.opened import opened

if TYPE_CHECKING:
    from tests.benchmarks.measure import Setting
    from tests.benchmarks.task import Contestant

NAME: Final = "rounds"
_ROUNDS = 7
_PARTS = ("mean", "first tenth", "last tenth")


def run(setting: Setting, count: int = task.ROUNDS) -> Found:
    """Measure whole sessions, and their first and last steps; units are steps."""
    return asyncio.run(_run(setting, count))


async def _run(setting: Setting, count: int) -> Found:
    figures = {part: Figures(part) for part in _PARTS}
    async with opened(setting) as there:
        prompt = there.mock.script(*task.rounds(count), name="rounds") + task.PROMPT
        for each in there.by_name.values():
            await _session(each, prompt, count)
        for name in measure.turns(list(there.by_name), setting.rounds or _ROUNDS):
            costs = await _turn(there.by_name[name], prompt, count, setting.seconds)
            for part in _PARTS:
                figures[part].add(name, Cost(costs[part], costs["wall"]))
    return _found(figures, count)


def _found(figures: dict[str, Figures], count: int) -> Found:
    mean, first, last = (figures[part] for part in _PARTS)
    table = mean.table(SDK_LOOP, HTTPX, FLOOR)
    seen = mean.ratios("rounds, mean", TOOLRUN, loop=SDK_LOOP)
    for name, row in table.items():
        growth = measure.paired(last.rounds[name], first.rounds[name])
        row["first tenth"] = round(first.cpu_ms(name), 4)
        row["last tenth"] = round(last.cpu_ms(name), 4)
        row["last / first"] = round(growth, 3)
        if name == TOOLRUN:
            seen["rounds, last to first"] = growth
    return Found({f"A step of a session of {count} rounds": table}, seen)


async def _turn(
    contestant: Contestant, prompt: str, count: int, seconds: float
) -> dict[str, float]:
    """The means over as many sessions as take so much CPU time."""
    sums = dict.fromkeys((*_PARTS, "wall"), 0.0)
    sessions, began, wall = 0, time.process_time(), time.perf_counter()
    while time.process_time() - began < seconds:
        for part, ms in (await _session(contestant, prompt, count)).items():
            sums[part] += ms
        sessions += 1
    sums["wall"] = 1e3 * (time.perf_counter() - wall) / (count + 1)
    return {part: total / sessions for part, total in sums.items()}


async def _session(contestant: Contestant, prompt: str, count: int) -> dict[str, float]:
    """What a step took, in ms of CPU time."""
    marks = task.called_at = []
    began = time.process_time()
    try:
        text = await contestant.ask(prompt)
    finally:
        task.called_at = None
    ended = time.process_time()
    assert text == task.ANSWER, text
    assert len(marks) == count, len(marks)
    tenth = count // 10
    return {
        "mean": 1e3 * (ended - began) / (count + 1),
        "first tenth": 1e3 * (marks[tenth] - marks[0]) / tenth,
        "last tenth": 1e3 * (marks[-1] - marks[-1 - tenth]) / tenth,
    }
