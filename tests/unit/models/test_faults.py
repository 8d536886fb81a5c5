"""Is a message that no turn can use told apart from every other one?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolrun import AssistantMessage, MalformedOutput, ToolCall
from toolrun.models.chat_reply import read_reply
from toolrun.models.faults import MAX_CALL, MAX_CALLS, check, has_markup, is_header_fault

SHAPES = Path(__file__).resolve().parents[2] / "rig" / "shapes"
CALL = ToolCall("a", "f", "{}")
LEAKED = [
    "<|channel|>final<|message|>It is 20 degrees.",
    "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}",
    "<|channel|>analysis",
    " \n<|start|>assistant<|channel|>commentary",
    "<|start|>functions.f to=assistant",
    "<|message|>Hello",
    "<|constrain|>json<|message|>{}",
    "It is warm.<|end|><|start|>assistant<|channel|>final<|message|>It is 20 degrees.",
    'So I call it: <|constrain|>json<|message|>{"city":"Paris"}',
    "Hm.<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{}",
    '{"city":"Paris"}<|call|>',
    "It is warm.<|return|>",
    "It is warm.<|end|>\n",
    "<|return|>",
]
TALKED_ABOUT = [
    "It is 20 degrees.",
    "a <| b |> c",
    "A message of harmony ends with <|end|>",
    "After <|start|> stands the role, after <|channel|> the channel, and then comes <|message|>.",
    "A call ends with `<|call|>`",
    "It looks so: `<|start|>assistant<|channel|>final<|message|>Hi<|end|>`, all of it.",
    "Harmony:\n```\n<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>\n```\nThat is all.",
    "```text\n<|channel|>final<|message|>cut off by the end",
    "<|message|> separates a header from what is said.",
    "<|start|> begins a message.",
    'The token is called "<|return|>"',
    "<|im_start|>assistant<|im_sep|> is how another model writes it.",
    "<|start|>, <|channel|> and <|message|> are the markers of a header.",
]


def code_of(message: AssistantMessage) -> str | None:
    try:
        check(message)
    except MalformedOutput as error:
        return error.code
    return None


@pytest.mark.parametrize("content", LEAKED)
def test_leaked_markup_is_seen(content: str) -> None:
    assert has_markup(content)
    assert code_of(AssistantMessage(content=content, finish_reason="stop")) == "markup"
    assert code_of(AssistantMessage(content=content, tool_calls=(CALL,))) == "markup"
    assert code_of(AssistantMessage(content=content, finish_reason="length")) is None


@pytest.mark.parametrize("content", TALKED_ABOUT)
def test_talk_about_markup_is_an_answer(content: str) -> None:
    assert not has_markup(content)
    assert code_of(AssistantMessage(content=content, finish_reason="stop")) is None


def test_a_long_text_full_of_markers_takes_no_time() -> None:
    assert not has_markup("<|start|> <|channel|> ` `` ``` ``` " * 50_000)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "nothing-said"),
        ({"content": ""}, "nothing-said"),
        ({"content": " \n\t"}, "nothing-said"),
        ({"content": " ", "reasoning": "\n"}, "nothing-said"),
        ({"reasoning": "Hm."}, "analysis-only"),
        ({"reasoning": "Hm.", "content": "\n"}, "analysis-only"),
        ({"reasoning": "Hm.", "finish_reason": None}, "analysis-only"),
        ({"content": "I look.", "finish_reason": "tool_calls"}, "garbled-call"),
        ({"finish_reason": "tool_calls"}, "garbled-call"),
        ({"content": "It is", "finish_reason": "abort"}, "broken-stream"),
        ({"tool_calls": (CALL,) * (MAX_CALLS + 1)}, "too-many-calls"),
        ({"tool_calls": (ToolCall("a", "f", "x" * (MAX_CALL + 1)),)}, "call-too-long"),
        ({"tool_calls": (ToolCall("a", "f" * (MAX_CALL + 1), "{}"),)}, "call-too-long"),
    ],
)
def test_what_no_turn_can_use_is_named(fields: dict[str, Any], code: str) -> None:
    message = AssistantMessage(**{"finish_reason": "stop", **fields})

    assert code_of(message) == code
    if message.finish_reason == "stop":
        cut = AssistantMessage(**{**fields, "finish_reason": "length"})
        assert code_of(cut) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "Hello."},
        {"content": "Hello.", "finish_reason": "stop"},
        {"tool_calls": (CALL,), "finish_reason": "tool_calls"},
        {"tool_calls": (CALL,), "finish_reason": "stop"},  # a named tool_choice ends so
        {"content": "", "tool_calls": (CALL,)},
        {"tool_calls": (CALL,) * MAX_CALLS},
        {"tool_calls": (ToolCall("a", "f", "x" * MAX_CALL),)},
        {"tool_calls": (ToolCall("a", "", "not JSON"),)},  # the toolbox's matter
    ],
)
def test_what_a_turn_can_use_passes(fields: dict[str, Any]) -> None:
    assert code_of(AssistantMessage(**fields)) is None


@pytest.mark.parametrize("version", ["0.28.0", "0.32.0"])
@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ("analysis-only", "analysis-only"),
        ("length", None),  # half a header leaks into the content: it is limited all the same
        ("call", None),
        ("final", None),
        ("preamble", None),
        ("invalid-json", None),
        ("undeclared-tool", None),
        ("leaked-name", None),
    ],
)
def test_real_replies(version: str, shape: str, code: str | None) -> None:
    message = read_reply((SHAPES / version / f"{shape}.body").read_bytes())

    assert code_of(message) == code
    if shape == "length":
        assert "<|channel|>" in (message.content or "")


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ('unexpected tokens remaining in message header: Some("to=functions.f")', True),
        ('openai_harmony.HarmonyError: unexpected tokens remaining in message header: ["x"]', True),
        ("Unknown role: assistantassistant", True),
        ("Unexpected token 200005 while expecting start token 200006", True),
        ("channel marker present but no channel value found in header", True),
        ("Unexpected EOS while waiting for message header to complete", True),
        ("This model's maximum context length is 131072 tokens.", False),
        ("EngineCore encountered an issue.", False),
        ("unknown role 'wizard' in messages[0]", False),
    ],
)
def test_errors_about_headers_are_told_apart(text: str, *, header: bool) -> None:
    assert is_header_fault(text) is header
