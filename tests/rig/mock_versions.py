"""What does each version of vLLM send and take? The contract, as read from its releases.

| vLLM | reasoning in replies | reasoning taken back | a tool result's name comes from |
|---|---|---|---|
| 0.10.1 | `reasoning_content` | no | (no calls) |
| 0.10.2 to 0.11.0 | `reasoning_content` | no | `name` |
| 0.11.1 to 0.12 | both (#27752) | no (#27653) | `name` |
| 0.13 to 0.15 | both | either (#28729) | the call's id |
| 0.16 to 0.21 | `reasoning` (#33402) | `reasoning` (#38488) | the call's id |
| 0.22 and later | `reasoning` | either (#42664) | the call's id |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.rig.mock_steps import ReasoningFields


class Taken(msgspec.Struct, frozen=True):
    """What reaches the prompt of a message.

    Attributes:
        reasoning: of an assistant message, as this version takes it.
        function: whose result a tool message is; "" where the version does not find out.
    """

    role: str
    reasoning: str | None = None
    function: str | None = None


def is_before(version: str | None, number: tuple[int, ...]) -> bool:
    """Whether a version is older; a server that isn't vLLM, or a build without number, is not."""
    try:
        return tuple(int(part) for part in (version or "").split(".")[:3]) < number
    except ValueError:
        return False


def calls(version: str | None) -> bool:
    """Whether it knows tool calls over Chat Completions."""
    return not is_before(version, (0, 10, 2))


def reasoning_fields(version: str | None) -> ReasoningFields:
    """The fields of a reply that carry the reasoning."""
    if is_before(version, (0, 11, 1)):
        return "reasoning_content"
    return "both" if is_before(version, (0, 16)) else "reasoning"


def taken(version: str | None, messages: Sequence[Mapping[str, Any]]) -> list[Taken]:
    """What of these messages reaches the prompt, message by message."""
    found = []
    names: dict[str, str] = {}
    for message in messages:
        role = message["role"]
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
        function = _function(version, message, names) if role == "tool" else None
        reasoning = _reasoning(version, message) if role == "assistant" else None
        found.append(Taken(role, reasoning, function))
    return found


def _reasoning(version: str | None, message: Mapping[str, Any]) -> str | None:
    if is_before(version, (0, 13)):
        return None
    only = not is_before(version, (0, 16)) and is_before(version, (0, 22))
    other = None if only else message.get("reasoning_content")
    return message.get("reasoning") or other


def _function(version: str | None, message: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if is_before(version, (0, 13)):
        return str(message.get("name") or "")
    return names.get(message.get("tool_call_id", ""), "")
