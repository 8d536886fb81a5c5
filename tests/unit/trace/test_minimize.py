"""Is what is left of a trace a session again, and is it as small as it can be?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from tests.unit.trace.journals import write, written
from toolrun import Limits, Session, tool
from toolrun.cli.app import command
from toolrun.events import (
    AssistantMessage,
    ForkedFrom,
    RequestSent,
    ToolCallFinished,
    TurnFinished,
    UserMessage,
)
from toolrun.testing import ScriptedModel, call, calls, replay_trace, say
from toolrun.trace.cut import Parted
from toolrun.trace.minimize import minimize, smallest
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.events import Event

TRACES = Path(__file__).parents[2] / "traces" / "format-1"
ALL = sorted(TRACES.glob("*.jsonl"))


@tool(trusted=True)
def count(text: str) -> str:
    """Count letters."""
    return f"{text}: {len(text)}" * 40


def turns(events: Sequence[Event]) -> Iterator[set[int]]:
    """The numbers of the events of each turn."""
    begins = [index for index, event in enumerate(events) if isinstance(event, UserMessage)]
    for begin, end in zip(begins, [*begins[1:], len(events)], strict=True):
        yield set(range(begin, end))


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.stem))
def test_all_of_a_session_is_the_session(path: Path) -> None:
    events = read_trace(path).events
    assert Parted.of(events).left(range(len(events)), {}) == events


@pytest.mark.parametrize(
    "name",
    [
        "three-turns-with-calls",
        "three-turns-with-calls-streamed",
        "two-turns-streamed",
        "imported-streamed",
    ],
)
async def test_a_session_without_one_of_its_turns_happens_again(name: str, tmp_path: Path) -> None:
    trace = read_trace(TRACES / f"{name}.jsonl")
    for number, turn in enumerate(turns(trace.events)):
        left = Parted.of(trace.events).left(set(range(len(trace.events))) - turn, {})
        assert len(left) == len(trace.events) - len(turn)
        if not any(isinstance(event, TurnFinished) for event in left):
            continue  # nothing but what was imported
        path = tmp_path / f"{number}.jsonl"
        await _write(path, left, trace.header.session)
        report = await replay_trace(path)
        assert report.events == len(left)


async def _write(path: Path, events: Sequence[Event], session: str) -> None:
    from toolrun.cli.trace_minimize import write
    from toolrun.trace.header import TraceHeader
    from toolrun.trace.reader import Trace

    header = TraceHeader(format=2, toolrun="0", session=session, created=1.0)
    await write(path, Trace(header, []), list(events))


async def test_parts_that_do_not_matter_are_left_out_and_texts_cut(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    model = ScriptedModel(
        say("First."),
        calls(
            call("count", {"text": "a"}), call("count", {"text": "b"}), call("count", {"text": "c"})
        ),
        say("Counted. " * 40, reasoning="Well. " * 40),
        say("Last."),
    )
    async with Session(model=model, tools=[count], trace=path) as session:
        for text in ("one", "two " * 40, "three"):
            await session.ask(text)
    events = read_trace(path).events

    async def fails(some: list[Event]) -> bool:
        return any(
            json.loads(each.arguments) == {"text": "b"}
            for event in some
            if isinstance(event, AssistantMessage)
            for each in event.tool_calls
        )

    found = await minimize(events, fails)

    assert found.ended
    assert [type(event).__name__ for event in found.events] == [
        *("SessionOpened", "UserMessage", "AssistantMessage"),
        *("ToolCallStarted", "ToolCallFinished", "TurnFinished"),
    ]
    assert [event.seq for event in found.events] == [1, 2, 3, 4, 5, 6]
    assert {event.turn for event in found.events[1:]} == {1}
    asked, _, _, finished = found.events[1:5]
    assert isinstance(asked, UserMessage)
    assert asked.content == "two " * 10 + " ... (120 characters less)"
    assert isinstance(finished, ToolCallFinished)
    assert finished.result.content.startswith("b: 1b: 1")
    assert len(finished.result.content) < 80
    assert (await minimize(events, fails)).events == found.events


async def test_requests_hold_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    model = ScriptedModel(
        calls(call("count", {"text": "a"}), call("count", {"text": "b"})), say("Done."), say("Yes.")
    )
    async with Session(model=model, tools=[count], trace=path) as session:
        await session.ask("one")
        await session.ask("two")
    events = read_trace(path).events
    message = next(index for index, event in enumerate(events) if event.seq == 3 and event.durable)
    said = events[message]
    assert isinstance(said, AssistantMessage)
    ids = [each.id for each in said.tool_calls]
    kept = [index for index, event in enumerate(events) if getattr(event, "call_id", "") != ids[0]]
    shorter = AssistantMessage(tool_calls=said.tool_calls[1:], finish_reason="tool_calls")

    left = Parted.of(events).left(kept, {message: shorter})

    sent = [event for event in left if isinstance(event, RequestSent)]
    assert [bool(event.digest) for event in sent] == [True, False, False]
    assert [each.get("tool_call_id") for each in sent[1].adds] == [None, ids[1]]
    assert [each["id"] for each in sent[1].adds[0]["tool_calls"]] == [ids[1]]
    assert [each["role"] for each in sent[2].adds] == ["assistant", "user"]


async def test_the_smallest_part_is_found_and_the_tries_are_counted() -> None:
    async def fail(some: Sequence[int]) -> bool:
        return {3, 7} <= set(some)

    assert await smallest(range(20), fail) == [3, 7]
    assert await smallest([], fail) == []

    events = read_trace(TRACES / "three-turns-with-calls.jsonl").events
    told: list[tuple[int, int]] = []

    async def always(_: list[Event]) -> bool:
        return True

    found = await minimize(
        events, always, tries=1, on_try=lambda *seen: told.append((seen[0], seen[1]))
    )
    assert (found.tries, found.ended, len(told)) == (1, False, 1)


def _command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = command(["trace", "minimize", *words])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def _spoilt(folder: Path, kind: str, old: str, new: str) -> Path:
    """A trace of three turns, one line of which says something else."""
    lines = (TRACES / "three-turns-with-calls-streamed.jsonl").read_text().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if f'"type":"{kind}"' in line and old in line)
    lines[at] = lines[at].replace(old, new, 1)
    path = folder / "bad.jsonl"
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize(
    ("kind", "old", "new", "field", "most"),
    [
        ("ToolCallStarted", '"unit":"F"', '"unit":"C"', "arguments.unit", 6),
        ("RequestSent", '"Now I know."', '"Now I do."', "", 128),
        ("RequestSent", "First the weather", "First no weather", "reasoning", 12),
        ("TurnFinished", '"finished"', '"limited"', "status", 6),
    ],
)
def test_what_is_left_of_a_trace_differs_in_the_same_field(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    old: str,
    new: str,
    field: str,
    most: int,
) -> None:
    bad, small, again = (
        _spoilt(tmp_path, kind, old, new),
        tmp_path / "s.jsonl",
        tmp_path / "t.jsonl",
    )
    code, said = _command(capsys, str(bad), "-o", str(small))
    assert (code, said.startswith("128 events to ")) == (0, True), said
    left = read_trace(small, check=True).events
    assert len(left) <= most, [type(event).__name__ for event in left]
    assert _command(capsys, str(bad), "-o", str(again))[0] == 0
    assert again.read_bytes() == small.read_bytes()

    assert command(["replay", str(small), "--quiet"]) == 1
    differs = capsys.readouterr().out
    assert f"({kind}, turn " in differs
    assert field in differs


def test_a_command_says_what_failing_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, small = TRACES / "three-turns-with-calls.jsonl", tmp_path / "small.jsonl"
    while_rome = """sh -c 'if grep -q "in Rome, in Fahrenheit" {}; then exit 3; fi'"""
    code, said = _command(capsys, str(path), "-o", str(small), "--while", while_rome)
    assert code == 0, said
    left = read_trace(small, check=True).events
    assert len(left) <= 6
    assert "in Rome, in Fahrenheit" in small.read_text()

    code, said = _command(capsys, str(path), "-o", str(small))
    assert (code, "is there already" in said) == (2, True)
    other = str(tmp_path / "other.jsonl")
    code, said = _command(capsys, str(path), "-o", other)
    assert (code, "it does not fail: its replay is identical" in said) == (2, True)
    code, said = _command(capsys, str(path), "-o", other, "--while", "true")
    assert (code, "it does not fail: true ends with 0" in said) == (2, True)
    code, said = _command(capsys, str(path), "-o", other, "--while", "no-such-program-here")
    assert (code, "--while no-such-program-here" in said) == (2, True)
    code, said = _command(capsys, str(path), "-o", other, "--while", "false", "--tries", "1")
    assert (code, "the tries are used up" in said) == (0, True), said


def test_a_session_that_does_not_begin_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    written(path, [UserMessage("one"), AssistantMessage("two")])
    lines = [json.loads(line)["type"] for line in path.read_text().splitlines()]
    assert lines == ["TraceHeader", "UserMessage", "AssistantMessage"]
    events = read_trace(path).events
    assert Parted.of(events).left(range(len(events)), {}) == events


async def test_turns_that_were_taken_back_or_came_with_a_fork_are_left_out_rightly(
    tmp_path: Path,
) -> None:
    path, forked = tmp_path / "trace.jsonl", tmp_path / "fork.jsonl"
    model = ScriptedModel("One.", "Two.", "Three.", "Four.")
    async with Session(model=model, trace=path) as session:
        await session.ask("one")
        await session.ask("two")
        await session.undo()
        async with session.fork(trace=forked) as other:
            await other.ask("three")
            await other.undo()
            await other.ask("four")
    trace = read_trace(forked)
    events = trace.events
    parted = Parted.of(events)
    everything = set(range(len(events)))
    assert parted.left(everything, {}) == events

    copied = {index for index, event in enumerate(events) if isinstance(event, UserMessage)}
    first = min(copied)
    left = parted.left(everything - {first, first + 1}, {})
    fork = next(event for event in left if isinstance(event, ForkedFrom))
    assert fork.copied == sum(isinstance(each, ForkedFrom) and each.copied for each in events) - 2
    target = tmp_path / "left.jsonl"
    await _write(target, left, trace.header.session)
    assert (await replay_trace(target)).events == len(left)
    # The last request holds what stands then: not what was taken back.
    [*_, last] = [event for event in left if isinstance(event, RequestSent)]
    assert [each["content"] for each in last.adds] == ["four"]


async def test_a_step_that_was_gone_on_with_is_left_out_with_the_end_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "trace.jsonl"
    model = ScriptedModel(call("count", {"text": "a"}), call("count", {"text": "b"}), "Done.")
    async with Session(model=model, tools=[count], trace=path, limits=Limits(steps=1)) as session:
        for answer in (await session.ask("Count."), await session.go_on(), await session.go_on()):
            last = answer.status
    assert last == "finished"

    async def fails(some: list[Event]) -> bool:
        return any(isinstance(event, AssistantMessage) and event.content for event in some)

    found = await minimize(read_trace(path).events, fails)

    assert [type(event).__name__ for event in found.events] == [
        *("SessionOpened", "UserMessage", "AssistantMessage", "TurnFinished")
    ]
    await _write(tmp_path / "left.jsonl", found.events, session.id)
    assert (await replay_trace(tmp_path / "left.jsonl")).events == 4


async def test_a_message_that_a_request_says_otherwise_is_left_as_it_is(tmp_path: Path) -> None:
    """As where the trace says [redacted] of what was sent, or the other way round."""
    path = tmp_path / "trace.jsonl"
    model = ScriptedModel(
        calls(call("count", {"text": "a"}), call("count", {"text": "b"})), say("Done.")
    )
    async with Session(model=model, tools=[count], trace=path) as session:
        await session.ask("Count.")
    events = read_trace(path).events
    for index, event in enumerate(events):
        if isinstance(event, RequestSent) and len(event.adds) == 3:
            said = {**event.adds[0], "content": "something else"}
            events[index] = structs.replace(event, adds=[said, *event.adds[1:]])

    async def fails(some: list[Event]) -> bool:
        return any(isinstance(event, AssistantMessage) and event.content for event in some)

    async def called(some: list[Event]) -> bool:
        return any(isinstance(event, AssistantMessage) and event.tool_calls for event in some)

    async def both(some: list[Event]) -> bool:
        return await fails(some) and await called(some)

    found = await minimize(events, both)

    [made] = [each for each in found.events if getattr(each, "tool_calls", ())]
    assert isinstance(made, AssistantMessage)
    assert len(made.tool_calls) == 2
    assert len((await minimize(read_trace(path).events, both)).events) < len(found.events)


async def test_a_session_that_does_not_begin_is_minimized_too(tmp_path: Path) -> None:
    await write(
        tmp_path / "t.jsonl",
        [UserMessage("one"), AssistantMessage("two"), UserMessage("three"), AssistantMessage("4")],
    )

    async def fails(some: list[Event]) -> bool:
        return any(isinstance(event, AssistantMessage) and event.content == "4" for event in some)

    found = await minimize(read_trace(tmp_path / "t.jsonl").events, fails)

    assert [getattr(event, "content", "") for event in found.events] == ["three", "4"]
