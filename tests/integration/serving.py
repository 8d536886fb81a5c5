"""How does a test get `toolrun serve` as a process, and clients of it?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import toolrun

if TYPE_CHECKING:
    from types import TracebackType

ROOT = str(Path(toolrun.__file__).parent.parent)
TOOLS = '''
import time
from pathlib import Path
from typing import Literal
from toolrun import tool

@tool
def get_weather(city: str, unit: Literal["C", "F"] = "C") -> dict:
    """Say how warm it is in a city."""
    return {"city": city, "degrees": 20, "unit": unit}

@tool(trusted=True)
async def wait(path: str) -> str:
    """Wait, and say in a file how that ended."""
    import anyio
    Path(path).write_text("begun")
    try:
        await anyio.sleep(60)
    finally:
        Path(path).write_text("ended")
    return "waited"

@tool(trusted=True, approve=True)
def send(text: str) -> str:
    """Send a text."""
    return "sent " + text
'''
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Say how warm it is in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city"],
        },
    },
}


class Served:
    """A `toolrun serve` in a process of its own; it ends with the block.

    Attributes:
        url: its base URL; ends in `/v1`.
        root: the same without.
        err: what it logs.
    """

    def __init__(self, folder: Path, base_url: str, *words: str, **env: str) -> None:
        (folder / "my_tools.py").write_text(TOOLS)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TOOLRUN_")}
        self._err = folder / "err.txt"
        command = [sys.executable, "-m", "toolrun", "serve", "--port", "0", "--base-url", base_url]
        with self._err.open("w") as err:
            self.process = subprocess.Popen(
                [*command, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                cwd=folder,
                env={**kept, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1", **env},
                text=True,
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.close()
            raise RuntimeError(f"toolrun serve did not start:\n{self.err}")
        self.root = self.url.removesuffix("/v1")

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def fds(self) -> frozenset[int]:
        """This process's end of the pipe to it."""
        assert self.process.stdout is not None
        return frozenset({self.process.stdout.fileno()})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def close(self) -> int:
        """End it, and return with which code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        code = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
