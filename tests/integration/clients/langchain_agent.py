"""A conversation of two steps by LangChain's agent (LangGraph) with langchain-openai's model.

Usage: BASE_URL QUESTION [stream]. Prints a line of JSON: the answer, and the versions.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

MODEL = os.environ.get("MODEL", "openai/gpt-oss-20b")


@tool
def get_weather(city: str, unit: str) -> str:
    """Say how warm it is in a city."""
    return f"20 degrees {unit} in {city}"


def main(url: str, question: str, *how: str) -> None:
    model = ChatOpenAI(base_url=url, api_key="EMPTY", model=MODEL, streaming="stream" in how)
    agent = create_agent(model, tools=[get_weather])
    result = agent.invoke({"messages": [{"role": "user", "content": question}]})
    versions = {name: version(name) for name in ("langchain", "langchain-openai", "langgraph")}
    print(json.dumps({"answer": result["messages"][-1].content, "versions": versions}))


main(*sys.argv[1:])
