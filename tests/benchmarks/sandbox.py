"""What does a cold box cost, beside a bare interpreter started in the same minute?

Prints a table: p50 and p99 in ms, and the ratio of the p50 to that of `python -I -S -c pass`.
The rows are measured in turns, so that a busy machine slows all of them alike.

    python tests/benchmarks/sandbox.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from toolrun.sandbox import Job, Sandbox, load_profile
from toolrun.sandbox.view import runtime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TOOL = """
def echo(text: str) -> str:
    return text

def table(rows: int) -> list[dict[str, int]]:
    return [{"row": row} for row in range(rows)]
"""


async def measure(rounds: int, folder: Path) -> dict[str, list[float]]:
    file = folder / "bench_tool.py"
    file.write_text(TOOL)
    interpreter = runtime().interpreter

    async def bare() -> None:
        subprocess.run([interpreter, "-I", "-S", "-c", "pass"], check=True)  # noqa: ASYNC221

    async with (
        Sandbox(load_profile("pure")) as pure,
        Sandbox(load_profile("workspace-ro"), workspace=folder) as reading,
    ):

        async def call(box: Sandbox, qualname: str, arguments: bytes) -> None:
            job = Job(file=str(file), module="bench_tool", qualname=qualname, arguments=arguments)
            outcome = await box.call(job, timeout=20)
            assert outcome.status == "ok", outcome

        async def command() -> None:
            completed = await pure.run(["/bin/true"], timeout=20)
            assert completed.exit == 0, completed

        rows: dict[str, Callable[[], Awaitable[None]]] = {
            "python -I -S -c pass": bare,
            "call, pure, text": lambda: call(pure, "echo", b'{"text":"a"}'),
            "call, pure, 100 rows": lambda: call(pure, "table", b'{"rows":100}'),
            "call, workspace-ro, text": lambda: call(reading, "echo", b'{"text":"a"}'),
            "run /bin/true": command,
        }
        times: dict[str, list[float]] = {name: [] for name in rows}
        for turn in range(rounds + 5):
            for name, run in rows.items():
                started = time.perf_counter()
                await run()
                if turn >= 5:
                    times[name].append(time.perf_counter() - started)
    return times


def main() -> None:
    import tempfile

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        times = anyio.run(measure, rounds, Path(folder))
    base = statistics.median(times["python -I -S -c pass"])
    print(f"{'':28}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}")
    for name, taken in times.items():
        p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
        print(f"{name:28}{p50 * 1e3:9.1f}{p99 * 1e3:9.1f}{p50 / base:8.2f}")


if __name__ == "__main__":
    main()
