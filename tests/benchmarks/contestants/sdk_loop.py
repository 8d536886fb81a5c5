"""The loop that people write by hand with `AsyncOpenAI`; it does send the reasoning back."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI

from tests.benchmarks.task import INSTRUCTIONS, TOOL, get_weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FUNCTIONS = {"get_weather": get_weather}


class SdkLoop:
    def __init__(self, client: AsyncOpenAI, model: str) -> None:
        self.client = client
        self.model = model

    async def ask(self, prompt: str) -> str:
        messages: list[Any] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": prompt},
        ]
        while True:
            completion: Any = await self.client.chat.completions.create(
                model=self.model,
                messages=messages,
                tools=[TOOL],
            )
            message = completion.choices[0].message
            if not message.tool_calls:
                return message.content or ""
            messages.append(
                {
                    "role": "assistant",
                    "content": message.content,
                    "reasoning": getattr(message, "reasoning", None),
                    "tool_calls": [call.model_dump() for call in message.tool_calls],
                }
            )
            for call in message.tool_calls:
                result = FUNCTIONS[call.function.name](**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    async def stream(self, prompt: str) -> tuple[str, int]:
        messages: list[Any] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": prompt},
        ]
        pieces = 0
        while True:
            reasoning, content = "", ""
            calls: dict[int, dict[str, Any]] = {}
            stream: Any = await self.client.chat.completions.create(
                model=self.model,
                messages=messages,
                tools=[TOOL],
                stream=True,
                stream_options={"include_usage": True},
            )
            async for chunk in stream:
                if not chunk.choices:
                    continue
                delta = chunk.choices[0].delta
                if thought := getattr(delta, "reasoning", None):
                    reasoning += thought
                    pieces += 1
                if delta.content:
                    content += delta.content
                    pieces += 1
                for part in delta.tool_calls or []:
                    call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                    call["id"] = part.id or call["id"]
                    call["name"] = part.function.name or call["name"]
                    call["arguments"] += part.function.arguments or ""
            if not calls:
                return content, pieces
            messages.append(
                {
                    "role": "assistant",
                    "content": content or None,
                    "reasoning": reasoning,
                    "tool_calls": [
                        {
                            "id": call["id"],
                            "type": "function",
                            "function": {"name": call["name"], "arguments": call["arguments"]},
                        }
                        for call in calls.values()
                    ],
                }
            )
            for call in calls.values():
                result = FUNCTIONS[call["name"]](**json.loads(call["arguments"]))
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


@asynccontextmanager
async def entry(url: str, model: str) -> AsyncIterator[SdkLoop]:
    async with AsyncOpenAI(base_url=url, api_key="EMPTY") as client:
        yield SdkLoop(client, model)
