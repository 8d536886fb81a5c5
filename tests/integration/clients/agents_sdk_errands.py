"""Errands by the OpenAI Agents SDK with its Chat Completions model, as its pages show it.

Usage: see `tests/rig/nano/errand_tools.py`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, function_tool
from openai import AsyncOpenAI

from tests.rig.nano.errand_tools import STEPS, main

if TYPE_CHECKING:
    from tests.rig.nano.errand_tools import Function, Server


def solve(server: Server, user: str, functions: list[Function]) -> None:
    async def run() -> None:
        async with AsyncOpenAI(base_url=server.url, api_key="EMPTY") as client:
            agent = Agent(
                name="Assistant",
                model=OpenAIChatCompletionsModel(server.model, client),
                model_settings=ModelSettings(temperature=server.temperature),
                tools=[function_tool(each) for each in functions],
            )
            await Runner.run(agent, user, max_turns=STEPS)

    asyncio.run(run())


main(solve, "openai-agents")
