"""What was said, in the form of the conventions, without secrets?

Off by default: messages, arguments, results and reasoning are the users' own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.trace.recording import Recording
from toolrun.trace.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toolrun.events import AssistantMessage
    from toolrun.trace.recording import Find

Part = dict[str, Any]


class Content:
    """Writes what was said as attributes hold it: JSON, secrets replaced by "[redacted]".

    Args:
        secrets: values to take out, beside keys of well-known forms.
        patterns: see `Recording`.
        find: see `Recording`.

    Raises:
        ConfigError: a pattern does not fit.
    """

    def __init__(
        self, secrets: Iterable[str] = (), patterns: Iterable[str] = (), find: Find | None = None
    ) -> None:
        checked = Recording(patterns=tuple(patterns), find=find)
        self._redactor = Redactor(secrets, patterns=checked.patterns, find=checked.find)

    def text(self, text: str) -> str:
        """A text by itself."""
        return self._redactor.text(text)

    def json(self, value: Any) -> str:
        """A JSON value."""
        clean = self._redactor.value(value, written=True)
        return msgspec.json.encode(clean).decode()

    def instructions(self, text: str) -> str:
        """The developer's words."""
        return self.json([_text(text)])

    def sent(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """Messages of a request, in the form of Chat Completions."""
        return self.json([_message(each) for each in messages])

    def said(self, message: AssistantMessage) -> str:
        """What the model said."""
        parts: list[Part] = []
        if message.reasoning:
            parts.append({"type": "reasoning", "content": message.reasoning})
        if message.content:
            parts.append(_text(message.content))
        parts += [_call(call.id, call.name, call.arguments) for call in message.tool_calls]
        reason = message.finish_reason or "stop"
        return self.json([{"role": "assistant", "parts": parts, "finish_reason": reason}])


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    parts: list[Part] = []
    if message.get("reasoning"):
        parts.append({"type": "reasoning", "content": message["reasoning"]})
    content = message.get("content")
    if message["role"] == "tool":
        parts.append(
            {"type": "tool_call_response", "id": message["tool_call_id"], "response": content}
        )
    elif content:
        parts.append(_text(content))
    for call in message.get("tool_calls", ()):
        function = call["function"]
        parts.append(_call(call["id"], function["name"], function["arguments"]))
    return {"role": message["role"], "parts": parts}


def _text(content: Any) -> Part:
    return {"type": "text", "content": content}


def _call(call_id: str, name: str, arguments: str) -> Part:
    try:
        plain = msgspec.json.decode(arguments)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        plain = arguments
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": plain}
