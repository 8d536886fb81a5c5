"""A conversation of two steps by the Agents SDK, with a tool whose schema nobody has embellished.

Usage: BASE_URL QUESTION litellm|responses. Prints a line of JSON: the answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from agents import Agent, FunctionTool, OpenAIResponsesModel, Runner
from agents.extensions.models.litellm_model import LitellmModel
from openai import AsyncOpenAI

if TYPE_CHECKING:
    from agents import Model


async def weather(context: Any, arguments: str) -> str:
    del context
    return f"20 degrees in {json.loads(arguments)['city']}"


async def main(url: str, question: str, how: str) -> None:
    model: Model
    if how == "litellm":
        model = LitellmModel("hosted_vllm/nano", base_url=url, api_key="EMPTY")
    else:
        model = OpenAIResponsesModel("nano", AsyncOpenAI(base_url=url, api_key="EMPTY"))
    city = {"type": "string", "description": "its name"}
    tool = FunctionTool(
        name="get_weather",
        description="Tell how warm it is in a city.",
        params_json_schema={"type": "object", "properties": {"city": city}, "required": ["city"]},
        on_invoke_tool=weather,
        strict_json_schema=False,
    )
    result = await Runner.run(Agent(name="Weather", model=model, tools=[tool]), question)
    print(json.dumps({"answer": result.final_output}))


asyncio.run(main(*sys.argv[1:]))
