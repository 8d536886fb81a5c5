"""toolrun as its users hold it: a session of its own for each conversation, one runtime for all."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.benchmarks.task import INSTRUCTIONS, get_weather
from toolrun import Limits, Runtime, tool
from toolrun.events import ReasoningDelta, TextDelta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WEATHER = tool(trusted=True)(get_weather)
LIMITS = Limits(steps=1000, tool_calls=1000)


class ToolrunSession:
    """A contestant; with a folder, each session writes a trace of its own into it."""

    def __init__(self, runtime: Runtime, traces: Path | None = None) -> None:
        self.runtime = runtime
        self.traces = traces
        self.sessions = 0

    def trace(self) -> Path | None:
        self.sessions += 1
        return None if self.traces is None else self.traces / f"{self.sessions}.jsonl"

    async def ask(self, prompt: str) -> str:
        async with self.runtime.session(trace=self.trace()) as session:
            return (await session.ask(prompt)).text

    async def stream(self, prompt: str) -> tuple[str, int]:
        text, pieces = "", 0
        async with (
            self.runtime.session(trace=self.trace()) as session,
            session.stream(prompt) as events,
        ):
            async for event in events:
                if isinstance(event, TextDelta):
                    text += event.text
                    pieces += 1
                elif isinstance(event, ReasoningDelta):
                    pieces += 1
        return text, pieces


@asynccontextmanager
async def entry(
    url: str, model: str, *, traces: Path | None = None
) -> AsyncIterator[ToolrunSession]:
    async with Runtime(
        model=model, base_url=url, tools=[WEATHER], instructions=INSTRUCTIONS, limits=LIMITS
    ) as runtime:
        yield ToolrunSession(runtime, traces)
