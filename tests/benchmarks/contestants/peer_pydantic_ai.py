"""pydantic-ai's agent, with its own chat model for OpenAI-compatible servers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI
from pydantic_ai import (  # type: ignore[import-not-found]
    Agent,
    AgentRunResultEvent,
    PartDeltaEvent,
    PartStartEvent,
)
from pydantic_ai.models.openai import OpenAIChatModel  # type: ignore[import-not-found]
from pydantic_ai.providers.openai import OpenAIProvider  # type: ignore[import-not-found]
from pydantic_ai.usage import UsageLimits  # type: ignore[import-not-found]

from tests.benchmarks.task import INSTRUCTIONS, get_weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NO_LIMIT: Any = UsageLimits(request_limit=None)


class PydanticAi:
    def __init__(self, agent: Any) -> None:
        self.agent = agent

    async def ask(self, prompt: str) -> str:
        result = await self.agent.run(prompt, usage_limits=NO_LIMIT)
        text: str = result.output
        return text

    async def stream(self, prompt: str) -> tuple[str, int]:
        text, pieces = "", 0
        async with self.agent.run_stream_events(prompt, usage_limits=NO_LIMIT) as events:
            async for event in events:
                if isinstance(event, PartDeltaEvent | PartStartEvent):
                    pieces += 1
                elif isinstance(event, AgentRunResultEvent):
                    text = event.result.output
        return text, pieces


@asynccontextmanager
async def entry(url: str, model: str) -> AsyncIterator[PydanticAi]:
    async with AsyncOpenAI(base_url=url, api_key="EMPTY") as client:
        chat = OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))
        yield PydanticAi(Agent(chat, instructions=INSTRUCTIONS, tools=[get_weather]))
