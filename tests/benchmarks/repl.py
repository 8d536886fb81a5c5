"""Which programs that one types at are measured, and what does the mock stream to ours?"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.rig.mock import Step
from tests.rig.teletype import Teletype

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.rig.mock import MockServer

TOOLRUN: Final = "toolrun chat"
PROMPT: Final = "\u276f"
_PEERS: Final = Path(__file__).parents[2] / ".venv-peers" / "bin"
_DROPPED: Final = ("TOOLRUN_", "PYTHON", "OPENAI_", "LLM_", "IPYTHON", "XDG_", "COLUMNS", "LINES")
"""What would make one of the programs another one than people have."""

_PARAGRAPH: Final = """\
## Part {number}

The **cache** keeps what was read, so a second look costs nothing; `expire` drops what is old.

- first the index, then the page
- a page that is not there is *asked for once*

```python
def page(number: int) -> str:
    return cache.get(number) or read(number)
```

| what | how long |
|---|---|
| a hit | 3 ms |
| a miss | 40 ms |

"""


@dataclass(frozen=True)
class Program:
    """A program that one types at.

    Attributes:
        prompt: what it has written once it waits for a line.
        env: what it needs beside the environment of all.
    """

    name: str
    command: tuple[str, ...]
    prompt: str
    env: Mapping[str, str] = field(default_factory=dict)

    def start(self, home: Path) -> Teletype:
        """Start it in a terminal, with a home of its own."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_DROPPED)}
        env = {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", **self.env}
        return Teletype(self.command, env=env, folder=home)


def toolrun(url: str) -> Program:
    """The chat, in front of a server."""
    command = (sys.executable, "-m", "toolrun", "chat", "--base-url", url)
    return Program(TOOLRUN, command, PROMPT, {"PYTHONPATH": str(Path(__file__).parents[2])})


def peers() -> list[Program]:
    """The programs of others that are there: of `make bench-peers`, of this environment, any."""
    mine = Path(sys.executable).parent
    llm = next((str(path / "llm") for path in (mine, _PEERS) if (path / "llm").exists()), None)
    sqlite = shutil.which("sqlite3")
    found = [Program("python -m IPython", (sys.executable, "-m", "IPython"), "In [")]
    if llm is not None:
        # Any key: no server is asked before the first message.
        asked = (llm, "chat", "-m", "gpt-4o-mini")
        found.append(Program("llm chat", asked, "\n> ", {"OPENAI_API_KEY": "none"}))
    if sqlite is not None:
        found.append(Program("sqlite3", (sqlite,), "sqlite> "))
    return found


def say(mock: MockServer, chunks: int, rate: float) -> None:
    """Stream Markdown from now on: so many chunks, so many a second."""
    together = max(round(rate / 100), 1)
    text, number = "", 0
    while len(text) < chunks * 7:  # a chunk is up to six letters and the blanks before them
        number += 1
        text += _PARAGRAPH.format(number=number)
    pieces = _first(text, chunks)
    step = Step(None, pieces, chunk_delay_s=together / rate, chunks_per_write=together)
    mock.script(step)


def _first(text: str, chunks: int) -> str:
    from tests.rig.mock_steps import tokens

    return "".join(tokens(text)[:chunks])
