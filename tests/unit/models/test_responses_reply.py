"""Is a response that came whole read as the same reply over Chat Completions is?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolrun import AssistantMessage, MalformedOutput, ServerStatus, Usage
from toolrun.models import faults
from toolrun.models.chat_reply import read_reply
from toolrun.models.responses_reply import message_of, read_response, server_tools

SHAPES = Path(__file__).resolve().parents[2] / "rig" / "shapes"
VERSIONS = ("0.28.0", "0.32.0")


def shape(version: str, name: str) -> bytes:
    return (SHAPES / version / f"{name}.body").read_bytes()


def read(body: bytes | dict[str, Any]) -> AssistantMessage:
    response = read_response(body if isinstance(body, bytes) else json.dumps(body).encode())
    return message_of(response, response.output or [])


def plain(message: AssistantMessage) -> tuple[Any, ...]:
    """What a message says, arguments as JSON where they are any: vLLM writes them anew."""

    def value(text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return text

    calls = [(call.name, value(call.arguments)) for call in message.tool_calls]
    return message.content, message.reasoning, calls, message.finish_reason


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "name",
    [
        *("call", "final", "preamble", "invalid-json", "undeclared-tool"),
        *("analysis-only", "leaked-name"),
    ],
)
def test_a_recorded_response_is_the_recorded_chat_completion(version: str, name: str) -> None:
    message = read(shape(version, f"responses-{name}"))

    assert plain(message) == plain(read_reply(shape(version, name)))
    assert message.response_id is not None
    assert message.response_id.startswith("resp_")
    assert message.usage.prompt_tokens > 100
    assert message.usage.completion_tokens > 5
    assert message.usage.reasoning_tokens > 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_response_that_was_cut_off_says_so(version: str) -> None:
    assert read(shape(version, "responses-length")).finish_reason == "length"


def test_a_malformed_header_is_what_it_is_over_chat_completions() -> None:
    """0.32.0 gives what came before it; 0.28.0 an error of status 500, which the door reads."""
    message = read(shape("0.32.0", "responses-malformed-header"))

    assert plain(message) == plain(read_reply(shape("0.32.0", "malformed-header")))
    with pytest.raises(MalformedOutput) as caught:
        faults.check(message)
    assert caught.value.code == "analysis-only"
    with pytest.raises(ServerStatus) as refused:
        read(shape("0.28.0", "responses-malformed-header"))
    assert refused.value.code == "malformed-header"


@pytest.mark.parametrize("version", VERSIONS)
def test_parts_of_one_kind_are_joined_as_vllm_joins_them_over_chat_completions(
    version: str,
) -> None:
    message = read(shape(version, "responses-two-parts"))

    assert (message.reasoning, message.content) == ("One.\nTwo.", "Well.\nDone.")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_search_of_the_servers_is_no_call_of_ours(version: str) -> None:
    response = read_response(shape(version, "responses-browser"))
    called = list(server_tools(response.output or []))

    assert [(event.kind, event.status) for event in called] == [("web_search_call", "completed")]
    assert json.loads(called[0].input)["query"] == "cursor:x"
    assert not message_of(response, response.output or []).tool_calls


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "completed"}, "stop"),
        ({}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, None),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete"}, "length"),
        ({"status": "cancelled"}, "abort"),
    ],
)
def test_why_it_ended_is_said_in_the_words_of_chat_completions(
    fields: dict[str, Any], reason: str | None
) -> None:
    answer = {"type": "message", "content": [{"type": "output_text", "text": "Hi."}]}

    assert read({"output": [answer], **fields}).finish_reason == (reason or "content_filter")


def test_no_output_is_not_taken_for_too_long_an_output() -> None:
    """VLLM says `max_output_tokens` of every reply without an item; its counts say otherwise."""
    empty = {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [],
        "max_output_tokens": 100,
    }

    assert read(empty | {"usage": {"output_tokens": 3}}).finish_reason == "stop"
    assert read(empty | {"usage": {"output_tokens": 100}}).finish_reason == "length"


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_is_still_to_come_is_an_error(status: str) -> None:
    with pytest.raises(MalformedOutput, match="background"):
        read({"status": status, "output": []})


@pytest.mark.parametrize("body", [b"{}", b"[]", b"Not Found", b'{"output": 1}', b'{"choices": []}'])
def test_what_is_no_response_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedOutput):
        read(body)


def test_an_error_under_status_200_is_an_error() -> None:
    with pytest.raises(ServerStatus, match="no such thing"):
        read({"error": {"message": "no such thing", "code": 404}})


def test_usage_is_0_where_a_server_says_nothing() -> None:
    assert read({"output": []}).usage == Usage()
    counted = {"input_tokens": 5, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}
    assert read({"output": [], "usage": counted}).usage == Usage(5, 2, 4)


def test_half_an_emoji_is_replaced() -> None:
    body = rb'{"output":[{"type":"message","content":[{"text":"\ud83d?"}]}]}'

    assert read(body).content == "�?"


def test_a_refusal_is_what_was_said() -> None:
    refused = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}

    assert read({"output": [refused]}).content == "No."


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, None), ("Hi.", "Hi."), ([], None), ([{"type": "output_text", "text": "Hi."}], "Hi.")],
)
def test_what_an_item_says_may_be_a_text_parts_or_nothing(content: Any, said: str | None) -> None:
    assert read({"output": [{"type": "message", "content": content}]}).content == said
    assert read({"output": [{"type": "reasoning", "content": content}]}).reasoning == said
