"""gpt-oss in your own process, as OpenAI's guide "How to run gpt-oss with vLLM" samples directly.

The guide renders a conversation by harmony, has `LLM.generate` sample its tokens, and parses what
comes. A session does the same for each step, calls the tool, gives the result back, and samples on
from the very tokens that it has sampled:

    pip install 'toolrun[vllm]'
    python vllm_in_process.py
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from toolrun import Answer, EngineSampler, HarmonyModel, Sampling, Session, tool

if TYPE_CHECKING:
    from toolrun import TokenSampler


@tool(trusted=True)
def get_current_weather(
    location: str,
    format: Literal["celsius", "fahrenheit"] = "celsius",  # noqa: A002 - the guide's name
) -> dict[str, object]:
    """Gets the current weather in the provided location.

    Args:
        location: The city and state, e.g. San Francisco, CA
        format: The unit of the temperature.
    """
    degrees = 20 if format == "celsius" else 68
    return {"location": location, "sunny": True, "temperature": degrees, "format": format}


async def ask(sampler: TokenSampler) -> Answer:
    """The guide's conversation: riddles, and the weather in San Francisco."""
    async with Session(
        model=HarmonyModel(sampler),
        instructions="Always respond in riddles",
        tools=[get_current_weather],
        sampling=Sampling(temperature=1.0, max_tokens=2048),
    ) as session:
        return await session.ask("What is the weather like in SF?")


async def main() -> None:
    """Start vLLM here, ask, and shut it down."""
    sampler = EngineSampler.start("openai/gpt-oss-20b", max_model_len=32768)
    try:
        answer = await ask(sampler)
    finally:
        await sampler.aclose()
    print("It thought:", answer.reasoning)
    for call in answer.tool_calls:
        print("It called:", call.name, call.arguments)
    print("It said:", answer.text)


if __name__ == "__main__":  # vLLM's processes import this file again
    asyncio.run(main())
