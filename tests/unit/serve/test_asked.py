"""Which parameters are taken, which refused, and in which words?"""

from __future__ import annotations

from typing import Any

import pytest

from toolrun.serve import chat_asked, responses_asked
from toolrun.serve.chat_asked import turn_asked
from toolrun.serve.failures import Failure
from toolrun.serve.responses_asked import as_chat
from toolrun.values import Sampling

HI = [{"role": "user", "content": "Hi."}]


def asked(**more: Any) -> chat_asked.TurnAsked:
    return turn_asked({"messages": HI, **more})


def refusal(body: dict[str, Any], take: Any = turn_asked) -> Failure:
    with pytest.raises(Failure) as caught:
        take(body)
    assert caught.value.status == 400
    return caught.value


def test_what_a_turn_takes() -> None:
    turn = asked(
        model="m",
        temperature=0,
        top_p=0.5,
        max_tokens=5,
        max_completion_tokens=7,
        seed=3,
        stop="x",
        reasoning_effort="low",
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"a": 1}}},
        tool_choice="none",
        stream=True,
        stream_options={"include_usage": True, "other": 1},
        top_k=4,
        user="u",
        tools=[],
        n=1,
        logprobs=None,
    )
    assert turn.sampling == Sampling(0, 0.5, 7, 3, ("x",))
    assert (turn.model, turn.effort, turn.tool_choice) == ("m", "low", "none")
    assert (turn.output, turn.extra, turn.text) == ({"a": 1}, {"top_k": 4}, "Hi.")
    assert turn.stream
    assert turn.usage
    assert asked(response_format={"type": "json_object"}).output == {"type": "object"}
    assert asked(response_format={"type": "text"}).output is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("n", 2), ("logprobs", True), ("functions", [{}]), ("modalities", ["audio"])],
        *[("temperature", "hot"), ("temperature", 3), ("max_tokens", 0), ("seed", 2**64)],
        *[("stop", [1]), ("reasoning_effort", "minimal"), ("tool_choice", "required")],
        *[("stream", "yes"), ("model", ""), ("model", 7), ("bogus", 1), ("messages", [7])],
        (
            "response_format",
            {"type": "json_schema", "json_schema": {"schema": {"pattern": "(a+)+"}}},
        ),
    ],
)
def test_what_a_turn_cannot_keep_is_named(name: str, value: Any) -> None:
    failure = refusal({"messages": HI, name: value})
    assert (failure.param or "").startswith(name)
    assert name in failure.message


def test_a_property_may_be_called_pattern() -> None:
    schema = {"type": "object", "properties": {"pattern": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert asked(response_format=form).output == schema


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "assistant", "content": "Hi."}],
        [*HI, {"role": "wizard", "content": "x"}],
        [{"role": "user", "content": [{"type": "image_url"}]}],
        [{"role": "user", "content": "\ud800"}],
        [{"role": "tool", "tool_call_id": "x", "content": "y"}, *HI],
        [{"role": "system", "content": "Be kind."}],
    ],
)
def test_a_transcript_that_no_turn_goes_on_from_is_refused(messages: list[Any]) -> None:
    assert refusal({"messages": messages}).param == "messages"


def test_each_parameter_has_one_meaning() -> None:
    kinds = [chat_asked.TAKEN, chat_asked.IGNORED, tuple(chat_asked.REFUSED)]
    names = [name for kind in kinds for name in kind]
    assert len(names) == len(set(names))
    assert set(chat_asked.HARMLESS) <= set(chat_asked.REFUSED)


def test_items_of_one_step_make_one_message() -> None:
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]}
    call = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    chat = as_chat(
        {
            "instructions": "Be kind.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Go."}]},
                {**thought, "summary": []},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "I look."}],
                },
                call,
                {**call, "call_id": "2"},
                {"type": "function_call_output", "call_id": "1", "output": "20"},
                {"type": "function_call_output", "call_id": "2", "output": "21"},
                {**call, "call_id": "3"},
                {"type": "function_call_output", "call_id": "3", "output": "22"},
                thought,
            ],
        }
    )
    assert [each["role"] for each in chat["messages"]] == [
        *("system", "user", "assistant", "tool", "tool", "assistant", "tool")
    ]
    step = chat["messages"][2]
    assert (step["reasoning"], step["content"]) == ("Hm.", "I look.")
    assert [each["id"] for each in step["tool_calls"]] == ["1", "2"]
    assert "reasoning" not in chat["messages"][5]


def test_parameters_of_responses_become_those_of_chat() -> None:
    chat = as_chat(
        {
            "input": "Hi.",
            "max_output_tokens": 9,
            "reasoning": {"effort": "low", "summary": "auto"},
            "text": {"format": {"type": "json_schema", "name": "a", "schema": {}}},
            "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": None}],
            "tool_choice": {"type": "function", "name": "f"},
            "store": True,
            "background": False,
        }
    )
    assert chat["messages"] == HI
    assert (chat["max_completion_tokens"], chat["reasoning_effort"]) == (9, "low")
    assert chat["response_format"]["json_schema"] == {"name": "a", "schema": {}}
    assert chat["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    assert chat["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert "store" not in chat


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("previous_response_id", "resp_1"), ("background", True), ("conversation", "c")],
        *[("bogus", 1), ("tools", [{"type": "web_search"}]), ("reasoning", "high")],
        *[("input", []), ("input", [{"type": "item_reference", "id": "x"}]), ("input", [7])],
        *[("input", [{"role": "user", "content": [{"type": "input_image"}]}]), ("text", 1)],
        *[("input", [{"type": "function_call", "name": "f"}]), ("instructions", 1)],
    ],
)
def test_what_responses_cannot_have_is_named(name: str, value: Any) -> None:
    failure = refusal({"input": "Hi.", name: value}, as_chat)
    assert (failure.param or "").startswith(name)


def test_each_parameter_of_responses_has_one_meaning() -> None:
    kinds = (responses_asked.SAME, responses_asked.OWN, responses_asked.IGNORED)
    names = [*(name for kind in kinds for name in kind), *responses_asked.REFUSED]
    assert len(names) == len(set(names))
