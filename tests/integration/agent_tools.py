"""The tools that the scripted model calls, in a module of their own: a box imports them from it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from toolrun import tool


@tool
def word_count(path: str) -> int:
    """Count the words of a text file.

    Args:
        path: which file
    """
    return len(Path(path).read_text().split())


@tool(trusted=True, timeout=5)
async def get_weather(city: str, unit: Literal["C", "F"] = "C") -> dict[str, object]:
    """Say how warm it is in a city."""
    return {"city": city, "degrees": 20, "unit": unit}
