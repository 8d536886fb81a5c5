"""The tools of `toolrun demo`: `from toolrun import tool` is all that it takes."""

import socket
from pathlib import Path

from toolrun import tool


@tool
def word_count(path: str) -> int:
    """Count the words of a text file.

    Args:
        path: The file, below the workspace.
    """
    print(_around(Path(path)))
    return len(Path(path).read_text(encoding="utf-8").split())


@tool
def reveal(answer: str) -> str:
    """Take the answer, at the end.

    Args:
        answer: What was chosen.
    """
    return f"{answer} it is"


def _around(file: Path) -> str:
    """What a tool finds around it; it is shown, and the model gets the result alone."""
    try:
        file.open("a").close()
        writes = "can be written"
    except OSError as error:
        writes = f"cannot be written ({error.strerror})"
    seen = sum(each.name.isdigit() for each in Path("/proc").iterdir())
    networks = ", ".join(name for _, name in socket.if_nameindex())
    return f"In the box: {seen} processes, networks: {networks or 'none'}; {file} {writes}"
