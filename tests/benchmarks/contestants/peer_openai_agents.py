"""openai-agents: its runner over Chat Completions, with its tracing turned off."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

from tests.benchmarks.task import INSTRUCTIONS, get_weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_TURNS = 1000
_DELTAS = ("response.output_text.delta", "response.reasoning_text.delta")


class OpenaiAgents:
    def __init__(self, agent: Any) -> None:
        self.agent = agent

    async def ask(self, prompt: str) -> str:
        result = await Runner.run(self.agent, prompt, max_turns=MAX_TURNS)
        text: str = result.final_output
        return text

    async def stream(self, prompt: str) -> tuple[str, int]:
        pieces = 0
        result = Runner.run_streamed(self.agent, prompt, max_turns=MAX_TURNS)
        async for event in result.stream_events():
            if event.type == "raw_response_event" and event.data.type in _DELTAS:
                pieces += 1
        return result.final_output, pieces


@asynccontextmanager
async def entry(url: str, model: str) -> AsyncIterator[OpenaiAgents]:
    set_tracing_disabled(disabled=True)
    async with AsyncOpenAI(base_url=url, api_key="EMPTY") as client:
        yield OpenaiAgents(
            Agent(
                name="weather",
                instructions=INSTRUCTIONS,
                model=OpenAIChatCompletionsModel(model, openai_client=client),
                tools=[function_tool(get_weather)],
            )
        )
