"""Errands by smolagents' ToolCallingAgent with its OpenAIServerModel, as its pages show it.

Usage: see `tests/rig/nano/errand_tools.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smolagents import OpenAIServerModel, ToolCallingAgent, tool

from tests.rig.nano.errand_tools import STEPS, main

if TYPE_CHECKING:
    from tests.rig.nano.errand_tools import Function, Server


def solve(server: Server, user: str, functions: list[Function]) -> None:
    model = OpenAIServerModel(
        model_id=server.model, api_base=server.url, api_key="EMPTY", temperature=server.temperature
    )
    agent = ToolCallingAgent(
        tools=[tool(each) for each in functions], model=model, max_steps=STEPS, verbosity_level=-1
    )
    agent.run(user)


main(solve, "smolagents")
