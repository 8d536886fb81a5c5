"""Does a process that makes boxes all day leak? `python -m tests.benchmarks.soak_sandbox`.

Workers call a tool, as sessions do: each on behalf of a tenant that is another one after fifty
calls. One call in twenty is hostile: it outlasts its time, takes memory, floods, crashes, forks or
leaves daemons. Ends with status 1 if a process, descriptor, mount, control group or temporary
folder is left over, if a call came to anything but what it must, or if this process's memory leaves
5% around what it was after the first 2,000 calls.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec

from tests.benchmarks import measure
from tests.benchmarks.soak import drift
from tests.rig import leaks
from tests.security import arena
from toolrun.sandbox import Job, Outcome, Sandbox, cgroup, load_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLS: Final = 20_000
FIRST: Final = 2_000
SLACK: Final = 0.05
WORKERS: Final = 4
HOSTILE: Final = 0.05
_LIBC: Final = ctypes.CDLL(None)
TENURE: Final = 50
"""Calls of a tenant, until another one comes."""
SAMPLES: Final = 200
_MIB: Final = 1 << 20
_PAGE: Final = 4_096
_GRACE: Final = 5.0

_TOOL: Final = '''
def word_count(text: str) -> dict[str, int]:
    """Count."""
    print("counting")
    return {"words": len(text.split())}
'''


@dataclass(frozen=True)
class Hostile:
    """A hostile call: its payload, its arguments, how it may end, and after how many seconds."""

    payload: str
    statuses: frozenset[str]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 10.0


def _of(payload: str, *statuses: str, timeout: float = 10.0, **arguments: Any) -> Hostile:
    return Hostile(payload, frozenset(statuses), arguments, timeout)


ATTACKS: Final = (
    _of("signals.stop_itself", "timeout", timeout=0.3),
    _of("survivors.slow_output", "timeout", timeout=0.3),
    _of("bombs.take_memory", "memory_limit", "crash", mebibytes=200),
    _of("bombs.take_memory_together", "memory_limit", "crash", children=8, mebibytes=20),
    _of("floods.flood", "output_limit", descriptor=1),
    _of("floods.flood_both", "output_limit"),
    _of("floods.flood_progress", "output_limit"),
    _of("floods.many_files", "disk_limit", "exception", count=6_000),
    _of("signals.segfault", "crash"),
    _of("signals.kill_everything", "crash", "ok"),
    _of("forgery.close_everything", "crash"),
    _of("forgery.exit_well", "crash"),
    _of("forgery.write_noise", "crash", "output_limit", "ok", "exception", seed=7, size=5_000),
    _of("bombs.fork_bomb", "ok", limit=200),
    _of("bombs.fork_everywhere", "timeout", timeout=0.5, token="soak"),
    _of("survivors.daemon", "ok", "timeout", token="soak", then_sleep=0),
    _of("survivors.hold_the_pipes", "ok", token="soak"),
    _of("survivors.zombies", "ok", count=20),
    _of("worker.leave_files", "ok"),
    _of("worker.stop_worker", "ok", "crash", "timeout"),
)


@dataclass
class Soak:
    """What has happened so far.

    Attributes:
        calls: that have come back.
        ends: how many ended how, hostile ones by their payloads.
        wrong: calls that came to what they must not.
        samples: at so many calls, so many MiB.
    """

    total: int
    calls: int = 0
    given: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    samples: list[tuple[int, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    async def work(self, sandbox: Sandbox, tool: Path, rng: random.Random) -> None:
        """Call, until all calls are given out."""
        tenant, left = "", 0
        while self.given < self.total:
            self.given += 1
            if left == 0:
                tenant, left = f"tenant {secrets.token_hex(8)}", TENURE
            left -= 1
            if rng.random() < HOSTILE:
                await self._attack(sandbox, rng.choice(ATTACKS), tenant)
            else:
                await self._count(sandbox, tool, rng, tenant)
            self.calls += 1

    async def _count(self, sandbox: Sandbox, tool: Path, rng: random.Random, tenant: str) -> None:
        words = rng.randrange(1, 500)
        job = Job(
            file=str(tool),
            module=tool.stem,
            qualname="word_count",
            arguments=msgspec.json.encode({"text": "word " * words}),
        )
        began = time.perf_counter()
        outcome = await sandbox.call(job, timeout=20, tenant=tenant)
        self.seconds.append(time.perf_counter() - began)
        fine = outcome.value is not None and msgspec.json.decode(outcome.value) == {"words": words}
        self._note("word_count", outcome, fine=fine and outcome.stdout == "counting\n")

    async def _attack(self, sandbox: Sandbox, attack: Hostile, tenant: str) -> None:
        marker = secrets.token_hex(8)
        given = {"name": attack.payload, "marker": marker, "arguments": dict(attack.arguments)}
        job = arena.job("alone", **given)
        outcome = await sandbox.call(job, timeout=attack.timeout, tenant=tenant)
        ran = outcome.stdout.startswith(marker)
        # Where the start of a box takes all the time there is, nothing was attacked.
        fine = outcome.status in attack.statuses and (ran or outcome.status == "timeout")
        self._note(attack.payload, outcome, fine=fine)

    def _note(self, name: str, outcome: Outcome, *, fine: bool) -> None:
        self.ends[f"{name}: {outcome.status}"] += 1
        if not fine and len(self.wrong) < 20:
            self.wrong.append(f"{name}: {outcome.status}, {outcome.error}, {outcome.stderr[:200]}")

    async def watch(self) -> None:
        """Sample the memory, and say how it goes."""
        began, every, following = time.monotonic(), max(1, self.total // SAMPLES), 0
        while self.calls < self.total:
            await anyio.sleep(0.05)
            if self.calls < following:
                continue
            following = self.calls + every
            gc.collect()
            # What is free and kept for later is no leak, and comes and goes by megabytes.
            _LIBC.malloc_trim(0)
            self.samples.append((self.calls, _rss_mib()))
            if len(self.samples) % 10 == 1:
                seen = leaks.snapshot()
                print(
                    f"{self.calls:>7} calls  {time.monotonic() - began:5.0f} s  "
                    f"{self.samples[-1][1]:6.1f} MiB  {len(seen.descriptors)} descriptors  "
                    f"{len(seen.processes)} processes",
                    flush=True,
                )


@dataclass(frozen=True)
class Held:
    """What there is beside memory, before and after."""

    seen: leaks.Snapshot
    mounts: int
    groups: int

    @classmethod
    def now(cls) -> Held:
        """Look at this process, and at what it has on this machine."""
        mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
        place = cgroup.place()
        mine = [] if place is None else [*Path(place.folder).glob(f"toolrun-{os.getpid()}-*")]
        return cls(leaks.snapshot(), mounts, len(mine))

    def left(self) -> list[str]:
        """What is there now and was not then."""
        lines = leaks.wait_until_clean(self.seen, _GRACE)
        now = Held.now()
        if now.mounts > self.mounts:
            lines.append(f"{now.mounts - self.mounts} mounts")
        if now.groups > self.groups:
            lines.append(f"{now.groups - self.groups} control groups")
        return [*lines, *(f"process {line!r}" for line in arena.running("soak; true"))]


def _rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / _MIB


async def soak(calls: int, seed: int, folder: Path) -> Soak:
    """Make so many calls."""
    tool = folder / "soaked_tool.py"
    tool.write_text(_TOOL)
    held = Soak(calls)
    narrowed = msgspec.structs.replace(load_profile("pure"), memory_bytes=100 * _MIB)
    async with Sandbox(narrowed) as sandbox, anyio.create_task_group() as group:
        for worker in range(WORKERS):
            group.start_soon(held.work, sandbox, tool, random.Random(seed + worker))
        group.start_soon(held.watch)
    return held


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak_sandbox")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--first", type=int, help="calls before memory must be flat: a tenth")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    given = parser.parse_args()
    first = given.calls * FIRST // CALLS if given.first is None else given.first
    measure.raise_open_files()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        anyio.run(soak, 8, given.seed, Path(folder))  # what is made once is no leak
        before, began = Held.now(), time.monotonic()
        held = anyio.run(soak, given.calls, given.seed, Path(folder))
        left = before.left()
    base, off = drift(held.samples, first)
    ordinary = sorted(held.seconds)
    table = {
        "calls": held.calls,
        "seed": given.seed,
        "seconds": round(time.monotonic() - began),
        "p50 ms": round(1e3 * statistics.median(ordinary), 1),
        "p99 ms": round(1e3 * ordinary[len(ordinary) * 99 // 100], 1),
        "ends": dict(sorted(held.ends.items())),
        "wrong": held.wrong,
        "left": left,
        "MiB after the first": round(base, 1),
        "drift": round(off, 4),
        "flat": off <= SLACK,
        "samples": held.samples,
    }
    # A short run is a trial, and no result to keep.
    if given.calls >= CALLS:
        measure.write("soak-sandbox", {"soak": table})
    print({key: value for key, value in table.items() if key != "samples"})
    return 0 if off <= SLACK and not left and not held.wrong else 1


if __name__ == "__main__":
    sys.exit(main())
