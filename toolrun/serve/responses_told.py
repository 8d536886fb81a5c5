"""How is an answer written in the form of the Responses API?"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from toolrun.serve.told import End, Told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolrun.events import AssistantMessage
    from toolrun.serve.failures import Failure
    from toolrun.values import ToolCall, Usage

_ECHOED = (
    *("instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "reasoning"),
    *("temperature", "text", "tool_choice", "tools", "top_p", "user"),
)


class ResponsesWriting:
    """See `Writing`. Each thing that the model says is an item of its own, in order.

    Args:
        model: the name that the client asked for.
        asked: the body of the request, some of which a response repeats.
    """

    def __init__(self, model: str, asked: Mapping[str, Any]) -> None:
        self._number = 0
        self._output: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._said: set[str] = set()
        defaults = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "metadata": {}}
        echoed = {name: value for name in _ECHOED if (value := asked.get(name)) is not None}
        self._response: dict[str, Any] = {
            "id": f"resp_{secrets.token_hex(16)}",
            "object": "response",
            "created_at": int(time.time()),
            "model": model,
            "status": "in_progress",
            "output": [],
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "previous_response_id": None,
            "store": False,
            "usage": None,
            **defaults,
            **echoed,
        }

    def begin(self) -> Sequence[Told]:
        """See `Writing.begin`."""
        return [self._whole_event("created"), self._whole_event("in_progress")]

    def reasoning(self, text: str) -> Sequence[Told]:
        """See `Writing.reasoning`."""
        told = [*self._opened("reasoning")]
        self._add(text)
        return [*told, self._at("reasoning_text.delta", content_index=0, delta=text)]

    def text(self, text: str) -> Sequence[Told]:
        """See `Writing.text`."""
        told = [*self._opened("message")]
        self._add(text)
        return [*told, self._at("output_text.delta", content_index=0, delta=text, logprobs=[])]

    def again(self) -> Sequence[Told]:
        """See `Writing.again`."""
        told = self._closed("incomplete")
        self._said.clear()
        return told

    def step(self, message: AssistantMessage) -> Sequence[Told]:
        """See `Writing.step`."""
        told: list[Told] = []
        if message.reasoning and "reasoning" not in self._said:
            told += self.reasoning(message.reasoning)
        if message.content and "message" not in self._said:
            told += self.text(message.content)
        told += self._closed()
        for call in message.tool_calls:
            told += self._call(call)
        self._said.clear()
        return told

    def end(self, end: End) -> Sequence[Told]:
        """See `Writing.end`."""
        status = "incomplete" if end.limited else "completed"
        details = {"reason": "max_output_tokens"} if end.limited else None
        told = self._closed()
        self._response |= {"status": status, "incomplete_details": details}
        self._response["usage"] = usage_in_responses(end.usage)
        return [*told, self._whole_event(status)]

    def fail(self, failure: Failure) -> Sequence[Told]:
        """See `Writing.fail`."""
        told = self._closed("incomplete")
        error = {"code": failure.code or "server_error", "message": failure.message}
        self._response |= {"status": "failed", "error": error}
        return [*told, self._whole_event("failed")]

    @property
    def whole(self) -> dict[str, Any]:
        """See `Writing.whole`."""
        return {**self._response, "output": [*self._output]}

    def _opened(self, kind: str) -> Sequence[Told]:
        """Begin an item, unless it is the one that is open."""
        if self._open is not None and self._open["type"] == kind:
            return []
        told = [*self._closed()]
        prefix, part = _PARTS[kind]
        item: dict[str, Any] = {"id": f"{prefix}_{secrets.token_hex(12)}", "type": kind}
        item.update(role="assistant") if kind == "message" else item.update(summary=[])
        item |= {"status": "in_progress", "content": []}
        self._open = item
        self._output.append(item)
        self._said.add(kind)
        told.append(self._event("output_item.added", item=dict(item)))
        item["content"] = [dict(part)]
        return [*told, self._at("content_part.added", content_index=0, part=dict(part))]

    def _add(self, text: str) -> None:
        assert self._open is not None
        self._open["content"][0]["text"] += text

    def _closed(self, status: str = "completed") -> Sequence[Told]:
        """End the item that is open, if any."""
        if (item := self._open) is None:
            return []
        part = item["content"][0]
        item["status"] = status
        more: dict[str, Any] = {"logprobs": []} if item["type"] == "message" else {}
        told = [
            self._at(f"{part['type']}.done", content_index=0, text=part["text"], **more),
            self._at("content_part.done", content_index=0, part=part),
            self._event("output_item.done", item=item),
        ]
        self._open = None
        return told

    def _call(self, call: ToolCall) -> Sequence[Told]:
        item: dict[str, Any] = {"id": f"fc_{secrets.token_hex(12)}", "type": "function_call"}
        item |= {"call_id": call.id, "name": call.name, "arguments": "", "status": "in_progress"}
        self._open = item
        self._output.append(item)
        told = [self._event("output_item.added", item=dict(item))]
        item |= {"arguments": call.arguments, "status": "completed"}
        told += [
            self._at("function_call_arguments.delta", delta=call.arguments),
            self._at("function_call_arguments.done", arguments=call.arguments, name=call.name),
            self._event("output_item.done", item=item),
        ]
        self._open = None
        return told

    def _at(self, kind: str, **fields: Any) -> Told:
        """An event about the item that is open."""
        assert self._open is not None
        return self._event(kind, item_id=self._open["id"], **fields)

    def _event(self, kind: str, **fields: Any) -> Told:
        return self._numbered(kind, output_index=len(self._output) - 1, **fields)

    def _whole_event(self, kind: str) -> Told:
        return self._numbered(kind, response=self.whole)

    def _numbered(self, kind: str, **fields: Any) -> Told:
        name = f"response.{kind}"
        told = Told({"type": name, "sequence_number": self._number, **fields}, name)
        self._number += 1
        return told


_PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "reasoning": ("rs", {"type": "reasoning_text", "text": ""}),
    "message": ("msg", {"type": "output_text", "text": "", "annotations": []}),
}


def usage_in_responses(usage: Usage) -> dict[str, Any]:
    """The usage object of the Responses API."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
