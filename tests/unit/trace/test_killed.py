"""Is a trace readable after its process was killed, and can it go on?"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.trace.files import names
from toolrun.events import UserMessage
from toolrun.trace.reader import read_trace

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
import anyio
from toolrun.events import SessionOpened, TextDelta, UserMessage
from toolrun.journal import Journal
from toolrun.trace.recording import Recording
from toolrun.trace.writer import TraceSink


async def main():
    begin = int(sys.argv[2])
    recording = Recording(max_bytes=200_000, compress=len(sys.argv) > 3, blob_bytes=8192)
    sink = TraceSink(sys.argv[1], session="s", recording=recording, append=begin > 0)
    journal = Journal("s", [sink])
    journal.seq = begin
    if not begin:
        await journal.record(SessionOpened("1", "2026-01-01", {}))
    print("ready", flush=True)
    number = begin
    while True:
        for piece in range(number % 7):
            journal.observe(TextDelta("piece " * piece))
        size = 40_000 if number % 50 == 0 else number * 37 % 3000
        await journal.record(UserMessage(f"{number}:{'x' * size}"))
        number += 1


anyio.run(main)
"""


def record_until_killed(path: Path, begin: int, seconds: float, *more: str) -> None:
    """Have a process record, and kill it at a moment that it does not choose."""
    command = [sys.executable, "-c", PROGRAM, str(path), str(begin), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(seconds)  # the moment is what is tried
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def numbers(path: Path) -> list[int]:
    """What was said, in order, each as it was."""
    found = []
    for event in read_trace(path).events:
        if isinstance(event, UserMessage):
            number, _, text = event.content.partition(":")
            assert text == "x" * (40_000 if int(number) % 50 == 0 else int(number) * 37 % 3000)
            found.append(int(number))
    return found


def try_once(folder: Path, seed: int) -> None:
    """Kill a recording twice; it goes on after the first time."""
    moment = random.Random(seed)
    path = folder / "t.jsonl"
    compress = ["compress"] * (seed % 2)
    record_until_killed(path, 0, moment.uniform(0, 0.12), *compress)
    first = numbers(path)
    assert first == list(range(len(first)))
    last = read_trace(path).events[-1].seq
    record_until_killed(path, last + 10, moment.uniform(0, 0.12), *compress)
    both = numbers(path)
    assert both[: len(first)] == first
    second = both[len(first) :]
    assert second == list(range(last + 10, last + 10 + len(second)))
    trace = read_trace(path, check=seed % 5 == 0)
    if second:
        later = [event.seq for event in trace.events if event.durable and event.seq > last]
        assert later == list(range(last + 11, last + 11 + len(second)))
    assert all(name.startswith("t.") for name in names(folder))


@pytest.mark.parametrize("seed", range(1))
def test_what_a_killed_process_wrote_is_read_and_gone_on_with(tmp_path: Path, seed: int) -> None:
    try_once(tmp_path, seed)


@pytest.mark.load
@pytest.mark.parametrize("seed", range(1, 20))
def test_at_random_moments_too(tmp_path: Path, seed: int) -> None:
    try_once(tmp_path, seed)
