"""Do the chunks of a stream add up, and is what does not add up an error?"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from toolrun import AssistantMessage, MalformedOutput, ServerStatus, ToolCall
from toolrun.models import chat_stream
from toolrun.models.chat_reply import read_reply
from toolrun.models.chat_stream import StreamReader
from toolrun.models.faults import MAX_CALL, MAX_CALLS

SHAPES = Path(__file__).resolve().parents[2] / "rig" / "shapes"


def streamed(*choices: dict[str, Any]) -> AssistantMessage:
    reader = StreamReader(None)
    reader.feed([json.dumps({"choices": [choice]}).encode() for choice in choices])
    return reader.message()


def pieces(*calls: dict[str, Any], finish: str | None = "tool_calls") -> AssistantMessage:
    deltas: list[dict[str, Any]] = [{"delta": {"tool_calls": [call]}} for call in calls]
    return streamed(*deltas, {"delta": {}, "finish_reason": finish})


def piece(
    index: int | None, call_id: str | None, name: str | None, arguments: str = ""
) -> dict[str, Any]:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize("index", [0, None])
def test_calls_under_one_index_are_told_apart_by_their_ids(index: int | None) -> None:
    message = pieces(
        piece(index, "a", "f", '{"x":1}'),
        piece(index, "b", "f", '{"x"'),
        piece(index, None, None, ":2}"),
        piece(index, "c", "g"),
    )

    assert message.tool_calls == (
        ToolCall("a", "f", '{"x":1}'),
        ToolCall("b", "f", '{"x":2}'),
        ToolCall("c", "g", ""),
    )


def test_a_new_id_for_each_piece_is_one_call() -> None:
    message = pieces(piece(0, "a", "f"), piece(0, "b", None, '{"x"'), piece(0, "c", None, ":1}"))

    assert message.tool_calls == (ToolCall("a", "f", '{"x":1}'),)


@pytest.mark.parametrize(
    "calls",
    [
        [piece(0, None, None, '{"x":1}')],  # arguments of a call that nothing names
        [piece(0, "a", "f", "{}"), piece(1, None, None, "{}")],
        [piece(0, "a", "", "{}")],
        [piece(0, None, "f", "{}"), piece(0, None, "g", "{}")],  # two calls, one index, no ids
        [piece(0, None, "f", '{"x"'), piece(0, None, "f", ":1}")],
    ],
)
def test_calls_that_do_not_add_up_are_garbled(calls: list[dict[str, Any]]) -> None:
    with pytest.raises(MalformedOutput) as caught:
        pieces(*calls)
    assert caught.value.code == "garbled-call"
    assert pieces(*calls, finish="length").finish_reason == "length"  # it is limited, not wrong


def test_a_stream_without_a_finish_reason_is_broken() -> None:
    with pytest.raises(MalformedOutput) as caught:
        streamed({"delta": {"content": "It is"}})
    assert caught.value.code == "broken-stream"


@pytest.mark.parametrize("count", [MAX_CALLS + 1, pytest.param(100_000, marks=pytest.mark.load)])
def test_too_many_calls_are_refused_while_they_come(count: int) -> None:
    chunk = {"choices": [{"delta": {"tool_calls": [piece(at, "a", "f") for at in range(count)]}}]}
    with pytest.raises(MalformedOutput) as caught:
        StreamReader(None).feed([json.dumps(chunk).encode()])
    assert caught.value.code == "too-many-calls"
    whole = {"choices": [{"message": chunk["choices"][0]["delta"], "finish_reason": "tool_calls"}]}
    with pytest.raises(MalformedOutput) as caught:
        read_reply(json.dumps(whole).encode())
    assert caught.value.code == "too-many-calls"


def test_a_call_that_is_too_long_is_refused_while_it_comes() -> None:
    with pytest.raises(MalformedOutput) as caught:
        pieces(piece(0, "a", "f"), *[piece(0, None, None, "x" * (MAX_CALL // 4))] * 5)
    assert caught.value.code == "call-too-long"


def test_a_text_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_stream, "MAX_TEXT", 1000)
    with pytest.raises(MalformedOutput, match="more than 1000 characters"):
        streamed(*[{"delta": {"content": "x" * 400, "reasoning": "y" * 101}}] * 2)


def test_the_token_ids_of_a_long_stream_take_no_time() -> None:
    chunk = json.dumps({"choices": [{"delta": {}, "token_ids": [1] * 8}]}).encode()
    reader = StreamReader(None)
    began = time.process_time()
    for _ in range(20_000):
        reader.feed([chunk])
    reader.feed([b'{"choices":[{"delta":{},"finish_reason":"stop"}]}'])

    assert len(reader.message().token_ids or ()) == 160_000
    assert time.process_time() - began < 5  # a list that is copied for each chunk takes minutes


@pytest.mark.parametrize("version", ["0.28.0", "0.32.0"])
def test_a_real_call_without_a_tool_parser_names_the_flags(version: str) -> None:
    events = (SHAPES / version / "no-parsers-stream.body").read_bytes().split(b"\n\n")
    reader = StreamReader(None)
    reader.feed([event[6:] for event in events if event.startswith(b"data: {")])
    for read in (
        reader.message,
        lambda: read_reply((SHAPES / version / "no-parsers.body").read_bytes()),
    ):
        with pytest.raises(MalformedOutput, match="--tool-call-parser openai") as caught:
            read()
        assert caught.value.code == "no-tool-parser"


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"a\ude00\ud83db", "a\ufffd\ufffdb"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),  # the first is a backslash and five letters
        (rb"\u0000", "\0"),
    ],
)
def test_half_a_surrogate_pair_becomes_a_replacement_character(escaped: bytes, text: str) -> None:
    chunk = b'{"choices":[{"delta":{"content":"%s"},"finish_reason":"stop"}]}' % escaped
    reader = StreamReader(None)
    reader.feed([chunk])

    assert reader.message().content == text
    assert read_reply(chunk.replace(b"delta", b"message")).content == text


@pytest.mark.parametrize(
    "payload",
    [
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"error":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"choices":[{"delta":{"content":"\x00"}}]}',
        b'{"choices":[{"delta":{"content":"\xff\xfe"}}]}',
        b'{"choices":[{"delta":{"content":5}}]}',
        b'{"choices":[{"delta":{"content":"\\ud83"}}]}',
        b'{"choices":[{"delta":{"tool_calls":[{"index":1.5}]}}]}',
        b'{"usage":{"prompt_tokens":1e400}}',
        b"null",
    ],
)
def test_what_is_no_chunk_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedOutput):
        StreamReader(None).feed([payload])
    with pytest.raises(MalformedOutput):
        read_reply(payload)


@pytest.mark.parametrize(
    ("message", "code", "status", "word"),
    [
        ('unexpected tokens remaining in message header: ["x"]', 500, 500, "malformed-header"),
        ("Unknown role: assistantassistant", 400, 400, "malformed-header"),
        ("out of memory", 503, 503, "http-503"),
        ("out of memory", "busy", 500, "http-500"),
        ("out of memory", 10**40, 500, "http-500"),
        (None, True, 500, "http-500"),
    ],
)
def test_an_error_after_http_200_says_what_kind_it_is(
    message: str | None, code: object, status: int, word: str
) -> None:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    for read in (lambda: StreamReader(None).feed([body]), lambda: read_reply(body)):
        with pytest.raises(ServerStatus, match=re.escape(str(message))) as caught:
            read()
        assert (caught.value.status, caught.value.code) == (status, word)
