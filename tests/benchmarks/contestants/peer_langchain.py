"""langchain's agent, with ChatOpenAI."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent  # type: ignore[import-not-found]
from langchain_core.messages import AIMessageChunk  # type: ignore[import-not-found]
from langchain_openai import ChatOpenAI  # type: ignore[import-not-found]

from tests.benchmarks.task import INSTRUCTIONS, get_weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONFIG = {"recursion_limit": 10_000}


class Langchain:
    def __init__(self, agent: Any) -> None:
        self.agent = agent

    async def ask(self, prompt: str) -> str:
        said = {"messages": [{"role": "user", "content": prompt}]}
        result = await self.agent.ainvoke(said, config=CONFIG)
        text: str = result["messages"][-1].content
        return text

    async def stream(self, prompt: str) -> tuple[str, int]:
        said = {"messages": [{"role": "user", "content": prompt}]}
        text, pieces = "", 0
        async for chunk, _ in self.agent.astream(said, config=CONFIG, stream_mode="messages"):
            if isinstance(chunk, AIMessageChunk) and chunk.content:
                text += chunk.content
                pieces += 1
        return text, pieces


@asynccontextmanager
async def entry(url: str, model: str) -> AsyncIterator[Langchain]:
    chat = ChatOpenAI(model=model, base_url=url, api_key="EMPTY")
    yield Langchain(create_agent(chat, tools=[get_weather], system_prompt=INSTRUCTIONS))
