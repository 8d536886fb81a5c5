"""Does the mock write what the real vLLM wrote? Against replies recorded from 0.32.0.

Whole replies are compared byte for byte, but for what differs between any two replies (ids, times,
counts of tokens); of streams the kinds of chunks and their order, since a mock has no tokenizer.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.rig import mock_bytes
from tests.rig.mock import Call, MockServer, Step
from tests.rig.mock_app import MODEL
from tests.unit.test_mock import ask, get, post

SHAPES = Path(__file__).parents[1] / "rig/shapes/0.32.0"
WHOLE = ["call", "final", "preamble", "invalid-json", "analysis-only", "undeclared-tool", "length"]
STREAMED = [
    "call-stream",
    "call-stream-usage",
    "final-stream",
    "final-stream-usage",
    "preamble-stream",
    "invalid-json-stream",
    "analysis-only-stream",
    "undeclared-tool-stream",
]

_VARIES = [
    (rb'"(id":"(?:chatcmpl|chatcmpl-tool|modelperm)-)[0-9a-f]{16}"', rb'"\1ID"'),
    (rb'"created":\d{10}\b', b'"created":TIME'),
    (rb'_tokens":\d+', b'_tokens":COUNT'),
    (rb'(_fingerprint":"vllm-0\.32\.0)-[0-9a-f]{8}"', rb'\1-CONFIGURATION"'),
    (rb'"max_model_len":\d+', b'"max_model_len":COUNT'),
    (rb'"root":"[^"]*"', b'"root":"PATH"'),
]
_TEXT = re.compile(rb'"(reasoning|content|arguments)":"(?:[^"\\]|\\.)+"')


def recorded(name: str) -> bytes:
    return (SHAPES / f"{name}.body").read_bytes()


def stable(reply: bytes) -> bytes:
    for pattern, stand_in in _VARIES:
        reply = re.sub(pattern, stand_in, reply)
    return reply


def kinds(stream: bytes) -> list[bytes]:
    """The kinds of chunks in their order, runs of one kind once."""
    return [kind for kind, _ in groupby(_TEXT.sub(rb'"\1":"TEXT"', stable(stream)).split(b"\n\n"))]


def skeleton(value: Any) -> Any:
    """The keys of an object in their order, and the types of its values."""
    if isinstance(value, dict):
        return [(key, skeleton(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [skeleton(each) for each in value]
    return type(value).__name__


def step_of(reply: bytes) -> Step:
    """The step that the mock is to say, to say what the real server said."""
    choice = json.loads(reply)["choices"][0]
    message = choice["message"]
    calls = tuple(
        Call(call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    )
    return Step(message["reasoning"], message["content"], calls, choice["finish_reason"])


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_reply_is_the_recorded_one(mock: MockServer, name: str) -> None:
    mock.script(step_of(recorded(name)))
    assert stable(ask(mock).body) == stable(recorded(name))


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_has_the_recorded_chunks(mock: MockServer, name: str) -> None:
    real = recorded(name)
    usage: dict[str, Any] = (
        {"stream_options": {"include_usage": True}} if b'"usage"' in real else {}
    )
    mock.script(step_of(recorded(name.partition("-stream")[0])))
    assert kinds(ask(mock, stream=True, **usage).body) == kinds(real)


def test_token_ids_bring_empty_deltas_in_the_recorded_places(mock: MockServer) -> None:
    real = re.sub(rb'token_ids":\[[\d,]*\]', b'token_ids":null', recorded("call-stream-usage-ids"))
    mock.script(step_of(recorded("call")))
    more: dict[str, Any] = {"stream_options": {"include_usage": True}, "return_token_ids": True}
    assert kinds(ask(mock, stream=True, **more).body) == kinds(real)


def test_an_unknown_model_is_the_recorded_error(mock: MockServer) -> None:
    assert ask(mock, model="gpt-4").body == recorded("unknown-model")


def test_health_and_version_are_the_recorded_pages(mock: MockServer) -> None:
    assert get(mock, "/health") == (200, recorded("health").decode())
    assert get(mock, "/version") == (200, recorded("version").decode())


def test_models_are_listed_as_recorded(mock: MockServer) -> None:
    listed = get(mock, "/v1/models")[1].encode()
    assert MODEL.encode() in listed
    assert stable(listed) == stable(recorded("models"))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("no-messages", {"model": MODEL}),
        ("bad-effort", {"model": MODEL, "messages": [], "reasoning_effort": "extreme"}),
    ],
)
def test_an_invalid_request_is_an_error_of_the_recorded_kind(
    mock: MockServer, name: str, body: dict[str, Any]
) -> None:
    reply, real = post(mock, json.dumps(body).encode()), json.loads(recorded(name))["error"]
    assert reply.status == real["code"] == 400
    assert skeleton(reply.error) == skeleton(real)
    assert reply.error["type"] == real["type"]


def test_an_error_in_mid_stream_is_written_as_recorded() -> None:
    """0.32 mends the header that makes 0.28 fail, so the recording is of 0.28."""
    real = (SHAPES.parent / "0.28.0/malformed-header-stream.body").read_bytes()
    message = "Unexpected token 200005 while expecting start token 200006"
    assert real.endswith(mock_bytes.sse_error(message))
