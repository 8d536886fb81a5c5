"""Does the embedded model answer behind the front as a vLLM does, whole and in pieces?"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from toolrun.errors import ContextTooLong, ModelNotFound
from toolrun.models.chat import PATH
from toolrun.models.chat_reply import read_reply
from toolrun.models.chat_stream import StreamReader
from toolrun.models.sse import DONE, EventSplitter
from toolrun.serve.embedded import Embedded

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell how warm it is in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
ASKED: dict[str, Any] = {
    "model": "nano",
    "messages": [{"role": "user", "content": "How warm is it in Lima?"}],
    "tools": [TOOL],
}


@pytest.fixture(scope="module")
def embedded() -> Embedded:
    return Embedded()


async def test_a_stream_adds_up_to_the_whole_reply(embedded: Embedded) -> None:
    whole = read_reply(await embedded.door.post(PATH, msgspec.json.encode(ASKED)))
    splitter, reader, pieces = EventSplitter(), StreamReader(None), 0

    def on_read(read: bytes) -> bool:
        nonlocal pieces
        payloads = splitter.feed(read)
        pieces += 1
        reader.feed([each for each in payloads if each != DONE])
        return DONE in payloads

    body = msgspec.json.encode(ASKED | {"stream": True})
    assert await embedded.door.stream(PATH, body, on_read)
    streamed = reader.message()
    assert pieces > len(whole.tool_calls) + 3
    [call] = whole.tool_calls
    assert (call.name, call.arguments) == ("get_weather", '{"city": "Lima"}')
    assert [(c.name, c.arguments) for c in streamed.tool_calls] == [(call.name, call.arguments)]
    assert (streamed.reasoning, streamed.content) == (whole.reasoning, whole.content)
    assert streamed.finish_reason == whole.finish_reason == "tool_calls"
    assert whole.reasoning
    assert whole.usage.completion_tokens == streamed.usage.completion_tokens > 0


async def test_errors_are_those_that_a_server_gives(embedded: Embedded) -> None:
    other = msgspec.json.encode(ASKED | {"model": "gpt-4o"})
    with pytest.raises(ModelNotFound) as caught:
        await embedded.door.post(PATH, other)
    assert caught.value.available == ("nano",)
    long = {"role": "user", "content": "word " * 5000}
    with pytest.raises(ContextTooLong) as too_long:
        await embedded.door.post(PATH, msgspec.json.encode(ASKED | {"messages": [long]}))
    assert too_long.value.length == 4096
    assert "maximum context length is 4096 tokens" in str(too_long.value)


async def test_it_lists_its_names_and_its_context(embedded: Embedded) -> None:
    cards = msgspec.json.decode(await embedded.door.get("/models"))["data"]
    assert [card["id"] for card in cards] == ["toolrun-nano", "nano"]
    assert {card["max_model_len"] for card in cards} == {4096}
