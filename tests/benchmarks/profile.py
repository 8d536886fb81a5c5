"""`python -m tests.benchmarks.profile streamed`: where does a contestant's CPU time go?"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
    profiler = cProfile.Profile(time.process_time)  # what waits costs nothing
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


def shares(stats: Any) -> Counter[str]:
    """Whose code the time is spent in; what is written in C counts as its caller's."""
    spent: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in stats.stats.items():
        if function[0] != "~" or not callers:
            spent[_owner(function[0])] += own
            continue
        for caller, (_, _, by_caller, _) in callers.items():
            spent[_owner(caller[0])] += by_caller
    total = spent.total()
    return Counter({name: each / total for name, each in spent.items()})


def _owner(file: str) -> str:
    """The package, or the room of toolrun, that a file belongs to."""
    parts = Path(file).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    for root in ("toolrun", "tests"):
        if root in parts:
            return "/".join(parts[parts.index(root) :][:2])
    return "asyncio" if "asyncio" in parts else "Python"


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
    stats = pstats.Stats(profiler)
    for name, share in shares(stats).most_common(20):
        print(f"{share:7.1%}  {name}")
    stats.strip_dirs().sort_stats(given.sort).print_stats(given.lines)


if __name__ == "__main__":
    main()
