"""Is a step that goes wrong sampled again, with nothing appended, and does it end in a named error?

The faults are those that vLLM, its parsers and the network are known for; the mock makes them.
"""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from tests.rig.heard import Listener
from tests.rig.mock import Call, MockServer, Step
from toolrun import (
    Answer,
    MalformedOutput,
    Repaired,
    Retries,
    ServerError,
    ServerStatus,
    ServerTimeout,
    Session,
    Timeouts,
    ToolMessage,
    tool,
)


@tool(trusted=True)
async def get_weather(city: str) -> str:
    """Say how warm it is."""
    return f"20 degrees in {city}"


RETRIES = Retries().attempts
SOON = Retries(first_wait=0.001)
WEATHER = Call("get_weather", '{"city":"Paris"}')
ENDS = {
    "http_408": ServerStatus,
    "http_429": ServerStatus,
    "http_500": ServerStatus,
    "http_503": ServerStatus,
    "header_500": ServerStatus,
    "sse_error": ServerStatus,
    "html": MalformedOutput,
    "gzip_garbage": MalformedOutput,
    "empty_body": MalformedOutput,
    "truncated_json": MalformedOutput,
    "closed_early": MalformedOutput,
    "closed_midway": MalformedOutput,
    "cut": MalformedOutput,
    "null_content": MalformedOutput,
    "analysis_only": MalformedOutput,
}
"""Faults that may pass, and the error of a step that never gets past them."""

# httpx leaves its own generators half read where a body cannot be decompressed.
pytestmark = pytest.mark.filterwarnings("ignore:.*PoolByteStream")


@pytest.fixture(params=["unstreamed", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


@pytest.fixture
def heard() -> Listener:
    return Listener()


def session(mock: MockServer, **options: Any) -> Session:
    mine = {"model": mock.model, "base_url": mock.url, "tools": [get_weather], "retries": SOON}
    return Session(**{**mine, **options})


async def ask(chat: Session, heard: Listener, *, streamed: bool) -> Answer:
    chat._journal.add(heard)
    if not streamed:
        return await chat.ask("How warm is Paris?")
    async with chat.stream("How warm is Paris?") as events:
        async for _ in events:
            pass
    assert events.answer is not None
    return events.answer


@pytest.mark.parametrize("fault", ENDS)
async def test_a_fault_that_passes_leaves_no_trace_in_the_transcript(
    mock: MockServer, heard: Listener, fault: Any, *, streamed: bool
) -> None:
    last = Step("Got it.", "It is 20 degrees in Paris.", fault=fault, fault_times=2)
    mock.script(Step("Need the weather.", tool_calls=(WEATHER,)), last)
    async with session(mock) as chat:
        answer = await ask(chat, heard, streamed=streamed)
    first, *again = mock.bodies()

    assert (answer.status, answer.text) == ("finished", "It is 20 degrees in Paris.")
    assert len(again) == 3
    assert all(body == again[0] for body in again)  # the same step, nothing appended
    assert len(again[0]["messages"]) == len(first["messages"]) + 2
    assert [each.attempt for each in heard.retried] == [1, 2]
    assert {each.step for each in heard.retried} == {2}
    assert all(each.reason for each in heard.retried)
    assert heard.durable == [
        *("UserMessage", "AssistantMessage", "ToolCallStarted", "ToolCallFinished"),
        *("AssistantMessage", "TurnFinished"),
    ]


@pytest.mark.parametrize(("fault", "error"), ENDS.items())
async def test_a_fault_that_stays_ends_in_a_named_error_and_the_session_goes_on(
    mock: MockServer, heard: Listener, fault: Any, error: type[ServerError], *, streamed: bool
) -> None:
    mock.script(Step("Got it.", "It is 20 degrees in Paris.", fault=fault))
    async with session(mock) as chat:
        with pytest.raises(error):
            await ask(chat, heard, streamed=streamed)
        assert len(mock.bodies()) == RETRIES + 1
        assert len(heard.retried) == RETRIES
        assert heard.durable == ["UserMessage", "TurnFinished"]
        assert len(chat.transcript) == 1

        mock.script(Step("Got it.", "It is 20 degrees in Paris."))
        answer = await chat.go_on()
        assert answer.text == "It is 20 degrees in Paris."


@pytest.mark.parametrize("fault", ["hang_early", "hang_midway"])
async def test_silence_ends_in_a_time_out_and_the_session_goes_on(
    mock: MockServer, heard: Listener, fault: Any, *, streamed: bool
) -> None:
    mock.script(Step("Got it.", "It is 20 degrees.", fault=fault))
    hasty = Timeouts(first_token=1.0, between_tokens=1.0, step=1.0)
    async with session(mock, timeouts=hasty, retries=Retries(attempts=1, first_wait=0)) as chat:
        with anyio.fail_after(20), pytest.raises(ServerTimeout):
            await ask(chat, heard, streamed=streamed)
        mock.script(Step(content="It is 20 degrees."))
        assert (await chat.go_on()).text == "It is 20 degrees."


@pytest.mark.parametrize("fault", ["name_with_channel", "name_with_namespace"])
async def test_a_leaked_name_runs_its_tool(
    mock: MockServer, heard: Listener, fault: Any, *, streamed: bool
) -> None:
    mock.script(Step(tool_calls=(WEATHER,), fault=fault), Step(content="It is 20 degrees."))
    async with session(mock) as chat:
        answer = await ask(chat, heard, streamed=streamed)

    (call,) = answer.tool_calls
    assert call.result is not None
    assert call.name == "get_weather"
    assert (call.result.outcome, call.result.content) == ("ok", "20 degrees in Paris")
    assert [each.what for each in heard.events if isinstance(each, Repaired)] == ["name"]


async def test_calls_with_one_id_get_a_result_each(
    mock: MockServer, heard: Listener, *, streamed: bool
) -> None:
    calls = (WEATHER, Call("get_weather", '{"city":"Rome"}'))
    mock.script(Step(tool_calls=calls, fault="duplicate_ids"), Step(content="Done."))
    async with session(mock) as chat:
        answer = await ask(chat, heard, streamed=streamed)
        results = [each for each in chat.transcript if isinstance(each, ToolMessage)]

    assert answer.text == "Done."
    assert [each.content for each in results] == ["20 degrees in Paris", "20 degrees in Rome"]
    assert len({each.call_id for each in results}) == 2


@pytest.mark.parametrize("fields", ["reasoning", "reasoning_content", "both"])
async def test_reasoning_goes_back_whatever_the_server_calls_it(
    mock: MockServer, heard: Listener, fields: Any, *, streamed: bool
) -> None:
    call = Step("Need the weather.", tool_calls=(WEATHER,), reasoning_fields=fields)
    mock.script(call, Step("Got it.", "Done."))
    async with session(mock) as chat:
        await ask(chat, heard, streamed=streamed)
    said = mock.bodies()[1]["messages"][1]

    assert said["reasoning"] == said["reasoning_content"] == "Need the weather."
