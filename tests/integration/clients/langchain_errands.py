"""Errands by LangChain's `create_agent` with langchain-openai's model, as their pages show it.

Usage: see `tests/rig/nano/errand_tools.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from tests.rig.nano.errand_tools import STEPS, main

if TYPE_CHECKING:
    from tests.rig.nano.errand_tools import Function, Server


def solve(server: Server, user: str, functions: list[Function]) -> None:
    model = ChatOpenAI(
        base_url=server.url, api_key="EMPTY", model=server.model, temperature=server.temperature
    )
    tools = [tool(each, parse_docstring=True) for each in functions]
    agent = create_agent(model, tools=tools)
    agent.invoke({"messages": [{"role": "user", "content": user}]}, {"recursion_limit": 2 * STEPS})


main(solve, "langchain", "langchain-openai")
