"""What does a session hear of the calls that a trace answers, or that a trace does not hold?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.unit.testing.staging import first_line, put, ran, session
from tests.unit.trace.journals import write
from toolrun import Approve, Deny, ReplayMismatch
from toolrun.events import (
    EgressDecided,
    FileChanged,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
)
from toolrun.testing import Events, ScriptedModel, call, say
from toolrun.testing.stage import Stage
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun import Session
    from toolrun.events import Durable

CALLED = call("double", {"number": 2}), say("It is four.")
TOLD = (
    ToolOutput("call_1_1", "progress", "half done"),
    EgressDecided("call_1_1", "example.org", 443, "GET", allowed=False, reason="not allowed"),
    FileChanged("call_1_1", "notes.txt", "deleted"),
)


@pytest.fixture
def play(path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    return lambda **how: put(Stage(path, **how), monkeypatch)


async def record(path: Path) -> None:
    """A call that printed, asked for a host and deleted a file."""
    plain = path.with_name("plain.jsonl")
    async with session(model=ScriptedModel(*CALLED), trace=plain) as recorded:
        await recorded.ask("What is twice 2?")
    events: list[Any] = []
    for event in read_trace(plain).events:
        events.append(event)
        if isinstance(event, ToolCallStarted):
            events.extend(TOLD)
    plain.unlink()
    await write(path, events)


@pytest.mark.parametrize("model", ["trace", "live"])
@pytest.mark.parametrize("heard", [True, False], ids=["heard", "unheard"])
async def test_what_a_recorded_call_told_is_told_again(
    path: Path,
    play: Any,
    model: Any,
    heard: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    await record(path)
    stage = play(strictness="semantic", model=model)
    events = Events()
    sinks = [events] if heard else []
    async with session(model=ScriptedModel(*CALLED), sinks=sinks) as again:
        assert (await again.ask("What is twice 2?")).text == "It is four."
        assert [each.path for [each] in again.state.changes] == ["notes.txt"]
    stage.finish()

    assert ran == []
    assert [each.text for each in events.of(ToolOutput)] == ["half done"] * heard
    assert [(each.host, each.reason) for each in events.of(EgressDecided)] == [
        ("example.org", "not allowed")
    ] * heard


async def test_a_call_that_had_been_denied_runs_loosely_where_tools_are_live(
    path: Path, play: Any
) -> None:
    async def deny(_: Any) -> Deny:
        return Deny("not him")

    async def approve(_: Any) -> Approve:
        return Approve()

    script = call("send", {"to": "A"}), say("Well.")
    async with session(model=ScriptedModel(*script), approve=deny, trace=path) as recorded:
        await recorded.ask("Write to A.")
    for strictness in ("loose", "semantic"):
        stage = play(strictness=strictness, tools="live")
        async with session(model=ScriptedModel(), approve=approve) as again:
            if strictness == "loose":
                answer = await again.ask("Write to A.")
                assert [made.result and made.result.content for made in answer.tool_calls] == [
                    "sent to A"
                ]
                stage.finish()
                assert ran == ["send"]
                continue
            with pytest.raises(ReplayMismatch, match=r"of send \(.*\) did not run when recorded"):
                await again.ask("Write to A.")
        assert ran == []


async def test_steps_that_are_left_are_said_though_not_every_event_counts(
    path: Path, play: Any
) -> None:
    async with session(model=ScriptedModel("One.", "Two."), trace=path) as recorded:
        await recorded.ask("Count.")
        await recorded.ask("And on.")
    for strictness in ("semantic", "loose"):
        stage = play(strictness=strictness)
        async with session(model=ScriptedModel()) as again:
            await again.ask("Count.")
        with pytest.raises(ReplayMismatch, match="step 1 of turn 2 was not used") as caught:
            stage.finish()
        assert caught.value.request == 2


async def test_an_undo_that_is_left_is_said_though_each_step_was_used(
    path: Path, play: Any
) -> None:
    async with session(model=ScriptedModel("One."), trace=path) as recorded:
        await recorded.ask("Count.")
        await recorded.undo()
    stage = play()
    async with session(model=ScriptedModel()) as again:
        await again.ask("Count.")
    assert stage.used == stage.steps
    with pytest.raises(ReplayMismatch, match=r"\(TurnUndone.* was recorded, and did not happen"):
        stage.finish()


@pytest.mark.parametrize("tools", ["trace", "live"])
async def test_a_turn_that_was_stopped_between_two_steps_is_stopped_there(
    path: Path, play: Any, tools: Any
) -> None:
    class Stopping(Events):
        async def record(self, event: Durable) -> None:
            if isinstance(event, ToolCallFinished):
                recorded._running.park("closing")

    async def talk(talker: Session) -> None:
        answer = await talker.ask("What is twice 2?")
        assert (answer.status, answer.reason) == ("parked", "closing")
        assert [made.result and made.result.content for made in answer.tool_calls] == ["4"]
        assert (await talker.go_on()).text == "It is four."

    async with session(model=ScriptedModel(*CALLED), trace=path, sinks=[Stopping()]) as recorded:
        await talk(recorded)
    stage = play(strictness="semantic", tools=tools)
    async with session(model=ScriptedModel()) as again:
        with anyio.fail_after(60):
            await talk(again)
    stage.finish()
    assert ran == ["double"] * (tools == "live")


@pytest.mark.parametrize("tools", ["trace", "live"])
async def test_where_a_trace_ends_within_a_step_the_session_stops(
    path: Path, play: Any, tools: Any
) -> None:
    model = ScriptedModel("It is a long answer.")
    async with session(model=model, trace=path) as recorded, recorded.stream("Well?") as told:
        async for _ in told:
            pass
    events = read_trace(path).events
    last = max(index for index, each in enumerate(events) if isinstance(each, TextDelta))
    await write(path, events[:last])
    stage = play(strictness="semantic", tools=tools)
    async with session(model=ScriptedModel()) as again:
        with anyio.fail_after(60):
            assert (await again.ask("Well?")).status == "cancelled"
    assert stage.unfinished
    stage.finish()


async def test_a_request_that_differs_is_a_miss_where_tools_are_live(path: Path, play: Any) -> None:
    async with session(
        model=ScriptedModel(*CALLED), trace=path, tool_choice="required"
    ) as recorded:
        await recorded.ask("What is twice 2?")
    others: list[tuple[dict[str, Any], str]] = [
        ({"tool_choice": "required"}, "content: expected 'What is twice 2?', seen 'And 3?'"),
        ({"tool_choice": "auto"}, "tool_choice: expected 'required', seen 'auto'"),
        ({"tool_choice": "required", "effort": "high"}, "effort: expected nothing, seen 'high'"),
    ]
    for options, named in others:
        play(tools="live")
        said = "What is twice 2?" if "content" not in named else "And 3?"
        async with session(model=ScriptedModel(), **options) as again:
            with pytest.raises(ReplayMismatch) as caught:
                await again.ask(said)
        assert named in first_line(caught.value)
        assert caught.value.request == 1
