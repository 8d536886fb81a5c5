"""Does loading a trace take work in proportion to its size, and a pass over it no more memory?

Counted, not timed: calls of functions, and bytes that Python holds.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.unit.trace.journals import OPENED, write
from tests.unit.trace.memory import peak_of
from toolrun.events import (
    AssistantMessage,
    Event,
    RequestSent,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    UserMessage,
)
from toolrun.testing import replay_trace
from toolrun.trace.plan import Plan
from toolrun.trace.reader import TraceReader, read_runs, read_trace
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FEW, MANY = 10, 60


def turn(number: int) -> list[Event]:
    """Two steps, of forty pieces each."""
    said, call = f"How long is {number}.txt?", ToolCall(f"c{number}", "f", f'{{"n":{number}}}')
    asked = {"role": "user", "content": said}
    pieces = [TextDelta(f" word {piece}") for piece in range(40)]
    return [
        UserMessage(said),
        RequestSent("", 1, [asked], "generic", stream=True),
        *pieces,
        AssistantMessage("Let me see.", None, (call,), "tool_calls"),
        ToolCallStarted(call.id, "f", {"n": number}),
        ToolCallFinished(call.id, "f", ToolResult(str(number))),
        RequestSent("", 1, [], "generic", stream=True),
        *pieces,
        AssistantMessage(f"It is {number}.", None, (), "stop"),
        TurnFinished("finished"),
    ]


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two of them, one six times as long."""
    folder = tmp_path_factory.mktemp("traces")
    paths = folder / "few.jsonl", folder / "many.jsonl"
    for path, turns in zip(paths, (FEW, MANY), strict=True):
        events = [OPENED, *(event for each in range(turns) for event in turn(each))]
        anyio.run(partial(write, path, events, tick=0.001))
    return paths


def calls_of(work: Callable[[], Any]) -> int:
    """How many functions a work calls, Python's own among them."""
    count = 0

    def took(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    work()  # what is made once is made
    before = sys.getprofile()
    sys.setprofile(took)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def passed(path: Path) -> int:
    """A pass, which keeps no event."""
    with TraceReader(path) as reader:
        return sum(1 for _ in reader)


@pytest.mark.parametrize(
    "load",
    [read_trace, read_runs, lambda path: Plan.from_trace(read_runs(path))],
    ids=["events", "runs", "plan"],
)
def test_loading_is_linear(traces: tuple[Path, Path], load: Callable[[Path], Any]) -> None:
    few, many = (calls_of(partial(load, path)) for path in traces)
    assert few > FEW * 10
    assert many < few * MANY / FEW * 1.05


def test_pieces_that_follow_each_other_take_the_work_of_one(
    traces: tuple[Path, Path],
) -> None:
    events, runs = (calls_of(partial(load, traces[0])) for load in (read_trace, read_runs))
    assert runs * 2 < events


@pytest.mark.load
def test_a_pass_takes_no_more_memory_for_a_longer_trace(traces: tuple[Path, Path]) -> None:
    few, many = (peak_of(partial(passed, path)) for path in traces)
    assert passed(traces[1]) == MANY * 88 + 1
    assert many < few * 1.3
    whole = peak_of(partial(read_trace, traces[1]))
    assert whole > many * 4  # that a pass is measured at all


async def test_a_replay_looks_at_no_piece_where_nobody_wants_to_hear_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolrun import Session
    from toolrun.testing import ScriptedModel, say
    from toolrun.trace.runs import Run

    path = tmp_path / "t.jsonl"
    words = " ".join(["word"] * 300)
    async with Session(model=ScriptedModel(say(words), say(words)), trace=path) as session:
        for _ in range(2):
            async with session.stream("Say it.") as events:
                async for _event in events:
                    pass
    opened: list[Run] = []
    real = Run.events

    def events_of(run: Run) -> list[Event]:
        opened.append(run)
        return real(run)

    monkeypatch.setattr(Run, "events", events_of)
    assert (await replay_trace(path)).events > 600
    assert not opened
    heard: list[Event] = []
    assert (await replay_trace(path, on_event=heard.append)).events == len(heard)
    assert len(opened) >= 2  # a step's pieces are parted where a slow machine took long for them
