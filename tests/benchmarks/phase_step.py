"""What does a step cost in CPU time, unstreamed and as a stream of 250 chunks?"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks import contestants, measure, task
from tests.benchmarks.contestants import FLOOR, SDK_LOOP, TOOLRUN
from tests.benchmarks.measure import Figures
from tests.rig.mock import MockServer

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "step"
MUST: Final = {"unstreamed": 0.6, "streamed": 0.25}
"""toolrun's CPU time in relation to the loop written with AsyncOpenAI."""

ALL: Final = (TOOLRUN, SDK_LOOP, FLOOR)
_WORK = {"unstreamed": task.ask, "streamed": task.stream}


async def run(
    cores: measure.Cores,
    *,
    names: Sequence[str] = ALL,
    rounds: int = 15,
    seconds: float = 0.15,
) -> dict[str, Figures]:
    """Measure contestants; this process must be on the clients' CPU already.

    Raises:
        AssertionError: a contestant did not do the task.
    """
    entries = {name: contestants.entry(name) for name in names}
    with MockServer() as mock:
        for name in names:
            async with entries[name](mock.url, mock.model) as contestant:
                await task.check(contestant, mock)
    found: dict[str, Figures] = {}
    with MockServer(core=cores.server, keep=0) as mock:
        mock.script(*task.SCRIPT)
        async with AsyncExitStack() as stack:
            opened = {
                name: await stack.enter_async_context(entries[name](mock.url, mock.model))
                for name in names
            }
            for phase, work in _WORK.items():
                figures = found[phase] = Figures(phase)
                turns = {name: partial(work, opened[name]) for name in names}
                await measure.interleave(figures, turns, rounds=rounds, seconds=seconds)
    return found
