"""How do the SDK's items become a transcript, and a step of ours its items?

The SDK keeps a conversation as items of the Responses API; a step of the model is several of them
in a row: its reasoning, what it says, its calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from agents.models.fake_id import FAKE_RESPONSES_ID
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseReasoningItem,
)
from openai.types.responses.response_reasoning_item import Content

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import AssistantMessage

Plain: TypeAlias = dict[str, Any]
Item: TypeAlias = ResponseReasoningItem | ResponseOutputMessage | ResponseFunctionToolCall

_TEXTS = ("input_text", "output_text", "text", "reasoning_text", "summary_text")


def to_messages(items: str | Sequence[Any]) -> list[Plain]:
    """The items of an input in the form of Chat Completions, each step's reasoning in its place.

    Raises:
        ConfigError: an item that gpt-oss can't be shown, named by its index.
    """
    if isinstance(items, str):
        return [{"role": "user", "content": items}]
    messages: list[Plain] = []
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise ConfigError(f"input[{index}] must be a dict, not {type(item).__name__}")
        match item.get("type", "message"):
            case "message" if item.get("role") == "assistant":
                said = _text(item.get("content"), index)
                _step(messages, "content", "tool_calls")["content"] = said
            case "message":
                text = _text(item.get("content"), index)
                messages.append({"role": item.get("role"), "content": text})
            case "reasoning":
                # What other models of the SDK stored under Chat Completions is a summary.
                parts = item.get("content") or item.get("summary") or ()
                if reasoning := _text(parts, index, "\n"):
                    _step(messages, "reasoning", "content", "tool_calls")["reasoning"] = reasoning
            case "function_call":
                _step(messages).setdefault("tool_calls", []).append(_call(item))
            case "function_call_output":
                messages.append(
                    {
                        "role": "tool",
                        "tool_call_id": item.get("call_id"),
                        "content": _text(item.get("output"), index),
                    }
                )
            case other:
                raise ConfigError(
                    f"input[{index}]: gpt-oss has no use for an item of type {other!r}; it reads "
                    "messages, reasoning, function calls and their outputs"
                )
    return messages


def to_items(message: AssistantMessage) -> list[Item]:
    """The items of a step: its reasoning, what it says, its calls."""
    items: list[Item] = []
    if message.reasoning:
        items.append(reasoning_item(message.reasoning))
    if message.content:
        items.append(message_item(message.content))
    items += [
        ResponseFunctionToolCall(
            id=FAKE_RESPONSES_ID,
            call_id=call.id,
            name=call.name,
            arguments=call.arguments,
            type="function_call",
        )
        for call in message.tool_calls
    ]
    return items


def reasoning_item(text: str | None) -> ResponseReasoningItem:
    """Reasoning as an item; None for one that has just begun."""
    content = None if text is None else [Content(text=text, type="reasoning_text")]
    return ResponseReasoningItem(
        id=FAKE_RESPONSES_ID, summary=[], content=content, type="reasoning"
    )


def message_item(text: str | None) -> ResponseOutputMessage:
    """What the model says as an item; None for one that has just begun."""
    return ResponseOutputMessage(
        id=FAKE_RESPONSES_ID,
        content=[] if text is None else [text_part(text)],
        role="assistant",
        type="message",
        status="in_progress" if text is None else "completed",
    )


def text_part(text: str) -> ResponseOutputText:
    """A text as the part of a message."""
    return ResponseOutputText(text=text, type="output_text", annotations=[], logprobs=[])


def _step(messages: list[Plain], *ended_by: str) -> Plain:
    """The assistant's message that an item belongs to: the last one, or a new one.

    Args:
        messages: so far; a new one is appended.
        ended_by: what the last one may not have yet.
    """
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant" and not any(last.get(each) for each in ended_by):
        return last
    messages.append({"role": "assistant", "content": None})
    return messages[-1]


def _call(item: Mapping[str, Any]) -> Plain:
    return {
        "id": item.get("call_id"),
        "type": "function",
        "function": {"name": item.get("name"), "arguments": item.get("arguments")},
    }


def _text(content: Any, index: int, between: str = "") -> str:
    if isinstance(content, str):
        return content
    texts = []
    for part in content or ():
        kind = part.get("type")
        if kind == "refusal":
            texts.append(str(part.get("refusal", "")))
        elif kind in _TEXTS:
            texts.append(str(part.get("text", "")))
        else:
            raise ConfigError(f"input[{index}]: text is all that gpt-oss reads, not {kind!r}")
    return between.join(texts)
