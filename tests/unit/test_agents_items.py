"""Which items of the Agents SDK does the model get to read, and which settings are refused?"""

from __future__ import annotations

from typing import Any

import pytest
from agents import ModelSettings

from toolrun import ConfigError
from toolrun.integrations.agents.items import to_messages
from toolrun.integrations.agents.request import with_settings
from toolrun.models.model import Request


def test_a_text_is_the_user_s() -> None:
    assert to_messages("Hi.") == [{"role": "user", "content": "Hi."}]


def test_items_of_one_step_are_one_message() -> None:
    items: list[Any] = [
        {"role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}] * 2},
        {"role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "20"},
        {"type": "reasoning", "summary": []},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ]
    user, step, result, answer = to_messages(items)
    assert user == {"role": "user", "content": "Hi."}
    assert (step["reasoning"], step["content"]) == ("a\na", "I look.")
    assert [each["id"] for each in step["tool_calls"]] == ["c"]
    assert result == {"role": "tool", "tool_call_id": "c", "content": "20"}
    assert answer == {"role": "assistant", "content": "No."}


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (1, r"input\[0\] must be a dict, not int"),
        ({"type": "web_search_call"}, "no use for an item of type 'web_search_call'"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "text is all"),
    ],
)
def test_what_the_model_cannot_be_shown_is_named(item: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        to_messages([item])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"truncation": "auto"}, "truncation can't be obeyed"),
        ({"top_logprobs": 2}, "top_logprobs can't be obeyed"),
    ],
)
def test_settings_that_cannot_be_obeyed_are_refused(settings: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        with_settings(Request("m", []), ModelSettings(**settings))


def test_settings_of_a_wrong_kind_are_refused() -> None:
    for name, value in (("extra_body", [1]), ("tool_choice", 3)):
        wrong = ModelSettings()
        setattr(wrong, name, value)
        with pytest.raises(ConfigError, match=f"model_settings.{name} must be"):
            with_settings(Request("m", []), wrong)


def test_what_changes_nothing_is_taken() -> None:
    request = with_settings(Request("m", []), ModelSettings(truncation="disabled", top_p=0.5))
    assert request.sampling.top_p == 0.5
    assert request.tool_choice is None
