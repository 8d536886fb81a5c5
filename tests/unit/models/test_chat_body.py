"""Is a body what a fresh encoding would give, and is each message encoded once?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from toolrun import AssistantMessage, Request, Sampling, ToolCall, ToolMessage
from toolrun.events import UserMessage
from toolrun.models import chat_body
from toolrun.models.chat_body import encode_body
from toolrun.models.dialects import GENERIC, Dialect, vllm
from toolrun.models.sent import added_messages
from toolrun.transcript import Message, message_to_openai, reasoning_kept_from

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
VLLM = vllm("0.32.0")
OLD_TURN: list[Message] = [
    UserMessage("Hello, Zoë"),
    AssistantMessage(content="Hi.", reasoning="A greeting."),
]
MESSAGES: list[Message] = [
    *OLD_TURN,
    UserMessage('What is "x"?'),
    AssistantMessage(
        content="I look.",
        reasoning="Look it up.",
        tool_calls=(ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "f", '{"broken":')),
    ),
    ToolMessage("a", "f", "1"),
    ToolMessage("b", "f", "not JSON"),
]


def asked(messages: list[Message], **more: Any) -> Request:
    kept = reasoning_kept_from(messages)
    return Request(model="m", messages=messages, reasoning_from=kept, **more)


def fresh(request: Request, dialect: Dialect) -> list[dict[str, Any]]:
    """The messages as a plain loop would write them."""
    said = [message_to_openai(message) for message in request.messages]
    for index, message in enumerate(said):
        reasoning = message.pop("reasoning", None)
        if reasoning and index >= request.reasoning_from:
            message.update(dict.fromkeys(dialect.reasoning_out, reasoning))
    return said


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("dialect", [VLLM, GENERIC], ids=["vllm", "generic"])
@pytest.mark.parametrize("count", range(1, len(MESSAGES) + 1))
def test_a_body_is_what_a_fresh_encoding_gives(dialect: Dialect, count: int) -> None:
    request = asked(
        MESSAGES[:count],
        instructions="Be kind.",
        tools=[TOOL],
        tool_choice="auto",
        effort="low",
        sampling=Sampling(temperature=0.5, seed=7),
        extra={"return_token_ids": True},
        stream=True,
    )
    whole = {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [TOOL],
        "tool_choice": "auto",
        "reasoning_effort": "low",
        "temperature": 0.5,
        "seed": 7,
        "return_token_ids": True,
        "messages": [{"role": "system", "content": "Be kind."}, *fresh(request, dialect)],
    }

    assert encode_body(request, dialect) == compact(whole)


def test_the_least_body() -> None:
    body = encode_body(asked([UserMessage("x")]), GENERIC)

    assert body == b'{"model":"m","messages":[{"role":"user","content":"x"}]}'


def test_a_choice_without_tools_is_not_sent() -> None:
    assert "tool_choice" not in json.loads(encode_body(asked(MESSAGES, tool_choice="auto"), VLLM))


def sent(dialect: Dialect, reasoning_from: int) -> list[dict[str, Any]]:
    request = structs.replace(asked(MESSAGES), reasoning_from=reasoning_from)
    messages: list[dict[str, Any]] = json.loads(encode_body(request, dialect))["messages"]
    return messages


def test_vllm_gets_the_reasoning_under_both_names_and_others_under_one() -> None:
    both, one = sent(VLLM, 2)[3], sent(GENERIC, 2)[3]

    assert both["reasoning"] == both["reasoning_content"] == "Look it up."
    assert one["reasoning"] == "Look it up."
    assert "reasoning_content" not in one


def test_reasoning_before_the_last_user_message_stays_here() -> None:
    for dialect in (VLLM, GENERIC):
        assert not {"reasoning", "reasoning_content"} & set(sent(dialect, 2)[1])
        assert sent(dialect, 0)[1]["reasoning"] == "A greeting."


def test_the_name_of_a_result_is_left_out_where_it_may_not_be() -> None:
    strict = Dialect(name="strict", tool_name=False)

    assert sent(VLLM, 2)[4]["name"] == "f"
    assert "name" not in sent(strict, 2)[4]


def test_only_new_messages_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Message] = []
    plain = chat_body._message

    def counted(message: Message, dialect: Dialect) -> tuple[bytes, bytes]:
        encoded.append(message)
        return plain(message, dialect)

    monkeypatch.setattr(chat_body, "_message", counted)
    messages = MESSAGES[:3]
    request = asked(messages)
    encode_body(request, VLLM)
    assert encoded == MESSAGES[:3]
    messages += MESSAGES[3:]
    body = encode_body(request, VLLM)
    assert encoded == MESSAGES
    assert encode_body(request, VLLM) == body
    assert encoded == MESSAGES


def test_the_two_forms_of_a_message_are_kept_apart_as_the_turn_changes() -> None:
    messages = list(OLD_TURN[:1])
    request = asked(messages)
    encode_body(request, VLLM)
    messages += MESSAGES[1:]
    inside = structs.replace(request, reasoning_from=0)
    after = structs.replace(request, reasoning_from=2)

    assert json.loads(encode_body(inside, VLLM))["messages"] == fresh(inside, VLLM)
    assert json.loads(encode_body(after, VLLM))["messages"] == fresh(after, VLLM)


def test_a_history_that_was_changed_is_encoded_anew() -> None:
    request = asked(MESSAGES)
    encode_body(request, VLLM)
    other = [UserMessage("Other."), AssistantMessage(content="Words.", reasoning="r")]
    longer = [*OLD_TURN, UserMessage("1"), UserMessage("2"), UserMessage("3"), UserMessage("4")]
    for messages in (other, longer):
        changed = structs.replace(request, messages=messages)
        assert json.loads(encode_body(changed, VLLM))["messages"] == fresh(changed, VLLM)


def test_a_change_of_dialect_encodes_anew() -> None:
    request = asked(MESSAGES)
    encode_body(request, VLLM)

    assert json.loads(encode_body(request, GENERIC))["messages"] == fresh(request, GENERIC)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"instructions": "Be brief."},
        {"tools": [TOOL]},
        {"effort": "high"},
        {"sampling": Sampling(stop=("x",))},
        {"extra": {"user": "me"}},
        {"stream": True},
    ],
)
def test_the_head_follows_the_settings(change: dict[str, Any]) -> None:
    request = asked(MESSAGES)
    before = json.loads(encode_body(request, VLLM))
    changed = structs.replace(request, **change)
    after = json.loads(encode_body(changed, VLLM))

    assert after != before
    assert encode_body(changed, VLLM) == encode_body(structs.replace(changed, cache={}), VLLM)


def test_each_message_is_added_once() -> None:
    messages = MESSAGES[:3]
    request = asked(messages)
    encode_body(request, VLLM)
    assert added_messages(request) == [message_to_openai(each) for each in MESSAGES[:3]]
    messages += MESSAGES[3:]
    encode_body(request, VLLM)
    assert added_messages(request) == [message_to_openai(each) for each in MESSAGES[3:]]
    assert added_messages(request) == []


FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}


def test_a_nudge_ends_one_body_and_is_no_part_of_the_next() -> None:
    plain = asked(MESSAGES)
    nudged = structs.replace(plain, nudge='Go on, "please".')
    before = encode_body(plain, VLLM)
    body = json.loads(encode_body(nudged, VLLM))

    assert body["messages"][-1] == {"role": "user", "content": 'Go on, "please".'}
    assert body["messages"][:-1] == json.loads(before)["messages"]
    assert len(added_messages(nudged)) == len(MESSAGES)
    assert encode_body(plain, VLLM) == before


def test_a_response_format_takes_the_place_of_the_tools() -> None:
    plain = asked(MESSAGES, tools=[TOOL], tool_choice="auto", extra={"response_format": {}})
    formed = structs.replace(plain, response_format=FORMAT)
    before = encode_body(plain, VLLM)
    body = json.loads(encode_body(formed, VLLM))

    assert body["response_format"] == FORMAT
    assert body.keys() & {"tools", "tool_choice"} == set()
    assert body["messages"] == json.loads(before)["messages"]
    assert encode_body(plain, VLLM) == before  # the head is the old one again
    other = structs.replace(formed, response_format={"type": "json_object"})
    assert json.loads(encode_body(other, VLLM))["response_format"] == {"type": "json_object"}
