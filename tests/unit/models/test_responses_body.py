"""Is a Responses body what a fresh encoding would give, and is each message encoded once?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from toolrun import AssistantMessage, ConfigError, Request, Sampling, ToolCall, ToolMessage
from toolrun.events import UserMessage
from toolrun.models import responses_body
from toolrun.models.dialects import GENERIC, Dialect, vllm
from toolrun.models.responses_body import encode_body, encode_stored, pinned
from toolrun.models.ways import encoder
from toolrun.transcript import Message, reasoning_kept_from

FUNCTION = {"name": "f", "description": "Do f.", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}
VLLM = vllm("0.32.0")
OLD_VLLM = vllm("0.15.0")
OLD_TURN: list[Message] = [
    UserMessage("Hello, Zoë"),
    AssistantMessage(content="Hi.", reasoning="A greeting."),
]
CALLS = AssistantMessage(
    reasoning="Look it up.",
    tool_calls=(ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "f", '{"broken":')),
)
RESULTS: list[Message] = [ToolMessage("a", "f", "1"), ToolMessage("b", "f", "not JSON")]
MESSAGES: list[Message] = [*OLD_TURN, UserMessage('What is "x"?'), CALLS, *RESULTS]
PREAMBLE: list[Message] = [
    *OLD_TURN,
    UserMessage('What is "x"?'),
    structs.replace(CALLS, content="I look."),
    *RESULTS,
]


def asked(messages: list[Message], **more: Any) -> Request:
    kept = reasoning_kept_from(messages)
    return Request(model="m", messages=messages, reasoning_from=kept, **more)


def sent(request: Request, dialect: Dialect = VLLM) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(encode_body(request, dialect))
    return body


def said(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": text}


def thought(number: int, text: str) -> dict[str, Any]:
    content = [{"type": "reasoning_text", "text": text}]
    return {"type": "reasoning", "id": f"rs_{number}", "summary": [], "content": content}


CALLED = [
    {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x": 1}'},
    {"type": "function_call", "call_id": "b", "name": "f", "arguments": '{"broken":'},
]
GAVE = [
    {"type": "function_call_output", "call_id": "a", "output": "1"},
    {"type": "function_call_output", "call_id": "b", "output": "not JSON"},
]
ITEMS = [
    said("user", "Hello, Zoë"),
    said("assistant", "Hi."),
    said("user", 'What is "x"?'),
    thought(3, "Look it up."),
    *CALLED,
    *GAVE,
]


def test_a_transcript_is_input_items_with_the_reasoning_of_this_turn_alone() -> None:
    assert sent(asked(MESSAGES)) == {"model": "m", "store": False, "input": ITEMS}


def test_in_its_own_turn_an_answer_has_its_reasoning_before_it() -> None:
    request = structs.replace(asked(OLD_TURN), nudge="Go on.")

    assert sent(request)["input"] == [
        said("user", "Hello, Zoë"),
        thought(1, "A greeting."),
        said("assistant", "Hi."),
        said("user", "Go on."),
    ]


def test_a_message_that_says_nothing_is_no_item() -> None:
    messages = [*OLD_TURN, AssistantMessage(content=None), UserMessage("So?")]

    assert sent(asked(messages))["input"] == [*ITEMS[:2], said("user", "So?")]


def harmony(role: str, text: str, **more: str) -> dict[str, Any]:
    return {"author": {"role": role}, "content": text, **more}


def test_a_preamble_goes_to_a_vllm_on_its_own_channel() -> None:
    """As an item it would be a final answer, before which vLLM drops the reasoning."""
    body = sent(asked(PREAMBLE, nudge="Go on."))
    to = {"channel": "commentary", "recipient": "functions.f", "content_type": "json"}
    result = {
        "author": {"role": "tool", "name": "functions.f"},
        "channel": "commentary",
        "recipient": "assistant",
    }

    assert body["previous_input_messages"] == [
        harmony("user", "Hello, Zoë"),
        harmony("assistant", "Hi.", channel="final"),
        harmony("user", 'What is "x"?'),
        harmony("assistant", "Look it up.", channel="analysis"),
        harmony("assistant", "I look.", channel="commentary"),
        harmony("assistant", '{"x": 1}', **to),
        harmony("assistant", '{"broken":', **to),
        {**result, "content": "1"},
        {**result, "content": "not JSON"},
    ]
    assert body["input"] == [said("user", "Go on.")]
    assert sent(asked(PREAMBLE))["input"] == ""


def test_a_message_that_is_only_calls_or_thoughts_is_just_that_on_its_channels() -> None:
    bare = AssistantMessage(tool_calls=(ToolCall("c", "f", "{}"),))
    thought_only = AssistantMessage(reasoning="Hm.")
    messages = [*PREAMBLE, bare, ToolMessage("c", "f", "2"), thought_only]

    said = sent(asked(messages, nudge="Go on."))["previous_input_messages"]

    assert [each.get("channel") for each in said[-3:]] == ["commentary", "commentary", "analysis"]
    assert said[-3]["recipient"] == "functions.f"
    assert said[-1]["content"] == "Hm."


@pytest.mark.parametrize("choice", ["required", {"type": "web_search_preview"}])
def test_a_choice_that_is_no_function_goes_out_as_it_is(choice: Any) -> None:
    assert sent(asked(MESSAGES[:1], tools=[TOOL], tool_choice=choice))["tool_choice"] == choice


def test_to_an_older_vllm_a_preamble_goes_before_the_reasoning_that_it_would_wipe() -> None:
    assert sent(asked(PREAMBLE), OLD_VLLM)["input"][3:5] == [
        said("assistant", "I look."),
        thought(3, "Look it up."),
    ]


def test_to_others_a_preamble_goes_where_it_was_said() -> None:
    assert sent(asked(PREAMBLE), GENERIC)["input"][3:5] == [
        thought(3, "Look it up."),
        said("assistant", "I look."),
    ]


@pytest.mark.parametrize("messages", [MESSAGES, PREAMBLE], ids=["items", "harmony"])
@pytest.mark.parametrize("dialect", [VLLM, OLD_VLLM, GENERIC], ids=["vllm", "old", "generic"])
def test_a_growing_transcript_is_encoded_as_it_would_be_anew(
    dialect: Dialect, messages: list[Message]
) -> None:
    cache: dict[str, Any] = {}
    for count in range(1, len(messages) + 1):
        request = asked(messages[:count])

        grown = encode_body(structs.replace(request, cache=cache), dialect)

        assert grown == encode_body(request, dialect)
        assert grown == encoder("responses")(structs.replace(request, cache={}), dialect)


def test_each_message_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    plain = responses_body._items

    def noted(index: int, message: Message, dialect: Dialect) -> Any:
        encoded.append(index)
        return plain(index, message, dialect)

    monkeypatch.setattr(responses_body, "_items", noted)
    cache: dict[str, Any] = {}
    for count in range(1, len(MESSAGES) + 1):
        encode_body(structs.replace(asked(MESSAGES[:count]), cache=cache), VLLM)

    assert encoded == list(range(len(MESSAGES)))


def test_each_dialect_has_its_own_encoding() -> None:
    """A session of a fleet of mixed servers fails over from one to the other and back."""
    request = asked(PREAMBLE)
    wanted = [encode_body(asked(PREAMBLE), dialect) for dialect in (VLLM, GENERIC, VLLM)]

    assert [encode_body(request, dialect) for dialect in (VLLM, GENERIC, VLLM)] == wanted


def test_a_history_that_was_changed_is_encoded_anew() -> None:
    request = asked(MESSAGES)
    encode_body(request, VLLM)
    undone = structs.replace(request, messages=MESSAGES[:3])
    changed = structs.replace(request, messages=[*MESSAGES[:-1], ToolMessage("b", "f", "other")])

    assert sent(undone)["input"] == ITEMS[:3]
    assert sent(changed)["input"][-1]["output"] == "other"


def test_settings_have_their_names_in_responses() -> None:
    body = sent(
        asked(
            MESSAGES[:1],
            instructions="Be brief.",
            tools=[TOOL],
            tool_choice={"type": "function", "function": {"name": "f"}},
            effort="high",
            sampling=Sampling(temperature=0.5, top_p=0.9, max_tokens=7, seed=3, stop=("x",)),
            extra={"store": True, "user": "zoe", "tools": [{"type": "web_search_preview"}]},
            stream=True,
        )
    )

    assert body == {
        "model": "m",
        "stream": True,
        "instructions": "Be brief.",
        "reasoning": {"effort": "high"},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 7,
        "seed": 3,
        "stop": ["x"],
        "user": "zoe",
        "tools": [
            {"type": "function", "strict": False, **FUNCTION},
            {"type": "web_search_preview"},
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "store": False,
        "input": ITEMS[:1],
    }


@pytest.mark.parametrize("sampling", [Sampling(seed=1), Sampling(stop=("x",))])
def test_what_responses_have_no_field_for_is_a_named_error(sampling: Sampling) -> None:
    with pytest.raises(ConfigError, match=r'sampling\.(seed|stop).*via="chat"'):
        encode_body(asked(MESSAGES, sampling=sampling), GENERIC)


def test_an_answer_in_json_has_its_format_and_no_tools() -> None:
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True}
    form = {"type": "json_schema", "json_schema": schema}

    body = sent(asked(MESSAGES, tools=[TOOL], response_format=form))

    assert body["text"] == {"format": {"type": "json_schema", **schema}}
    assert "tools" not in body


def test_token_ids_that_there_are_not_are_asked_for_as_messages() -> None:
    body = sent(asked(MESSAGES, extra={"return_token_ids": True}))

    assert body["enable_response_messages"] is True
    assert "return_token_ids" not in body


def test_after_a_stored_response_only_what_is_new_is_said() -> None:
    request = asked(MESSAGES)

    first = json.loads(encode_stored(request, VLLM, None, 0))
    later = json.loads(encode_stored(request, VLLM, "resp_1", 4))

    assert first == {"model": "m", "store": True, "input": ITEMS}
    assert later == {
        "model": "m",
        "store": True,
        "previous_response_id": "resp_1",
        "input": GAVE,
    }


def test_what_a_stored_response_pins_is_told_from_what_may_change() -> None:
    request = asked(MESSAGES, tools=[TOOL], effort="low")
    free = structs.replace(
        request, sampling=Sampling(temperature=1), extra={"return_token_ids": True}, cache={}
    )

    assert pinned(request, VLLM) == pinned(free, VLLM)
    for change in ({"effort": "high"}, {"instructions": "x"}, {"tools": ()}, {"model": "n"}):
        assert pinned(structs.replace(request, **change), VLLM) != pinned(request, VLLM)
