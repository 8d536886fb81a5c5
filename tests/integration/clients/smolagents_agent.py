"""A conversation of two steps by smolagents' ToolCallingAgent.

Usage: BASE_URL QUESTION. Prints a line of JSON: the answer, and the version.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from smolagents import OpenAIServerModel, ToolCallingAgent, tool

STEPS = [
    (
        "<|channel|>analysis<|message|>I need the weather in Paris: get_weather knows.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json"
        '<|message|>{"city":"Paris","unit":"C"}<|call|>'
    ),
    (
        "<|channel|>analysis<|message|>The tool says how warm it is.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.final_answer <|constrain|>json"
        '<|message|>{"answer":"It is 20 degrees in Paris."}<|call|>'
    ),
]
"""What the scripted model says: smolagents' answers are calls, too."""


@tool
def get_weather(city: str, unit: str) -> str:
    """Say how warm it is in a city.

    Args:
        city: its name.
        unit: C or F.
    """
    return f"20 degrees {unit} in {city}"


def main(url: str, question: str) -> None:
    model = OpenAIServerModel(
        model_id="openai/gpt-oss-20b",
        api_base=url,
        api_key="EMPTY",
        # "required", its default, is a grammar that the scripted model's headers depart from.
        tool_choice="auto",
        extra_body={"vllm_xargs": {"harmony": STEPS}},
    )
    agent = ToolCallingAgent(tools=[get_weather], model=model, max_steps=3, verbosity_level=-1)
    answer = agent.run(question)
    print()
    print(json.dumps({"answer": str(answer), "versions": {"smolagents": version("smolagents")}}))


main(*sys.argv[1:])
