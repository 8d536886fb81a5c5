"""The tool of `toolrun demo`: `from toolrun import tool` is all that it takes."""

from pathlib import Path

from toolrun import tool


@tool
def word_count(path: str) -> int:
    """Count the words of a text file.

    Args:
        path: The file, below the workspace.
    """
    return len(Path(path).read_text(encoding="utf-8").split())
