"""What does a server's own harmony library make of messages? Answers over pipes, a line each.

Runs in the environment of a server, without vLLM. The rules are written here anew, so that they
check vLLM's and toolrun's; only the system and developer messages (TypeScript of tool schemas) are
left to the library. `oracle.py` speaks to it and says what the rules are.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

from openai_harmony import (
    Conversation,
    DeveloperContent,
    HarmonyEncodingName,
    Message,
    ReasoningEffort,
    Role,
    SystemContent,
    ToolDescription,
    load_harmony_encoding,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_START, _CHANNEL, _MESSAGE = "<|start|>", "<|channel|>", "<|message|>"
_END, _CALL = "<|end|>", "<|call|>"
_HARMONY = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
_IS_FORK = any(found.metadata["Name"] == "oss-harmony" for found in distributions())


def render(request: dict[str, Any]) -> list[int]:
    messages = list(request["messages"])
    instructions = request["instructions"]
    if instructions is None and messages and messages[0]["role"] in {"system", "developer"}:
        instructions = _text(messages.pop(0).get("content"))
    tokens = _prefix(request, instructions)
    names = {
        call["id"]: call["function"]["name"]
        for message in messages
        for call in message.get("tool_calls") or ()
    }
    forget = _last_answer(messages)
    for at, message in enumerate(messages):
        tokens += _message(message, names, keep_reasoning=at >= forget)
    return tokens + _special(f"{_START}assistant")


def _prefix(request: dict[str, Any], instructions: str | None) -> list[int]:
    system = SystemContent.new().with_conversation_start_date(request["date"])
    if request["effort"] is not None:
        system = system.with_reasoning_effort(ReasoningEffort(request["effort"].capitalize()))
    prefix = [Message.from_role_and_content(Role.SYSTEM, system)]
    if instructions or request["tools"]:
        prefix.append(_developer(instructions, request["tools"]))
    return list(_HARMONY.render_conversation(Conversation.from_messages(prefix)))


def _developer(instructions: str | None, tools: list[dict[str, Any]] | None) -> Any:
    content = DeveloperContent.new()
    if instructions:
        content = content.with_instructions(instructions)
    if tools:
        content = content.with_function_tools(
            [
                ToolDescription.new(
                    name=tool["function"]["name"],
                    description=tool["function"].get("description") or "",
                    parameters=tool["function"].get("parameters"),
                )
                for tool in tools
            ]
        )
    return Message.from_role_and_content(Role.DEVELOPER, content)


def _last_answer(messages: list[dict[str, Any]]) -> int:
    """Find the last assistant message with content and no calls: reasoning before it is gone.

    Its own reasoning is rendered before its content, so it is gone as well.
    """
    answers = [
        at
        for at, message in enumerate(messages)
        if message["role"] == "assistant"
        and not message.get("tool_calls")
        and _first_text(message.get("content"))
    ]
    return answers[-1] + 1 if answers else 0


def _message(message: dict[str, Any], names: dict[str, str], *, keep_reasoning: bool) -> list[int]:
    match message["role"]:
        case "user":
            return _plain("user", _parts(message.get("content")))
        case "tool":
            name = names.get(message["tool_call_id"], "")
            return _result(name, _text(message.get("content")) or "")
        case "assistant":
            return list(_assistant(message, keep_reasoning=keep_reasoning))
        case role:  # a system or developer message in the middle
            content = _text(message.get("content"))
            if content is None:
                return []
            developer = _developer(content, None)
            assert role in {"system", "developer"}, role
            return list(_HARMONY.render(developer))


def _assistant(message: dict[str, Any], *, keep_reasoning: bool) -> Iterator[int]:
    calls = message.get("tool_calls") or ()
    reasoning = message.get("reasoning") or message.get("reasoning_content")
    if calls and (words := _text(message.get("content"))):
        yield from _plain("assistant", [words], channel="commentary")
    if reasoning and keep_reasoning:
        yield from _plain("assistant", [reasoning], channel="analysis")
    for call in calls:
        function = call["function"]
        yield from _special(_START)
        yield from _ordinary(f"assistant to=functions.{function['name']}")
        yield from _special(_CHANNEL)
        yield from _ordinary("commentary json")
        yield from _special(_MESSAGE)
        yield from _ordinary(function.get("arguments") or "")
        yield from _special(_CALL)
    if not calls and _first_text(message.get("content")):
        yield from _plain("assistant", _parts(message["content"]), channel="final")


def _result(name: str, content: str) -> list[int]:
    author, recipient = f"functions.{name}", " to=assistant"
    if _IS_FORK:
        role_part, channel_part = author, f"commentary{recipient}"
    else:
        role_part, channel_part = author + recipient, "commentary"
    return [
        *_special(_START),
        *_ordinary(role_part),
        *_special(_CHANNEL),
        *_ordinary(channel_part),
        *_special(_MESSAGE),
        *_ordinary(content),
        *_special(_END),
    ]


def _plain(role: str, parts: list[str], *, channel: str | None = None) -> list[int]:
    header = [*_special(_START), *_ordinary(role)]
    if channel is not None:
        header += [*_special(_CHANNEL), *_ordinary(channel)]
    body = [token for part in parts for token in _ordinary(part)]
    return [*header, *_special(_MESSAGE), *body, *_special(_END)]


def _parts(content: Any) -> list[str]:
    if content is None or isinstance(content, str):
        return [content or ""]
    return [part.get("text", "") for part in content]


def _first_text(content: Any) -> str:
    return _parts(content)[0] if content else ""


def _text(content: Any) -> str | None:
    return None if content is None else "".join(_parts(content))


def _ordinary(text: str) -> list[int]:
    """Encode text; what spells a special token is text."""
    return list(_HARMONY.encode(text, disallowed_special=()))


def _special(text: str) -> list[int]:
    return list(_HARMONY.encode(text, allowed_special="all"))


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        try:
            match request["do"]:
                case "render":
                    reply: dict[str, Any] = {"tokens": render(request)}
                case "encode":
                    reply = {"tokens": _special(request["text"])}
                case "decode":
                    reply = {"text": _HARMONY.decode(request["tokens"])}
                case other:
                    reply = {"error": f"what is {other!r}?"}
        except Exception as error:  # noqa: BLE001 - the asker raises it
            reply = {"error": repr(error)}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
