"""Is a reply read alike, streamed and not, and is what is no reply told apart?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.rig.versions import RELEASES
from toolrun import (
    AssistantMessage,
    ContextTooLong,
    Event,
    MalformedOutput,
    ReasoningDelta,
    ServerStatus,
    TextDelta,
    ToolCall,
    Usage,
)
from toolrun.models.chat_reply import read_reply
from toolrun.models.chat_stream import StreamReader
from toolrun.models.sse import DONE, EventSplitter

SHAPES = Path(__file__).resolve().parents[2] / "rig" / "shapes"
VERSIONS = sorted(RELEASES)


def read_stream(stream: bytes, observe: list[Event] | None = None) -> AssistantMessage:
    splitter = EventSplitter()
    reader = StreamReader(None if observe is None else observe.append)
    reader.feed([each for each in splitter.feed(stream) + splitter.end() if each != DONE])
    return reader.message()


def shape(version: str, name: str) -> bytes:
    return (SHAPES / version / f"{name}.body").read_bytes()


def said(message: AssistantMessage) -> AssistantMessage:
    """What two replies to one request must agree upon: ids are new in each, spaces may differ."""
    calls = tuple(
        ToolCall(str(number), call.name, _spaceless(call.arguments))
        for number, call in enumerate(message.tool_calls)
    )
    return structs.replace(message, response_id=None, tool_calls=calls)


def _spaceless(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments))
    except ValueError:
        return arguments


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("whole", "stream"),
    [
        ("call", "call-stream-usage"),
        ("call-ids", "call-stream-usage-ids"),
        ("final", "final-stream-usage"),
        ("final-ids", "final-stream-usage-ids"),
        ("invalid-json", "invalid-json-stream"),
        ("undeclared-tool", "undeclared-tool-stream"),
        ("preamble", "preamble-stream"),
    ],
)
def test_real_replies_say_the_same_streamed_and_not(version: str, whole: str, stream: str) -> None:
    one, other = read_reply(shape(version, whole)), read_stream(shape(version, stream))

    assert said(one) == said(other)
    assert one.reasoning
    assert one.content or one.tool_calls
    assert one.usage.completion_tokens > 0
    assert (one.prompt_token_ids is not None) == whole.endswith("-ids")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_real_stream_shows_is_what_its_message_holds(version: str) -> None:
    shown: list[Event] = []
    message = read_stream(shape(version, "preamble-stream"), shown)

    texts = [each.text for each in shown if isinstance(each, TextDelta)]
    thoughts = [each.text for each in shown if isinstance(each, ReasoningDelta)]
    assert len(texts) > 1
    assert "".join(texts) == message.content == "I will look it up."
    assert "".join(thoughts) == message.reasoning


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_answer_that_was_cut_off_says_so(version: str) -> None:
    assert read_reply(shape(version, "length")).finish_reason == "length"
    assert read_stream(shape(version, "length-stream")).finish_reason == "length"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_error_object_is_an_error(version: str) -> None:
    with pytest.raises(ContextTooLong, match="maximum context length") as caught:
        read_reply(shape(version, "too-long"))
    assert (caught.value.tokens, caught.value.length) == (8322, 8192)


def reply(**message: Any) -> bytes:
    choice = {"message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return json.dumps({"id": "r", "choices": [choice]}).encode()


def chunks(*deltas: dict[str, Any], finish: str | None = "stop", **more: Any) -> bytes:
    bodies: list[dict[str, Any]] = [{"choices": [{"delta": delta}]} for delta in deltas]
    bodies.append({"choices": [{"delta": {}, "finish_reason": finish}], **more})
    return b"".join(b"data: " + json.dumps(body).encode() + b"\n\n" for body in bodies)


def call(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "arguments": "{}"}, **fields}


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({"reasoning": "a"}, "a"),
        ({"reasoning_content": "b"}, "b"),
        ({"reasoning": "a", "reasoning_content": "a"}, "a"),
        ({"reasoning": None, "reasoning_content": "b"}, "b"),
        ({"reasoning": ""}, None),
        ({}, None),
    ],
)
def test_reasoning_is_read_from_either_name(message: dict[str, Any], reasoning: str | None) -> None:
    assert read_reply(reply(content="x", **message)).reasoning == reasoning
    assert read_stream(chunks(message, {"content": "x"})).reasoning == reasoning


def test_missing_ids_are_made_and_double_ones_told_apart() -> None:
    calls = [call(), call(id="a"), call(id="a"), call(id="")]
    ids = [each.id for each in read_reply(reply(tool_calls=calls)).tool_calls]
    numbered = [{**each, "index": index} for index, each in enumerate(calls)]
    streamed = read_stream(chunks({"tool_calls": numbered})).tool_calls

    assert ids == ["call-0", "a", "a-2", "call-3"]
    assert [each.id for each in streamed] == ids


def test_ids_that_are_made_never_meet_ids_that_came() -> None:
    calls = [call(id="a"), call(id="a"), call(id="a-1"), call(id="call-4"), call()]
    ids = [each.id for each in read_reply(reply(tool_calls=calls)).tool_calls]

    assert len(set(ids)) == 5
    calls = [call(id="a-2"), call(id="a"), call(id="a")]
    ids = [each.id for each in read_reply(reply(tool_calls=calls)).tool_calls]
    assert ids == ["a-2", "a", "a-2-2"]


def test_pieces_of_two_calls_come_together_by_index() -> None:
    pieces = [
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": '{"y"'}},
        {"index": 0, "function": {"arguments": '{"x":'}},
        {"index": 1, "function": {"arguments": ":2}"}},
        {"index": 0, "function": {"arguments": "1}"}},
    ]
    message = read_stream(chunks(*({"tool_calls": [piece]} for piece in pieces)))

    assert message.tool_calls == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"y":2}'))


def test_token_ids_of_all_chunks_are_joined() -> None:
    bodies = [
        {"prompt_token_ids": [1, 2], "choices": [{"delta": {"content": ""}}]},
        {"choices": [{"delta": {"content": "x"}, "token_ids": [3]}]},
        {"choices": [{"delta": {}, "token_ids": [4], "finish_reason": "stop"}]},
    ]
    message = read_stream(b"".join(b"data: %s\n\n" % json.dumps(b).encode() for b in bodies))

    assert message.prompt_token_ids == (1, 2)
    assert message.token_ids == (3, 4)


def test_usage_with_and_without_its_details() -> None:
    details = {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    nothing: dict[str, Any] = {**dict.fromkeys(details), "prompt_tokens": 9}

    assert read_stream(chunks({"content": "x"}, usage=details)).usage == Usage(9, 4, 8, 3)
    assert read_stream(chunks({"content": "x"}, usage=nothing)).usage == Usage(9)
    assert read_stream(chunks({"content": "x"}, usage=None)).usage == Usage()


ERROR = {"message": "unexpected tokens", "type": "InternalServerError", "code": 500}


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (ERROR, 500, "unexpected tokens"),
        ({**ERROR, "code": 400}, 400, "unexpected tokens"),
        ({**ERROR, "code": "rate_limit"}, 500, "unexpected tokens"),
        ("a bare text", 500, "a bare text"),
    ],
)
def test_an_error_in_a_body_or_in_mid_stream(error: object, status: int, shown: str) -> None:
    body = json.dumps({"error": error}).encode()
    begun = chunks({"content": "x"}, finish=None)
    with pytest.raises(ServerStatus, match=shown) as whole:
        read_reply(body)
    with pytest.raises(ServerStatus, match=shown) as streamed:
        read_stream(begun + b"data: " + body + b"\n\n")
    assert whole.value.status == streamed.value.status == status


def test_a_null_error_is_none() -> None:
    body = json.loads(reply(content="x")) | {"error": None}

    assert read_reply(json.dumps(body).encode()).content == "x"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{}]}', b"\xff\xfe"]
)
def test_what_is_no_reply_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedOutput):
        read_reply(body)


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"<html></html>",
        b"data: {\n\n",
        chunks({"content": "x"}, finish=None),  # it stopped before its end
        b"data: [DONE]\n\n",
    ],
)
def test_what_is_no_stream_is_malformed(stream: bytes) -> None:
    with pytest.raises(MalformedOutput):
        read_stream(stream)
