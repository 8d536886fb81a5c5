"""Does a transcript survive the way through OpenAI's form, and which reasoning goes back?"""

from __future__ import annotations

from typing import Any

import pytest

from toolrun import AssistantMessage, ConfigError, ToolCall, ToolCallFinished, ToolMessage
from toolrun.events import UserMessage
from toolrun.state import fold
from toolrun.transcript import Message, from_openai, reasoning_kept_from, to_openai

CALL: dict[str, Any] = {
    "id": "a",
    "type": "function",
    "function": {"name": "f", "arguments": '{"x": 1}'},
}
WHOLE: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "content": "Hello"},
    {
        "role": "assistant",
        "content": "I look.",
        "reasoning": "Why not?",
        "tool_calls": [CALL, {**CALL, "id": "b"}],
    },
    {"role": "tool", "tool_call_id": "a", "name": "f", "content": "1"},
    {"role": "tool", "tool_call_id": "b", "name": "f", "content": "2"},
    {"role": "assistant", "content": "Done."},
]


def test_a_transcript_survives_the_round_trip() -> None:
    instructions, events = from_openai(WHOLE)

    assert instructions == "Be kind."
    assert to_openai(fold(events).transcript, instructions=instructions) == WHOLE


def test_without_instructions_there_is_no_developer_message() -> None:
    instructions, events = from_openai(WHOLE[1:2])

    assert instructions is None
    assert to_openai(fold(events).transcript) == WHOLE[1:2]


def test_results_take_the_order_of_the_calls() -> None:
    swapped = [*WHOLE[:3], WHOLE[4], WHOLE[3], WHOLE[5]]
    _, events = from_openai(swapped)

    assert to_openai(fold(events).transcript, instructions="Be kind.") == WHOLE


def test_several_system_messages_become_one() -> None:
    said = [{"role": "system", "content": "A."}, {"role": "developer", "content": "B."}]

    assert from_openai(said) == ("A.\n\nB.", [])


def test_the_older_name_of_reasoning_is_read() -> None:
    _, events = from_openai([{"role": "assistant", "content": "x", "reasoning_content": "why"}])

    assert events == [AssistantMessage(content="x", reasoning="why")]


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]

    assert from_openai([{"role": "user", "content": parts}])[1] == [UserMessage("ab")]


def test_a_result_knows_the_name_of_its_call() -> None:
    _, events = from_openai(WHOLE[:5])
    result = events[-1]

    assert isinstance(result, ToolCallFinished)
    assert (result.call_id, result.name, result.result.content) == ("b", "f", "2")


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([{"role": "user", "content": "a"}, {"role": "system", "content": "b"}], r"messages\[1\]"),
        ([{"role": "user", "content": "a"}, {"role": "critic"}], r"messages\[1\]: role 'critic'"),
        ([{"role": "user", "content": 7}], r"messages\[0\]\.content: .*not int"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], r"messages\[0\]\.content"),
        ([{"role": "user"}], r"messages\[0\]\.content"),
        (
            [{"role": "assistant", "tool_calls": [CALL, {"id": "b"}]}],
            r"messages\[0\]\.tool_calls\[1\]: id or function.name missing",
        ),
        ([{"role": "tool", "tool_call_id": "z", "content": ""}], r"messages\[0\]: .*'z'"),
        ([*WHOLE[:3], WHOLE[3], WHOLE[3]], r"messages\[4\]: no open call has the id 'a'"),
        ([*WHOLE[:4], WHOLE[5]], r"messages\[4\]: the calls \['b'\] before it have no result"),
        (WHOLE[:4], r"messages end before the calls \['b'\] have a result"),
        (["Hi."], r"messages\[0\] must be a dict, not str"),
        ([{"role": "assistant", "tool_calls": "f"}], r"messages\[0\]\.tool_calls must be a list"),
        ([{"role": "assistant", "tool_calls": ["f"]}], r"tool_calls\[0\] must be a dict"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "a", "function": "f"}]}],
            r"tool_calls\[0\] must be a dict, and its function as well",
        ),
        (
            [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}],
                }
            ],
            r"tool_calls\[0\]\.function\.arguments must be a text, not dict",
        ),
        ([{"role": "assistant", "tool_calls": [CALL, CALL]}], r"tool_calls\[1\]: .* id 'a'"),
        ([{"role": "user", "content": "a\ud800"}], r"messages\[0\]\.content has a lone surrogate"),
        ([{"role": "assistant", "content": "", "reasoning": 7}], r"\.reasoning must be a text"),
    ],
)
def test_what_does_not_fit_is_named_by_its_index(messages: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_openai(messages)


USER, SAID = UserMessage("u"), AssistantMessage(content="a", reasoning="r")
CALLED = AssistantMessage(reasoning="r", tool_calls=(ToolCall("a", "f", "{}"),))
RESULT = ToolMessage("a", "f", "1")


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        ([], 0),
        ([USER], 0),
        ([USER, CALLED, RESULT], 0),
        ([USER, CALLED, RESULT, SAID, USER], 4),
        ([USER, SAID, USER, CALLED, RESULT, CALLED, RESULT], 2),
        ([USER, CALLED, RESULT, USER, CALLED, RESULT], 3),  # a turn that ended without an answer
        ([SAID], 0),
    ],
)
def test_reasoning_is_kept_since_the_last_user_message(messages: list[Message], kept: int) -> None:
    assert reasoning_kept_from(messages) == kept
