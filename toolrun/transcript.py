"""What was said: the messages of a session, in order, and which reasoning goes back.

The durable events `UserMessage` and `AssistantMessage` are messages as they stand; the outcomes of
calls become `ToolMessage`s, in the order of the calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from toolrun.errors import ConfigError
from toolrun.events import AssistantMessage, Durable, ToolCallFinished, UserMessage
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.values import Json


class ToolMessage(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The result of one call, as the model reads it.

    Attributes:
        call_id: of the call.
        name: of the tool.
        content: what the model reads.
    """

    call_id: str
    name: str
    content: str


Message: TypeAlias = UserMessage | AssistantMessage | ToolMessage


def reasoning_kept_from(messages: Sequence[Message]) -> int:
    """The index from which assistant messages keep their reasoning in a request.

    Reasoning is kept since the end of the last turn, however that ended: since the last user
    message. Harmony drops the analysis before a final answer, and keeps what leads up to a call
    (openai/harmony, docs/format.md, "Handling reasoning output in subsequent sampling").
    """
    for index in range(len(messages) - 1, -1, -1):
        if isinstance(messages[index], UserMessage):
            return index
    return 0


def to_openai(
    messages: Sequence[Message], *, instructions: str | None = None
) -> list[dict[str, Json]]:
    """The transcript as Chat Completions messages, every reasoning included (as `reasoning`).

    Args:
        messages: of a transcript.
        instructions: the developer's words, which go first; none where None.
    """
    head = [{"role": "developer", "content": instructions}] if instructions else []
    return head + [message_to_openai(message) for message in messages]


def message_to_openai(message: Message) -> dict[str, Any]:
    """One message in the form of Chat Completions, with its reasoning under `reasoning`."""
    match message:
        case UserMessage():
            return {"role": "user", "content": message.content}
        case ToolMessage():
            return {
                "role": "tool",
                "tool_call_id": message.call_id,
                "name": message.name,
                "content": message.content,
            }
        case AssistantMessage():
            plain: dict[str, Any] = {"role": "assistant", "content": message.content}
            if message.reasoning:
                plain["reasoning"] = message.reasoning
            if message.tool_calls:
                plain["tool_calls"] = [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": call.arguments},
                    }
                    for call in message.tool_calls
                ]
            return plain


def from_openai(
    messages: Sequence[Mapping[str, Any]],
) -> tuple[str | None, list[Durable]]:
    """The instructions and the durable events that a Chat Completions transcript amounts to.

    Args:
        messages: dicts with `role` user, assistant, tool; system or developer at the front only.

    Raises:
        ConfigError: a message that does not fit, named by its index; a call without its result.
    """
    instructions: list[str] = []
    events: list[Durable] = []
    open_calls: dict[str, str] = {}
    for index, message in enumerate(messages):
        role = _role(message, index)
        if role in ("system", "developer"):
            if events:
                raise ConfigError(
                    f"messages[{index}]: a {role} message may stand at the front only"
                )
            instructions.append(_text(message, index))
            continue
        if role != "tool" and open_calls:
            raise ConfigError(
                f"messages[{index}]: the calls {sorted(open_calls)} before it have no result; "
                "add a tool message for each"
            )
        match role:
            case "user":
                events.append(UserMessage(_text(message, index)))
            case "assistant":
                calls = tuple(_calls(message, index))
                open_calls = {call.id: call.name for call in calls}
                events.append(_assistant(message, index, calls))
            case "tool":
                call_id = str(message.get("tool_call_id"))
                if call_id not in open_calls:
                    raise ConfigError(f"messages[{index}]: no open call has the id {call_id!r}")
                name = open_calls.pop(call_id)
                events.append(ToolCallFinished(call_id, name, ToolResult(_text(message, index))))
            case _:
                raise ConfigError(
                    f"messages[{index}]: role {role!r} is not one of system, developer, user, "
                    "assistant, tool"
                )
    if open_calls:
        raise ConfigError(f"messages end before the calls {sorted(open_calls)} have a result")
    return "\n\n".join(instructions) or None, events


def check_text(text: object, what: str = "what the user says") -> str:
    """A text that can be sent, as a plain one.

    Raises:
        ConfigError: it is no text, or has a lone surrogate, which no encoding of Unicode holds.
    """
    if not isinstance(text, str):
        raise ConfigError(f"{what} must be a text, not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{what} has a lone surrogate ({text[error.start]!r} at {error.start}): it was "
            "decoded from bytes that are not UTF-8; decode them with errors='replace'"
        ) from error
    return str.__str__(text)  # an encoder refuses the subclasses that template engines make


def _role(message: object, index: int) -> object:
    if not isinstance(message, Mapping):
        raise ConfigError(f"messages[{index}] must be a dict, not {type(message).__name__}")
    return message.get("role")


def _assistant(
    message: Mapping[str, Any], index: int, calls: tuple[ToolCall, ...]
) -> AssistantMessage:
    reasoning = message.get("reasoning") or message.get("reasoning_content") or None
    if reasoning is not None:
        reasoning = check_text(reasoning, f"messages[{index}].reasoning")
    content = None if message.get("content") is None else _text(message, index)
    return AssistantMessage(content=content, reasoning=reasoning, tool_calls=calls)


def _calls(message: Mapping[str, Any], index: int) -> Iterator[ToolCall]:
    calls, seen = message.get("tool_calls") or (), set()
    if not isinstance(calls, list | tuple):
        raise ConfigError(f"messages[{index}].tool_calls must be a list")
    for number, call in enumerate(calls):
        where = f"messages[{index}].tool_calls[{number}]"
        function = call.get("function") or {} if isinstance(call, Mapping) else None
        if not isinstance(call, Mapping) or not isinstance(function, Mapping):
            raise ConfigError(f"{where} must be a dict, and its function as well")
        # An empty name is what a garbled call had; a transcript holds it as it came.
        if not call.get("id") or function.get("name") is None:
            raise ConfigError(f"{where}: id or function.name missing")
        if call["id"] in seen:
            raise ConfigError(f"{where}: there is another call of the id {call['id']!r}")
        seen.add(call["id"])
        yield ToolCall(
            check_text(call["id"], f"{where}.id"),
            check_text(function["name"], f"{where}.function.name"),
            # As the model wrote it: a dict would have to be encoded anew, and differently.
            check_text(function.get("arguments") or "", f"{where}.function.arguments"),
        )


def _text(message: Mapping[str, Any], index: int) -> str:
    """The text of a message: a string, or a list of text parts joined."""
    content = message.get("content")
    if isinstance(content, str):
        return check_text(content, f"messages[{index}].content")
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") in ("text", "input_text") for part in content
    ):
        text = "".join(str(part.get("text", "")) for part in content)
        return check_text(text, f"messages[{index}].content")
    raise ConfigError(
        f"messages[{index}].content: text is all that gpt-oss reads, not {type(content).__name__}"
    )
