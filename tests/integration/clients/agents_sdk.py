"""A conversation of two steps by the Agents SDK, over its LitellmModel or its Chat Completions one.

Usage: BASE_URL QUESTION litellm|chat. Prints a line of JSON: the answer, and the versions.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
from agents.extensions.models.litellm_model import LitellmModel
from openai import AsyncOpenAI

if TYPE_CHECKING:
    from agents import Model

MODEL = os.environ.get("MODEL", "openai/gpt-oss-20b")


@function_tool
def get_weather(city: str, unit: str) -> str:
    """Say how warm it is in a city."""
    return f"20 degrees {unit} in {city}"


async def main(url: str, question: str, how: str) -> None:
    model: Model
    packages = ["openai-agents"]
    if how == "litellm":
        packages.append("litellm")
        model = LitellmModel(f"hosted_vllm/{MODEL}", base_url=url, api_key="EMPTY")
    else:
        client = AsyncOpenAI(base_url=url, api_key="EMPTY")
        model = OpenAIChatCompletionsModel(MODEL, client)
    agent = Agent(name="Weather", model=model, tools=[get_weather])
    result = await Runner.run(agent, question)
    versions = {name: version(name) for name in packages}
    print(json.dumps({"answer": result.final_output, "versions": versions}))


asyncio.run(main(*sys.argv[1:]))
