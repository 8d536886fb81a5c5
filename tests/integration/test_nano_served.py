"""Can any client test its own loop of tools with `toolrun serve --model nano`, offline?

The client is OpenAI's own. Its tools run here; what is looked at is what comes over the wire.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.rig import leaks
from toolrun import ContextTooLong, Session, tool
from toolrun.testing import assert_called

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.testing import NanoServer

pytestmark = pytest.mark.load

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell how warm it is in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "its name"}},
            "required": ["city"],
        },
    },
}
QUESTION: Any = {"role": "user", "content": "How warm is it in Lima?"}


@tool(trusted=True)
def get_weather(city: str) -> str:
    """Tell how warm it is in a city.

    Args:
        city: its name.
    """
    return f"21 degrees in {city}"


@pytest.fixture(scope="session", autouse=True)
def server(nano_server: NanoServer) -> NanoServer:
    """The plugin's, which ends with the tests."""
    leaks.KNOWN.add(nano_server.pid, nano_server.fds)
    return nano_server


@pytest.fixture
def client(server: NanoServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


def answered(calls: Any) -> list[Any]:
    return [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": f"21 degrees in {json.loads(call.function.arguments)['city']}",
        }
        for call in calls
    ]


def test_a_client_lists_the_models(client: openai.OpenAI) -> None:
    assert [each.id for each in client.models.list()] == ["toolrun-nano", "nano"]
    assert client.models.retrieve("nano").id == "nano"


@pytest.mark.parametrize("streamed", [False, True])
def test_the_loop_of_a_client_with_tools_of_its_own(
    client: openai.OpenAI, *, streamed: bool
) -> None:
    messages: list[Any] = [QUESTION]
    reasons: list[str | None] = []
    while len(messages) < 9:
        if streamed:
            with client.chat.completions.stream(
                model="nano", messages=messages, tools=[WEATHER]
            ) as stream:
                reply: Any = stream.get_final_completion()
        else:
            reply = client.chat.completions.create(model="nano", messages=messages, tools=[WEATHER])
        said = reply.choices[0].message
        reasons.append(reply.choices[0].finish_reason)
        assert said.reasoning
        messages.append(said.to_dict())
        if said.tool_calls:
            assert [c.function.name for c in said.tool_calls] == ["get_weather"]
            messages += answered(said.tool_calls)
        elif len(reasons) < 4:
            assert "21 degrees" in said.content
            messages.append({"role": "user", "content": "How warm is it in Oslo?"})
        else:
            break
    assert reasons == ["tool_calls", "stop", "tool_calls", "stop"]
    assert "Oslo" in said.content


def test_a_stream_tells_its_usage_and_joins_the_arguments(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="nano",
        messages=[QUESTION],
        tools=[WEATHER],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [
        call.function.arguments
        for chunk in chunks
        if chunk.choices
        for call in chunk.choices[0].delta.tool_calls or ()
        if call.function
    ]
    assert len(pieces) > 1
    assert json.loads("".join(filter(None, pieces))) == {"city": "Lima"}
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "tool_calls"


def test_the_same_request_says_the_same_and_a_limit_is_told(client: openai.OpenAI) -> None:
    """How sure of itself the model is, and so what heat does, is a matter of its weights."""

    def said(**more: Any) -> Any:
        messages: Any = [{"role": "user", "content": "Hello!"}]
        return client.chat.completions.create(model="nano", messages=messages, **more).choices[0]

    assert said() == said()
    assert said(temperature=0.5, top_p=0.9, seed=1) == said(temperature=0.5, top_p=0.9, seed=1)
    assert said(max_tokens=3).finish_reason == "length"


def test_errors_are_those_of_a_server(client: openai.OpenAI) -> None:
    def refused(kind: type[openai.APIStatusError], **more: Any) -> Any:
        with pytest.raises(kind) as caught:
            client.chat.completions.create(**{"model": "nano", "messages": [QUESTION], **more})
        return caught.value

    assert refused(openai.NotFoundError, model="gpt-4o").code == "model_not_found"
    long = [{"role": "user", "content": "word " * 5000}]
    too_long = refused(openai.BadRequestError, messages=long)
    assert too_long.code == "context_length_exceeded"
    assert "maximum context length is 4096 tokens" in too_long.message
    assert refused(openai.BadRequestError, n=2).param == "n"
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    refused(openai.BadRequestError, messages=[{"role": "user", "content": [image]}])


def test_responses_take_the_items_of_before(client: openai.OpenAI) -> None:
    items: list[Any] = [QUESTION]
    function: Any = {"type": "function", **WEATHER["function"]}
    first = client.responses.create(model="nano", input=items, tools=[function])
    [thought, call] = list[Any](first.output)
    assert (thought.type, call.type) == ("reasoning", "function_call")
    items += [each.to_dict() for each in first.output]
    output = f"21 degrees in {json.loads(call.arguments)['city']}"
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    second: Any = client.responses.create(model="nano", input=items, tools=[function], stream=True)
    events = list(second)
    assert events[-1].type == "response.completed"
    assert "21 degrees" in events[-1].response.output_text


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # the client's own loop
async def test_many_at_once_are_answered_each_as_alone(server: NanoServer) -> None:
    cities = ["Lima", "Oslo", "Rome", "Cairo"]
    async with openai.AsyncOpenAI(base_url=server.url, api_key="any", max_retries=0) as client:

        async def called(city: str) -> Any:
            messages: Any = [{"role": "user", "content": f"How warm is it in {city}?"}]
            reply: Any = await client.chat.completions.create(
                model="nano", messages=messages, tools=[WEATHER]
            )
            [call] = reply.choices[0].message.tool_calls
            return json.loads(call.function.arguments)["city"]

        assert await asyncio.gather(*map(called, cities)) == cities


@pytest.mark.parametrize("via", ["chat", "responses"])
async def test_a_session_reaches_it_as_any_server(server: NanoServer, via: Any) -> None:
    options: Any = {"model": "nano", "base_url": server.url, "via": via, "tools": [get_weather]}
    async with Session(**options) as session:
        answer = await session.ask("How warm is it in Lima?")
        assert_called(answer, "get_weather", {"city": "Lima"})
        assert "21 degrees" in answer.text
        assert answer.steps[0].reasoning
        with pytest.raises(ContextTooLong):
            await session.ask("word " * 5000)
