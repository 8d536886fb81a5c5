"""What is in the folder that command lines are tried in, and what does the mock say there?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.rig.mock import Call, Step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.rig.mock import MockServer

TOOLS = '''
import time
from pathlib import Path
from toolrun import tool

@tool
def word_count(path: str) -> int:
    """Count the words of a text file."""
    print("counting \\x1b[2J", path)
    return len(Path(path).read_text().split())

@tool
def wait(seconds: float) -> str:
    """Wait."""
    time.sleep(seconds)
    return "waited"

@tool(trusted=True, approve=True)
def send(text: str) -> str:
    """Send a text."""
    return "sent " + text
'''
NOTES = "one two three four\n"
PROMPT = "\u276f"
COUNT = Call("word_count", '{"path":"notes.md"}')
WORKSPACE = ("--tools", "my_tools.py:word_count", "--workspace", "notes")
READING = (*WORKSPACE, "--profile", "workspace-ro")


def fill(folder: Path) -> None:
    """Write the tools, and a workspace with four words in it."""
    (folder / "my_tools.py").write_text(TOOLS)
    (folder / "notes").mkdir()
    (folder / "notes" / "notes.md").write_text(NOTES)


def counting(mock: MockServer) -> None:
    mock.script(
        Step("I should count.", "I will count.", tool_calls=(COUNT,)),
        Step("The tool has counted.", "There are 4."),
    )


def until(there: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
