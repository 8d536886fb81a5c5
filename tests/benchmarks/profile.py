"""`python -m tests.benchmarks.profile streamed`: where does a contestant's CPU time go?"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats

from tests.benchmarks import contestants, measure, task
from tests.rig.mock import MockServer

_WORK = {"unstreamed": task.ask, "streamed": task.stream}


async def profile(name: str, phase: str, sessions: int) -> cProfile.Profile:
    """Profile sessions of a contestant, after a few that warm it up."""
    cores = measure.Cores.of_this_machine()
    cores.pin()
    profiler = cProfile.Profile()
    with MockServer(core=cores.server, keep=0) as mock:
        mock.script(*task.SCRIPT)
        async with contestants.entry(name)(mock.url, mock.model) as contestant:
            for _ in range(5):
                await _WORK[phase](contestant)
            profiler.enable()
            for _ in range(sessions):
                await _WORK[phase](contestant)
            profiler.disable()
    return profiler


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.profile")
    parser.add_argument("phase", choices=_WORK)
    parser.add_argument("--contestant", default=contestants.TOOLRUN)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--sort", default="tottime", choices=["tottime", "cumtime", "ncalls"])
    parser.add_argument("--lines", type=int, default=45)
    given = parser.parse_args()
    profiler = asyncio.run(profile(given.contestant, given.phase, given.sessions))
    pstats.Stats(profiler).strip_dirs().sort_stats(given.sort).print_stats(given.lines)


if __name__ == "__main__":
    main()
