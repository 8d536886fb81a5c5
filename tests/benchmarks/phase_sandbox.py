"""What does a sandboxed call cost, beside a bare interpreter started in the same minute?

Wall time is the figure: it is what a caller waits for. The rows take turns, so that a busy machine
slows all of them alike; ratios are to the p50 of `python -I -S -c pass`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from tests.benchmarks.measure import Found, every_core
from toolrun.sandbox import Job, Sandbox, load_profile
from toolrun.sandbox.bubblewrap.backend import Bubblewrap
from toolrun.sandbox.bubblewrap.privilege import is_real_root
from toolrun.sandbox.code import boot
from toolrun.sandbox.order import Order
from toolrun.sandbox.pool import Boxes, Pool
from toolrun.sandbox.view import View, runtime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.benchmarks.measure import Setting

NAME: Final = "sandbox"
BARE: Final = "python -I -S -c pass"
BARE_BOX: Final = "the same in a box"
COLD: Final = "cold call"
SINGLE: Final = "prewarmed call, a box each"
WARM: Final = "warm call"
COMMAND: Final = "warm /bin/true"
READING: Final = "warm call, workspace-ro"

_ROUNDS: Final = 150
_RATE_CALLS: Final = 200
_CANCELLATIONS: Final = 30
_READY_SECONDS: Final = 0.15
_TENANT: Final = "tenant"
_TOOL: Final = "def echo(text: str) -> str:\n    return text\n"


def run(setting: Setting) -> Found:
    """Measure all rows in turns, then rates, then the memory of an idle box."""
    with every_core(), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench_tool.py"
        file.write_text(_TOOL)
        times = anyio.run(_latencies, file, setting.rounds or _ROUNDS)
        rates = {
            name: anyio.run(_rate, file, bounds, tenant)
            for name, bounds, tenant in (
                (COLD, Boxes(), None),
                (SINGLE, Boxes(spare=4), None),
                (WARM, Boxes(), _TENANT),
            )
        }
        pss = anyio.run(_idle_pss, file)
        ends = anyio.run(_cancellations)
    base = statistics.median(times[BARE])
    spread = _p99(times[BARE]) / base
    table: dict[str, dict[str, Any]] = {}
    for name, taken in times.items():
        p50 = statistics.median(taken)
        table[name] = {
            "p50_ms": round(p50 * 1e3, 2),
            "p99_ms": round(_p99(taken) * 1e3, 2),
            "to bare": round(p50 / base, 3),
            "p99 to p50": round(_p99(taken) / p50, 2),
        }
    seen = {
        "bare box": table[BARE_BOX]["to bare"],
        "cold box, as root" if is_real_root() else "cold box": table[COLD]["to bare"],
        "warm worker": table[WARM]["to bare"],
        "prewarmed box": table[SINGLE]["to bare"],
        "warm calls/s to cold": rates[WARM]["calls/s"] / rates[COLD]["calls/s"],
        "idle box, MiB": pss,
        "cancelled, ms": max(ends) * 1e3,
    }
    for name, key in ((COLD, "cold"), (SINGLE, "prewarmed"), (WARM, "warm")):
        # At most 4, or twice the bare interpreter's own: what is above that is the box's.
        seen[f"spread of {key}"] = table[name]["p99 to p50"] / max(4.0, 2 * spread)
    idle = {"worker, no imports of the tool's own": {"PSS MiB": round(pss, 1)}}
    gone = {
        "a tree of five processes": {
            "p50 ms": round(statistics.median(ends) * 1e3, 1),
            "longest ms": round(max(ends) * 1e3, 1),
        }
    }
    tables = {
        "A sandboxed call": table,
        "Sustained": rates,
        "An idle box": idle,
        "From a cancellation until all is gone": gone,
    }
    return Found(tables, seen)


async def _latencies(file: Path, rounds: int) -> dict[str, list[float]]:
    interpreter = runtime().interpreter
    backend = Bubblewrap()
    spare = Pool(Boxes(spare=1))
    job = _job(file)

    async def bare() -> None:
        subprocess.run([interpreter, "-I", "-S", "-c", "pass"], check=True)  # noqa: ASYNC221

    async def bare_box() -> None:
        with contextlib.ExitStack() as give:
            view = View()
            profile = load_profile("pure")
            order = Order(profile=profile, view=view, boot=boot(profile, view, preload=False))
            start = await backend.start(order, give)
            start.control.close()
            own = start.command[: start.command.index(interpreter)]
            subprocess.run(  # noqa: ASYNC221
                [*own, interpreter, "-I", "-S", "-c", "pass"], check=True, pass_fds=start.inherit
            )
            if start.info is not None:
                os.close(start.info)

    async with (
        Sandbox(load_profile("pure")) as pure,
        Sandbox(load_profile("pure"), pool=spare) as single,
        Sandbox(load_profile("workspace-ro"), workspace=file.parent) as reading,
    ):

        async def call(box: Sandbox, tenant: str | None) -> None:
            outcome = await box.call(job, timeout=20, tenant=tenant)
            assert outcome.status == "ok", outcome

        async def command() -> None:
            completed = await pure.run(["/bin/true"], timeout=20, tenant=_TENANT)
            assert completed.exit == 0, completed

        rows: dict[str, Callable[[], Awaitable[None]]] = {
            BARE: bare,
            BARE_BOX: bare_box,
            COLD: lambda: call(pure, None),
            SINGLE: lambda: call(single, None),
            WARM: lambda: call(pure, _TENANT),
            READING: lambda: call(reading, _TENANT),
            COMMAND: command,
        }
        times: dict[str, list[float]] = {name: [] for name in rows}
        for turn in range(rounds + 5):
            for name, row in rows.items():
                started = time.perf_counter()
                await row()
                if turn >= 5:
                    times[name].append(time.perf_counter() - started)
                # What is replaced in the background is ready by the next turn, and disturbs nobody.
                await anyio.sleep(_READY_SECONDS if name == SINGLE else 0.002)
    await spare.aclose()
    backend.close()
    return times


async def _rate(file: Path, bounds: Boxes, tenant: str | None) -> dict[str, float]:
    """Calls a second with as many callers as there are cores, and the CPU time of each."""
    job, callers = _job(file), os.cpu_count() or 1
    pool = Pool(bounds)
    before = time.process_time() + _children()
    async with Sandbox(load_profile("pure"), pool=pool) as box:

        async def caller(number: int) -> None:
            for _ in range(_RATE_CALLS):
                own = f"{tenant}{number}" if tenant else None
                assert (await box.call(job, timeout=20, tenant=own)).status == "ok"

        await caller(0)  # warm
        started = time.perf_counter()
        async with anyio.create_task_group() as group:
            for number in range(callers):
                group.start_soon(caller, number)
        seconds = time.perf_counter() - started
        await pool.aclose()
    cpu = time.process_time() + _children() - before
    calls = _RATE_CALLS * (callers + 1)
    return {
        "calls/s": round(callers * _RATE_CALLS / seconds, 1),
        "CPU ms per call": round(1e3 * cpu / calls, 2),
    }


async def _idle_pss(file: Path) -> float:
    """MiB of all processes of a box that has served a call and waits."""
    pool = Pool()
    async with Sandbox(load_profile("pure"), pool=pool) as box:
        assert (await box.call(_job(file), timeout=20, tenant=_TENANT)).status == "ok"
        await anyio.sleep(_READY_SECONDS)
        kib = sum(map(_pss, _tree(os.getpid())[1:]))
        await pool.aclose()
    return kib / 1024


async def _cancellations() -> list[float]:
    """Seconds from the cancellation of a call until it has returned, its processes gone."""
    taken = []
    async with Sandbox(load_profile("pure")) as box:
        for _ in range(_CANCELLATIONS):
            started = anyio.Event()

            async def run(started: anyio.Event = started) -> None:
                await box.run(
                    ["sh", "-c", "for i in 1 2 3; do sleep 600 & done; echo on; sleep 600"],
                    timeout=20,
                    on_output=lambda *_: started.set(),
                )

            async with anyio.create_task_group() as group:
                group.start_soon(run)
                await started.wait()
                began = time.perf_counter()
                group.cancel_scope.cancel()
            taken.append(time.perf_counter() - began)
    return taken


def _job(file: Path) -> Job:
    return Job(file=str(file), module="bench_tool", qualname="echo", arguments=b'{"text": "a"}')


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]
