"""toolrun as its users hold it: a session of its own for each conversation, one runtime for all."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.benchmarks.task import INSTRUCTIONS, get_weather
from toolrun import Runtime, tool
from toolrun.events import ReasoningDelta, TextDelta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WEATHER = tool(trusted=True)(get_weather)


class ToolrunSession:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def ask(self, prompt: str) -> str:
        async with self.runtime.session() as session:
            return (await session.ask(prompt)).text

    async def stream(self, prompt: str) -> tuple[str, int]:
        text, pieces = "", 0
        async with self.runtime.session() as session, session.stream(prompt) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    text += event.text
                    pieces += 1
                elif isinstance(event, ReasoningDelta):
                    pieces += 1
        return text, pieces


@asynccontextmanager
async def entry(url: str, model: str) -> AsyncIterator[ToolrunSession]:
    async with Runtime(
        model=model, base_url=url, tools=[WEATHER], instructions=INSTRUCTIONS
    ) as runtime:
        yield ToolrunSession(runtime)
