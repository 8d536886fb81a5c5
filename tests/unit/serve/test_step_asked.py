"""What does the embedded model take of a request, and what does it refuse?"""

from __future__ import annotations

from typing import Any

import pytest

from toolrun.events import AssistantMessage, UserMessage
from toolrun.serve.failures import Failure
from toolrun.serve.step_asked import step_asked
from toolrun.transcript import ToolMessage
from toolrun.values import Sampling, ToolCall

HI = {"role": "user", "content": "Hi."}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALLED = {
    "role": "assistant",
    "content": None,
    "reasoning_content": "because",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


def asked(*messages: dict[str, Any], **more: Any) -> Any:
    return step_asked({"model": "nano", "messages": [*messages] or [HI], **more})


def test_a_conversation_goes_in_with_the_reasoning_of_this_turn() -> None:
    result = {"role": "tool", "tool_call_id": "1", "content": "21"}
    developer = {"role": "developer", "content": "Be brief."}
    step = asked(developer, HI, {"role": "assistant", "content": "Hello."}, HI, CALLED, result)
    assert step.instructions == "Be brief."
    assert list(step.messages[-2:]) == [
        AssistantMessage(reasoning="because", tool_calls=(ToolCall("1", "f", "{}"),)),
        ToolMessage("1", "f", "21"),
    ]
    assert step.messages[step.reasoning_from] == UserMessage("Hi.")
    assert step.reasoning_from == 2


def test_parameters_reach_the_sampling() -> None:
    step = asked(
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "f"}},
        temperature=0.5,
        top_p=0.9,
        max_tokens=5,
        max_completion_tokens=7,
        seed=3,
        stop="x",
        reasoning_effort="low",
        stream=True,
        user="u",
        n=1,
        logprobs=None,
        parallel_tool_calls=False,
    )
    assert step.sampling == Sampling(0.5, 0.9, 7, 3, ("x",))
    assert (step.effort, step.stream) == ("low", True)
    assert step.tools[0]["function"]["name"] == "f"
    assert step.tool_choice == {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"messages": [HI, CALLED]}, "messages"),
        ({"functions": [{}]}, "functions"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(more: dict[str, Any], param: str) -> None:
    with pytest.raises(Failure) as caught:
        asked(**more) if "messages" not in more else step_asked({"model": "nano", **more})
    assert (caught.value.status, caught.value.param) == (400, param)
