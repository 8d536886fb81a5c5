"""langchain's agent with langgraph's checkpointer for SQLite: the same conversations, kept."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent  # type: ignore[import-not-found]
from langchain_openai import ChatOpenAI  # type: ignore[import-not-found]
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # type: ignore[import-not-found]

from tests.benchmarks.contestants.peer_langchain import CONFIG
from tests.benchmarks.task import ANSWER, INSTRUCTIONS, PROMPT, get_weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class KeptLangchain:
    def __init__(self, graph: Any) -> None:
        self.graph = graph

    async def talk(self, session: str, turns: int) -> None:
        said = {"messages": [{"role": "user", "content": PROMPT}]}
        for _ in range(turns):
            result = await self.graph.ainvoke(said, config=_config(session))
            assert result["messages"][-1].content == ANSWER

    async def resume(self, session: str) -> int:
        state = await self.graph.aget_state(_config(session))
        return len(state.values["messages"])


def _config(session: str) -> dict[str, Any]:
    return {**CONFIG, "configurable": {"thread_id": session}}


@asynccontextmanager
async def entry(url: str, model: str, store: str | None) -> AsyncIterator[KeptLangchain]:
    chat = ChatOpenAI(model=model, base_url=url, api_key="EMPTY")
    async with AsyncSqliteSaver.from_conn_string(store) as saver:
        yield KeptLangchain(
            create_agent(chat, tools=[get_weather], system_prompt=INSTRUCTIONS, checkpointer=saver)
        )
