"""How long does an import take, in a fresh interpreter?"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks.measure import Cost, Figures, Found

if TYPE_CHECKING:
    from tests.benchmarks.measure import Setting

NAME: Final = "import"
OF, TO = "import toolrun", "import openai"
USED: Final = "from toolrun import Session, tool"
STATEMENTS: Final = ("pass", OF, USED, TO)
_ROUNDS = 9


def run(setting: Setting) -> Found:
    """Measure fresh interpreters in turns; the interpreter's own start is taken off."""
    figures, bare = Figures(NAME), Figures("bare")
    for turn in range((setting.rounds or _ROUNDS) + 1):
        for statement in STATEMENTS:
            cost = _interpreter(statement)
            if turn:  # the first one compiles, and fills the file cache
                (bare if statement == "pass" else figures).add(statement, cost)
    cpu, wall = bare.cpu_ms("pass"), bare.wall_ms("pass")
    for costs in figures.rounds.values():
        costs[:] = [Cost(cost.cpu_ms - cpu, cost.wall_ms - wall) for cost in costs]
    return Found(
        {"An import in a fresh interpreter": figures.table(TO)},
        {
            "import toolrun": figures.ratio(OF, TO),
            "import of what is used": figures.ratio(USED, TO),
        },
    )


def _interpreter(statement: str) -> Cost:
    wall = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", statement])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{statement!r} failed")
    return Cost(1e3 * (usage.ru_utime + usage.ru_stime), 1e3 * (time.perf_counter() - wall))
