"""A conversation of two steps by the Agents SDK over its LitellmModel.

Usage: BASE_URL QUESTION. Prints a line of JSON: the answer, and the versions.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version

from agents import Agent, Runner, function_tool
from agents.extensions.models.litellm_model import LitellmModel


@function_tool
def get_weather(city: str, unit: str) -> str:
    """Say how warm it is in a city."""
    return f"20 degrees {unit} in {city}"


async def main(url: str, question: str) -> None:
    model = LitellmModel(model="hosted_vllm/openai/gpt-oss-20b", base_url=url, api_key="EMPTY")
    agent = Agent(name="Weather", model=model, tools=[get_weather])
    result = await Runner.run(agent, question)
    versions = {name: version(name) for name in ("openai-agents", "litellm")}
    print(json.dumps({"answer": result.final_output, "versions": versions}))


asyncio.run(main(*sys.argv[1:]))
