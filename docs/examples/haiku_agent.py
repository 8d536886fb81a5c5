"""The haiku agent of the guide "How to run gpt-oss with vLLM", on the OpenAI Agents SDK.

    python haiku_agent.py                # the SDK's own model, over the Responses API
    python haiku_agent.py toolrun        # toolrun's model, and its tool in a sandbox

Needs `pip install 'toolrun[agents]'` and a vLLM (docs/how-to/serve-gpt-oss.md).
"""

import asyncio
import os
import sys

from agents import (
    Agent,
    OpenAIResponsesModel,
    Runner,
    Tool,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

from toolrun import Runtime, tool
from toolrun.integrations.agents import ToolrunModel, function_tools

BASE_URL = os.environ.get("TOOLRUN_BASE_URL", "http://localhost:8000/v1")
MODEL = os.environ.get("TOOLRUN_MODEL", "openai/gpt-oss-20b")
QUESTION = "What's the weather in Tokyo?"
INSTRUCTIONS = "You only respond in haikus."


@tool
def get_weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f"The weather in {city} is sunny."


async def with_the_sdks_model(question: str) -> str:
    """The guide's way: the SDK sends reasoning items back, vLLM's Responses API takes them."""
    model = OpenAIResponsesModel(MODEL, AsyncOpenAI(base_url=BASE_URL, api_key="EMPTY"))
    # A strict tool has vLLM hold all of the reply to a grammar, from 0.27 on.
    tools: list[Tool] = [function_tool(get_weather, strict_mode=False)]
    agent = Agent(name="Assistant", instructions=INSTRUCTIONS, tools=tools, model=model)
    result = await Runner.run(agent, question)
    return str(result.final_output)


async def with_toolruns_model(question: str) -> str:
    """Malformed output is sampled again, arguments are checked, the tool runs in a sandbox."""
    async with Runtime(base_url=BASE_URL, model=MODEL) as runtime:
        agent = Agent(
            name="Assistant",
            instructions=INSTRUCTIONS,
            tools=function_tools([get_weather], runtime),
            model=ToolrunModel(runtime),
        )
        result = await Runner.run(agent, question)
        return str(result.final_output)


async def main(way: str = "sdk", question: str = QUESTION) -> None:
    """Ask one of the two."""
    set_tracing_disabled(disabled=True)  # the SDK sends traces to OpenAI, else
    ask = with_toolruns_model if way == "toolrun" else with_the_sdks_model
    print(await ask(question))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
