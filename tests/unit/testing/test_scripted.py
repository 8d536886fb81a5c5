"""Does a scripted model do what its script says, for every session, and say where it ends?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs

from toolrun import (
    AssistantMessage,
    ReasoningDelta,
    Request,
    Retried,
    Runtime,
    ServerStatus,
    Session,
    StepFinished,
    TextDelta,
    Usage,
    UserMessage,
    tool,
)
from toolrun.testing import (
    Events,
    ScriptedModel,
    ScriptEnded,
    call,
    calls,
    capture,
    replay_trace,
    say,
)

if TYPE_CHECKING:
    from pathlib import Path


@tool(trusted=True)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def scripted(*steps: Any, **options: Any) -> tuple[ScriptedModel, Session]:
    model = ScriptedModel(*steps)
    return model, Session(model=model, tools=[add], **options)


async def test_a_turn_and_what_was_asked() -> None:
    sum_of = call("add", {"a": 1, "b": 2}, text="Let me add.", reasoning="Use the tool.")
    model, session = scripted(sum_of, say("It is 3.", reasoning="Done."))
    async with session:
        answer = await session.ask("1 + 2?")

    assert (answer.text, answer.status) == ("It is 3.", "finished")
    assert answer.reasoning == "Use the tool.\n\nDone."
    assert [(made.name, made.id) for made in answer.tool_calls] == [("add", "call_1_1")]
    first, second = model.requests
    assert [type(each).__name__ for each in first.messages] == ["UserMessage"]
    assert [type(each).__name__ for each in second.messages] == [
        *("UserMessage", "AssistantMessage", "ToolMessage")
    ]
    assert second.messages[-1].content == "3"
    assert first.tools[0]["function"]["name"] == "add"


async def test_several_calls_at_once_have_ids_of_their_own() -> None:
    both = calls(call("add", {"a": 1, "b": 2}), call("add", '{"a": 3, "b": 4}'), reasoning="Both.")
    _, session = scripted(both, "3 and 7")
    async with session:
        answer = await session.ask("?")

    made = [(each.id, each.result.content) for each in answer.tool_calls if each.result]
    assert made == [("call_1_1", "3"), ("call_1_2", "7")]
    assert answer.steps[0].reasoning == "Both."


async def test_it_is_streamed_word_by_word() -> None:
    _, session = scripted(say(" Two  words\nhere ", reasoning="One thought.", usage=Usage(7, 3)))
    async with session, session.stream("Go.") as stream:
        events = Events([event async for event in stream])

    assert [each.text for each in events.of(ReasoningDelta)] == ["One", " thought."]
    assert [each.text for each in events.of(TextDelta)] == [" Two", "  words", "\nhere", " "]
    assert events.text() == " Two  words\nhere "
    assert [each.usage for each in events.of(StepFinished)] == [Usage(7, 3)]


async def test_sessions_read_the_script_each_on_its_own() -> None:
    model = ScriptedModel(call("add", {"a": 1, "b": 2}), "first", "second")
    said: dict[str, list[str]] = {}

    async def talk(name: str) -> None:
        async with runtime.session(name) as session:
            said[name] = [(await session.ask(text)).text for text in ("a", "b")]

    async with Runtime(model=model, tools=[add]) as runtime, anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(talk, str(number))

    assert said == {str(number): ["first", "second"] for number in range(10)}
    assert len(model.requests) == 30


async def test_a_transcript_that_it_did_not_write_begins_the_script_at_its_start() -> None:
    before = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    _, session = scripted("first", messages=before)
    async with session:
        assert (await session.ask("c")).text == "first"


async def test_a_transcript_that_it_wrote_is_gone_on_with() -> None:
    model, session = scripted("first", "second")
    async with session:
        await session.ask("a")
        there = session.transcript

    request = Request("m", [*there, UserMessage("b")])
    assert (await model.sample(request)).content == "second"


async def test_a_fork_goes_on_in_the_script_where_its_parent_stands() -> None:
    _, session = scripted("first", "second", "third")
    async with session:
        await session.ask("a")
        async with session.fork() as other:
            assert (await other.ask("b")).text == "second"
            assert (await session.ask("b")).text == "second"
            await session.undo()
            assert (await session.ask("c")).text == "third"


async def test_what_no_turn_can_use_is_sampled_again_and_takes_the_next_step() -> None:
    _, session = scripted(AssistantMessage(reasoning="Only a thought."), "An answer.")
    async with session:
        with capture(session) as events:
            assert (await session.ask("a")).text == "An answer."

    assert [each.code for each in events.of(Retried)] == ["analysis-only"]


async def test_an_exception_is_raised_and_the_step_after_it_taken() -> None:
    _, session = scripted(ServerStatus("no", 401), "then")
    async with session:
        with pytest.raises(ServerStatus, match="no"):
            await session.ask("a")
        assert (await session.go_on()).text == "then"


async def test_a_function_makes_a_step_of_the_request() -> None:
    async def echo(request: Request) -> str:
        await anyio.lowlevel.checkpoint()
        last = request.messages[-1]
        assert isinstance(last, UserMessage)
        return last.content.upper()

    def fail(request: Request) -> Exception:
        return ServerStatus(f"{len(request.messages)} messages", 400)

    _, session = scripted(echo, fail)
    async with session:
        assert (await session.ask("hello")).text == "HELLO"
        with pytest.raises(ServerStatus, match="3 messages"):
            await session.ask("again")


async def test_the_end_of_the_script_is_an_error_that_names_the_step() -> None:
    _, session = scripted(call("add", {"a": 1, "b": 2}))
    async with session:
        with pytest.raises(ScriptEnded) as raised:
            await session.ask("Go.")

    assert str(raised.value) == (
        "the script has 1 step, and the session asked for step 2, after the result of add: '3'. "
        "Add what the model does then to ScriptedModel(...)"
    )
    assert isinstance(raised.value, AssertionError)


async def test_it_says_after_what_it_was_asked_once_more() -> None:
    model, session = scripted("first")
    async with session:
        await session.ask("a")
        with pytest.raises(ScriptEnded, match="asked for step 2, after UserMessage: 'b'"):
            await session.ask("b")
    with pytest.raises(ScriptEnded, match=r"has 0 steps, .* asked for step 1, after nothing"):
        await ScriptedModel().sample(Request("m", []))
    assert len(model.requests) == 2


async def test_what_is_no_step_is_refused() -> None:
    _, session = scripted(42)
    async with session:
        with pytest.raises(TypeError, match="exception or a function that returns one of these"):
            await session.ask("Go.")


async def test_a_message_of_ones_own_goes_out_as_it_is() -> None:
    message = AssistantMessage("cut", finish_reason="length", usage=Usage(1, 2))
    _, session = scripted(message)
    async with session:
        answer = await session.ask("Go.")

    assert answer.status == "limited"
    assert answer.steps[0].content == "cut"


async def test_a_request_is_kept_as_it_was() -> None:
    model, session = scripted("a", "b")
    async with session:
        await session.ask("1")
        await session.ask("2")

    assert [len(request.messages) for request in model.requests] == [1, 3]
    assert structs.replace(model.requests[0]).messages[0].content == "1"


async def test_its_sessions_can_be_recorded_and_replayed(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    _, session = scripted(call("add", {"a": 1, "b": 2}), "3", instructions="Add.", trace=path)
    async with session:
        with capture(session) as events:
            await session.ask("1 + 2?")

    report = await replay_trace(path)
    assert report.turns == 1
    assert report.events == len(events) + 1  # SessionOpened came before
