"""`python -m tests.benchmarks.profile streamed`: where does a contestant's CPU time go?"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import contestants, measure, task
from tests.rig.mock import MockServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.benchmarks.task import Contestant

RECORDING: Final = f"{contestants.TOOLRUN}, recording"
_WORK = {"unstreamed": task.ask, "streamed": task.stream}


async def profile(name: str, phase: str, sessions: int) -> cProfile.Profile:
    """Profile sessions of a contestant, after a few that warm it up."""
    cores = measure.Cores.of_this_machine()
    cores.pin()
    profiler = cProfile.Profile()
    with MockServer(core=cores.server, keep=0) as mock:
        mock.script(*task.SCRIPT)
        async with _open(name, mock) as contestant:
            for _ in range(5):
                await _WORK[phase](contestant)
            profiler.enable()
            for _ in range(sessions):
                await _WORK[phase](contestant)
            profiler.disable()
    return profiler


@asynccontextmanager
async def _open(name: str, mock: MockServer) -> AsyncIterator[Contestant]:
    if name != RECORDING:
        async with contestants.entry(name)(mock.url, mock.model) as contestant:
            yield contestant
        return
    from tests.benchmarks.contestants.toolrun_session import entry

    with tempfile.TemporaryDirectory() as folder:
        async with entry(mock.url, mock.model, traces=Path(folder)) as recording:
            yield recording


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.profile")
    parser.add_argument("phase", choices=_WORK)
    names = (*contestants.ALL, *contestants.PEERS, RECORDING)
    parser.add_argument("--contestant", default=contestants.TOOLRUN, choices=names)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--sort", default="tottime", choices=["tottime", "cumtime", "ncalls"])
    parser.add_argument("--lines", type=int, default=45)
    given = parser.parse_args()
    profiler = asyncio.run(profile(given.contestant, given.phase, given.sessions))
    pstats.Stats(profiler).strip_dirs().sort_stats(given.sort).print_stats(given.lines)


if __name__ == "__main__":
    main()
