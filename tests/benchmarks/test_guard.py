"""Does toolrun still cost less than the hand-written loop? With generous bounds: twice the musts.

In a process of its own: the figures would else depend on what the tests before it left in memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks import phase_step
from tests.benchmarks.contestants import SDK_LOOP, TOOLRUN

SLACK = 2

CODE = f"""
import asyncio, json
from tests.benchmarks import measure, phase_step
cores = measure.Cores.of_this_machine()
cores.pin()
names = ({TOOLRUN!r}, {SDK_LOOP!r})
found = asyncio.run(phase_step.run(cores, names=names, rounds=5, seconds=0.08))
print(json.dumps({{phase: figures.ratio(*names) for phase, figures in found.items()}}))
"""


def test_a_step_costs_less_than_in_the_loop_written_by_hand() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    ratios = json.loads(run.stdout)
    assert ratios.keys() == phase_step.MUST.keys()
    for phase, must in phase_step.MUST.items():
        assert 0 < ratios[phase] <= SLACK * must, ratios
