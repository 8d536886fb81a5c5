"""Tools of chores that the embedded model runs: a box imports them from this file."""

from __future__ import annotations

from pathlib import Path

from toolrun import tool


@tool
def word_count(path: str) -> int:
    """Count the words in a text file.

    Args:
        path: Path of the file
    """
    return len(Path(path).read_text().split())


@tool
def read_file(path: str) -> str:
    """Read a text file and return what it says.

    Args:
        path: Path of the file
    """
    if not Path(path).exists():
        raise ValueError(f"{path} not found, did you mean {Path(path).with_suffix('.md')}?")
    return Path(path).read_text()


@tool(trusted=True)
async def get_weather(city: str) -> str:
    """Get the weather for a city.

    Args:
        city: The city
    """
    return f"{20 + len(city)} degrees, sunny"
