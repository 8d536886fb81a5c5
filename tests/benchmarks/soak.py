"""Does memory stay flat over 200,000 steps in one process? `python -m tests.benchmarks.soak`.

Sixteen workers hold sessions against the mock, one after another: whole and streamed ones, some
with a trace, some whose calls do not fit the schema or name no tool, some left in mid-stream. Ends
with status 1 if the process's memory leaves 3% around what it was after the first 20,000 steps.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tests.benchmarks import measure, task
from tests.benchmarks.contestants.toolrun_session import LIMITS, WEATHER
from tests.rig.mock import Call, MockServer, Step
from toolrun import Runtime
from toolrun.events import AssistantMessage, ReasoningDelta, TextDelta, TurnFinished

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from toolrun.events import Durable, Event

STEPS: Final = 200_000
FIRST: Final = 20_000
SLACK: Final = 0.03
WORKERS: Final = 16
EVERY: Final = 2_000
_PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20
_AROUND = 5  # samples that a figure is the median of

_MISTAKEN: Final = (
    Step("I guess.", tool_calls=(Call("get_weather", '{"city":7,"unit":"K"}'),)),
    Step("Another one, then.", tool_calls=(Call("get_time", '{"city":"Berlin"}'),)),
    Step("As it should be.", tool_calls=(Call("get_weather", '{"city":"Berlin"}'),)),
    Step("I have it.", task.ANSWER),
)


@dataclass
class Count:
    """What has happened, from the journals: a sink of all sessions.

    Attributes:
        samples: at so many steps, so many MiB.
    """

    steps: int = 0
    turns: dict[str, int] = field(default_factory=dict)
    samples: list[tuple[int, float]] = field(default_factory=list)
    observes: bool = False

    def observe(self, event: Event) -> None:
        """Is not told: `observes` says so."""

    async def record(self, event: Durable) -> None:
        if isinstance(event, AssistantMessage):
            self.steps += 1
        elif isinstance(event, TurnFinished):
            self.turns[event.status] = self.turns.get(event.status, 0) + 1


class Soak:
    """One runtime, and the kinds of sessions that are held with it."""

    def __init__(self, runtime: Runtime, folder: Path, mistaken: str, slow: str) -> None:
        self.runtime = runtime
        self.folder = folder
        self.mistaken = mistaken
        self.slow = slow
        self.kinds: tuple[Callable[[int], Awaitable[None]], ...] = (
            *[self.whole] * 12,
            *[self.streamed] * 4,
            self.traced,
            self.wrong,
            self.left,
            self.long,
        )

    async def whole(self, worker: int) -> None:
        async with self.runtime.session() as session:
            assert (await session.ask(task.PROMPT)).text == task.ANSWER

    async def streamed(self, worker: int) -> None:
        async with self.runtime.session() as session, session.stream(task.PROMPT) as events:
            text = [event.text async for event in events if isinstance(event, TextDelta)]
        assert "".join(text) == task.ANSWER

    async def traced(self, worker: int) -> None:
        trace = self.folder / f"{worker}.jsonl"
        async with self.runtime.session(trace=trace) as session:
            assert (await session.ask(task.PROMPT)).text == task.ANSWER

    async def wrong(self, worker: int) -> None:
        async with self.runtime.session() as session:
            answer = await session.ask(self.mistaken + task.PROMPT)
            assert answer.text == task.ANSWER
            assert len(answer.tool_calls) == 3

    async def left(self, worker: int) -> None:
        async with self.runtime.session() as session:
            async with session.stream(self.slow + task.PROMPT) as events:
                async for event in events:
                    if isinstance(event, ReasoningDelta):
                        break
            # The marker above would count on: the mock looks for the last one there is.
            answer = await session.ask("[[script:default]]" + task.PROMPT)
            assert answer.text == task.ANSWER

    async def long(self, worker: int) -> None:
        async with self.runtime.session() as session:
            for _ in range(10):
                assert (await session.ask(task.PROMPT)).text == task.ANSWER


async def soak(steps: int) -> Count:
    """Hold sessions until so many steps are done."""
    cores = measure.Cores.of_this_machine()
    cores.pin()
    count = Count()
    with (
        MockServer(core=cores.server, keep=0) as mock,
        tempfile.TemporaryDirectory() as folder,
    ):
        mock.script(*task.SCRIPT)
        mistaken = mock.script(*_MISTAKEN, name="mistaken")
        slow = mock.script(replace(task.SCRIPT[0], chunk_delay_s=0.01), name="slow")
        async with Runtime(
            model=mock.model,
            base_url=mock.url,
            tools=[WEATHER],
            instructions=task.INSTRUCTIONS,
            limits=LIMITS,
            sinks=[count],
        ) as runtime:
            held = Soak(runtime, Path(folder), mistaken, slow)
            async with asyncio.TaskGroup() as group:
                for worker in range(WORKERS):
                    group.create_task(_work(held, worker, count, steps))
                group.create_task(_watch(count, steps))
    return count


async def _work(held: Soak, worker: int, count: Count, steps: int) -> None:
    turn = worker
    while count.steps < steps:
        await held.kinds[turn % len(held.kinds)](worker)
        turn += 1


async def _watch(count: Count, steps: int) -> None:
    """Sample the memory every so many steps, and say how it goes."""
    began, following = time.monotonic(), 0
    while count.steps < steps:
        await asyncio.sleep(0.05)
        if count.steps < following:
            continue
        following = count.steps + EVERY
        gc.collect()
        count.samples.append((count.steps, _rss_mib()))
        if len(count.samples) % 5 == 1:
            print(
                f"{count.steps:>8} steps  {time.monotonic() - began:5.0f} s  "
                f"{count.samples[-1][1]:6.1f} MiB  {_files()} files  "
                f"{threading.active_count()} threads  {len(asyncio.all_tasks())} tasks",
                flush=True,
            )


def _rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def drift(samples: list[tuple[int, float]], first: int) -> tuple[float, float]:
    """MiB after the first steps, and how far what came later went from it, as a share.

    Each figure is the median of a few samples: what is under way at the moment weighs, too.
    """
    sizes = [size for at, size in samples if at >= first]
    smooth = [statistics.median(sizes[at : at + _AROUND]) for at in range(len(sizes) - _AROUND + 1)]
    return smooth[0], max(abs(size / smooth[0] - 1) for size in smooth)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--first", type=int, default=FIRST, help="steps before it must be flat")
    given = parser.parse_args()
    if given.steps < given.first + _AROUND * EVERY:
        parser.error(f"--steps must be at least {given.first + _AROUND * EVERY}")
    measure.raise_open_files()
    began = time.monotonic()
    count = asyncio.run(soak(given.steps))
    base, off = drift(count.samples, given.first)
    flat = off <= SLACK
    table = {
        "steps": count.steps,
        "seconds": round(time.monotonic() - began),
        "turns": count.turns,
        "MiB after the first": round(base, 1),
        "drift": round(off, 4),
        "flat": flat,
        "samples": count.samples,
    }
    measure.write("soak", {"soak": table})
    print({key: value for key, value in table.items() if key != "samples"})
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
