"""What is the least that the task takes? An HTTP client and json: no objects, no checks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from tests.benchmarks.task import INSTRUCTIONS, TOOL, get_weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Http(Protocol):
    """A client, as bare as it comes."""

    async def whole(self, body: dict[str, Any]) -> bytes:
        """The whole reply to a body."""
        ...

    def reads(self, body: dict[str, Any]) -> AsyncIterator[bytes]:
        """The reply to a body as it arrives."""
        ...


class RawLoop:
    """Keeps nothing that the task does not need."""

    def __init__(self, http: Http, model: str) -> None:
        self.http = http
        self.model = model

    def body(self, prompt: str) -> dict[str, Any]:
        messages = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": prompt},
        ]
        return {"model": self.model, "messages": messages, "tools": [TOOL]}

    def answer(self, body: dict[str, Any], message: dict[str, Any]) -> None:
        body["messages"].append(message)
        for call in message["tool_calls"]:
            result = get_weather(**json.loads(call["function"]["arguments"]))
            body["messages"].append({"role": "tool", "tool_call_id": call["id"], "content": result})

    async def ask(self, prompt: str) -> str:
        body = self.body(prompt)
        while True:
            message = json.loads(await self.http.whole(body))["choices"][0]["message"]
            if not message.get("tool_calls"):
                content: str = message["content"]
                return content
            self.answer(body, message)

    async def stream(self, prompt: str) -> tuple[str, int]:
        body = self.body(prompt) | {"stream": True, "stream_options": {"include_usage": True}}
        pieces = 0
        while True:
            message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning": ""}
            calls: list[dict[str, Any]] = []
            rest = b""
            async for data in self.http.reads(body):
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    pieces += add(event, message, calls)
            if not calls:
                return message["content"], pieces
            message["tool_calls"] = calls
            self.answer(body, message)


def add(event: bytes, message: dict[str, Any], calls: list[dict[str, Any]]) -> int:
    """Add an event of a stream to a message; returns how many pieces of text that was."""
    if event == b"data: [DONE]":
        return 0
    choices = json.loads(event[6:])["choices"]
    if not choices:
        return 0
    delta, said = choices[0]["delta"], 0
    for name in ("reasoning", "content"):
        if delta.get(name):
            message[name] += delta[name]
            said += 1
    for part in delta.get("tool_calls", ()):
        if "id" in part:
            calls.append({key: part[key] for key in ("id", "type", "function")})
        else:
            calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
    return said
