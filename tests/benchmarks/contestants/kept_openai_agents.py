"""openai-agents with its SQLiteSession: the same conversations, kept."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    Runner,
    SQLiteSession,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

from tests.benchmarks.contestants.peer_openai_agents import MAX_TURNS
from tests.benchmarks.task import ANSWER, INSTRUCTIONS, PROMPT, get_weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class KeptAgents:
    def __init__(self, agent: Any, file: str) -> None:
        self.agent = agent
        self.file = file

    async def talk(self, session: str, turns: int) -> None:
        kept = SQLiteSession(session, self.file)
        for _ in range(turns):
            result = await Runner.run(self.agent, PROMPT, session=kept, max_turns=MAX_TURNS)
            assert result.final_output == ANSWER
        kept.close()

    async def resume(self, session: str) -> int:
        kept = SQLiteSession(session, self.file)
        items = await kept.get_items()
        kept.close()
        return sum(item.get("type") != "reasoning" for item in items)


@asynccontextmanager
async def entry(url: str, model: str, store: str | None) -> AsyncIterator[KeptAgents]:
    set_tracing_disabled(disabled=True)
    assert store is not None
    async with AsyncOpenAI(base_url=url, api_key="EMPTY") as client:
        yield KeptAgents(
            Agent(
                name="weather",
                instructions=INSTRUCTIONS,
                model=OpenAIChatCompletionsModel(model, openai_client=client),
                tools=[function_tool(get_weather)],
            ),
            store,
        )
