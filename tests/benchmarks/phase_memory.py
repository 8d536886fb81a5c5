"""How much memory does a process have at its peak, with 500 sessions in flight?

A fresh process for each figure: `python -m tests.benchmarks.phase_memory URL NAME SESSIONS MARKER`.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import contestants, measure, task
from tests.benchmarks.contestants import SDK_LOOP, TOOLRUN
from tests.benchmarks.measure import Found
from tests.rig.mock import MODEL, MockServer

if TYPE_CHECKING:
    from tests.benchmarks.measure import Setting

NAME: Final = "memory"
SESSIONS: Final = 500
_ROUNDS = 3
_DELAY_S = 0.5


def run(setting: Setting) -> Found:
    """Measure processes; a row's figures are MiB."""
    import msgspec

    measure.raise_open_files()
    peaks: dict[str, list[tuple[float, float]]] = {name: [] for name in setting.names}
    steps = [msgspec.structs.replace(step, delay_s=_DELAY_S) for step in task.SCRIPT]
    with MockServer(core=setting.cores.server, keep=0) as mock:
        marker = mock.script(*steps, name="held")
        for name in measure.turns(list(setting.names), setting.rounds or _ROUNDS):
            peaks[name].append(_process(mock.url, name, marker))
    table: measure.Table = {
        name: {
            "imported MiB": round(statistics.median(before for before, _ in each), 1),
            "peak MiB": round(statistics.median(peak for _, peak in each), 1),
            "rounds": len(each),
        }
        for name, each in peaks.items()
    }
    found = Found({f"Memory with {SESSIONS} sessions in flight": table})
    if SDK_LOOP in table:
        for row in table.values():
            row[f"to {SDK_LOOP}"] = round(row["peak MiB"] / table[SDK_LOOP]["peak MiB"], 3)
        if TOOLRUN in table:
            found.seen["memory to loop"] = table[TOOLRUN][f"to {SDK_LOOP}"]
    return found


def _process(url: str, name: str, marker: str) -> tuple[float, float]:
    command = [sys.executable, "-m", __spec__.name, url, name, str(SESSIONS), marker]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
    before, peak = run.stdout.split()
    return float(before), float(peak)


async def _sessions(url: str, name: str, sessions: int, marker: str) -> None:
    """Two waves; what the process has before and at its peak goes to standard output."""
    async with contestants.entry(name)(url, MODEL) as contestant:
        print(_peak_mib())
        for _ in range(2):
            await asyncio.gather(*(task.ask(contestant, marker) for _ in range(sessions)))
    print(_peak_mib())


def _peak_mib() -> float:
    """The peak of this process alone; `ru_maxrss` would begin with its parent's."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    _url, _name, _count, _marker = sys.argv[1:]
    asyncio.run(_sessions(_url, _name, int(_count), _marker))
