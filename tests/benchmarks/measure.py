"""How is the cost of things compared on a machine that others use too?

By CPU time of this process, which waits for nobody; in rounds in which the contestants take turns,
so that a slow minute hits them all; and by ratios within one run, from medians.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Cost:
    """What a unit of work (a step, an import) took, in milliseconds."""

    cpu_ms: float
    wall_ms: float


def paired(ones: Sequence[Cost], others: Sequence[Cost]) -> float:
    """The median of the ratios of CPU time, round by round."""
    return statistics.median(
        one.cpu_ms / other.cpu_ms for one, other in zip(ones, others, strict=True)
    )


@dataclass
class Figures:
    """The costs of the contestants of one phase, round by round."""

    phase: str
    rounds: dict[str, list[Cost]] = field(default_factory=dict)

    def add(self, name: str, cost: Cost) -> None:
        self.rounds.setdefault(name, []).append(cost)

    def cpu_ms(self, name: str) -> float:
        """The median over the rounds."""
        return statistics.median(cost.cpu_ms for cost in self.rounds[name])

    def wall_ms(self, name: str) -> float:
        """The median over the rounds."""
        return statistics.median(cost.wall_ms for cost in self.rounds[name])

    def ratio(self, name: str, to: str) -> float:
        """The median of the ratios of each round: both sides met the same disturbances."""
        return paired(self.rounds[name], self.rounds[to])

    def ratios(self, key: str, name: str, **to: str) -> dict[str, float]:
        """The ratios to those that took part, under keys as "KEY to floor"."""
        there = {word: other for word, other in to.items() if {name, other} <= self.rounds.keys()}
        return {f"{key} to {word}": self.ratio(name, other) for word, other in there.items()}

    def times_as_fast(self, name: str, to: str) -> float:
        """The median of the ratios of what is done in a second of wall time."""
        pairs = zip(self.rounds[name], self.rounds[to], strict=True)
        return statistics.median(other.wall_ms / one.wall_ms for one, other in pairs)

    def row(self, name: str, to: tuple[str, ...]) -> dict[str, Any]:
        """What is printed and written of a contestant."""
        row: dict[str, Any] = {
            "cpu_ms": round(self.cpu_ms(name), 4),
            "wall_ms": round(self.wall_ms(name), 4),
            "rounds": len(self.rounds[name]),
        }
        row |= {f"to {other}": round(self.ratio(name, other), 3) for other in to}
        return row

    def table(self, *to: str) -> Table:
        """The rows of all contestants; ratios to those of `to` that took part."""
        there = tuple(name for name in to if name in self.rounds)
        return {name: self.row(name, there) for name in self.rounds}


Table: TypeAlias = dict[str, dict[str, Any]]


@dataclass
class Found:
    """What a phase has found.

    Attributes:
        tables: by title: rows of columns.
        seen: figures that stand in the table of musts, by their key there.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """How a phase is run.

    Attributes:
        names: the contestants.
        rounds: turns of each contestant; None for as many as the phase finds right.
        seconds: CPU time that a turn takes at least: shorter ones drown in the clock's noise.
    """

    cores: Cores
    names: Sequence[str]
    rounds: int | None = None
    seconds: float = 0.15


@dataclass(frozen=True)
class Cores:
    """Which CPUs the server and the clients run on; the same one where there is no other."""

    server: int
    client: int

    @classmethod
    def of_this_machine(cls) -> Cores:
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[0], cores[-1])

    def pin(self) -> None:
        """Put this process on the clients' CPU."""
        os.sched_setaffinity(0, {self.client})


@contextmanager
def every_core() -> Iterator[None]:
    """Let programs and boxes run on every core, as for a person: not one behind the other."""
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, pinned)


async def interleave(
    figures: Figures,
    work: Mapping[str, Callable[[], Awaitable[int]]],
    *,
    rounds: int,
    seconds: float = 0.15,
    warm: Mapping[str, Callable[[], Awaitable[int]]] | None = None,
) -> None:
    """Measure contestants in turns.

    Args:
        figures: where the costs go, per unit.
        work: does something and returns how many units that was.
        rounds: turns of each contestant, after one that does not count.
        seconds: CPU time that a turn takes at least: shorter ones drown in the clock's noise.
        warm: done before each turn, so that connections are open again; else the work itself is
            done once before all turns.
    """
    for each in work.values() if warm is None else ():
        await each()
    for name in turns(list(work), rounds):
        if warm is not None:
            await warm[name]()
        figures.add(name, await _turn(work[name], seconds))


def turns(names: list[str], rounds: int) -> Iterator[str]:
    """Whose turn it is, round by round; each round begins with another one."""
    for turn in range(rounds):
        at = turn % len(names)
        yield from names[at:] + names[:at]


async def _turn(work: Callable[[], Awaitable[int]], seconds: float) -> Cost:
    gc.collect()
    units, cpu, wall = 0, time.process_time(), time.perf_counter()
    while (used := time.process_time() - cpu) < seconds:
        units += await work()
    return Cost(1e3 * used / units, 1e3 * (time.perf_counter() - wall) / units)


def raise_open_files(wanted: int = 8192) -> None:
    """Let this process, and those that it starts, open as many files as thousands of sockets are.

    Raises:
        RuntimeError: the hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return
    if unlimited != hard < wanted:
        raise RuntimeError(f"this needs {wanted} open files; the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def write(name: str, tables: Mapping[str, Any]) -> Path:
    """Write the figures of a phase, with the machine that they were seen on."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    text = msgspec.json.format(msgspec.json.encode({"machine": machine(), **tables}), indent=2)
    path.write_bytes(text + b"\n")
    return path


def machine() -> dict[str, Any]:
    """The processor, the number of CPUs, and the versions that matter."""
    import platform

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    names = ("openai", "aiohttp", "msgspec", "anyio", "jsonschema")
    return {
        "processor": models[0] if models else platform.machine(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: _version(name) for name in names},
    }


def _version(package: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
