"""A conversation of two steps by Strands' agent.

Usage: BASE_URL QUESTION. Prints a line of JSON: the answer, and the version.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version

from strands import Agent, tool
from strands.models.openai import OpenAIModel

MODEL = os.environ.get("MODEL", "openai/gpt-oss-20b")


@tool
def get_weather(city: str, unit: str) -> str:
    """Say how warm it is in a city.

    Args:
        city: its name.
        unit: C or F.
    """
    return f"20 degrees {unit} in {city}"


def main(url: str, question: str) -> None:
    model = OpenAIModel(client_args={"base_url": url, "api_key": "EMPTY"}, model_id=MODEL)
    agent = Agent(model=model, tools=[get_weather], callback_handler=None)
    answer = str(agent(question)).strip()
    print(json.dumps({"answer": answer, "versions": {"strands-agents": version("strands-agents")}}))


main(*sys.argv[1:])
