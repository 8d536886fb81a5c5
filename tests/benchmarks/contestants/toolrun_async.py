"""toolrun with a tool that is a coroutine function: a plain one is called in a thread."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from tests.benchmarks import task
from tests.benchmarks.contestants.toolrun_session import LIMITS, ToolrunSession
from toolrun import Runtime, tool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@tool(trusted=True)
async def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """The temperature in a city.

    Args:
        city: Its name.
        unit: Celsius or Fahrenheit.
    """
    return task.get_weather(city, unit)


@asynccontextmanager
async def entry(url: str, model: str) -> AsyncIterator[ToolrunSession]:
    async with Runtime(
        model=model,
        base_url=url,
        tools=[get_weather],
        instructions=task.INSTRUCTIONS,
        limits=LIMITS,
    ) as runtime:
        yield ToolrunSession(runtime)
