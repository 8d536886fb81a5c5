"""How does a test press keys and look at the screen? A program in a tmux of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.unit.cli.work import until

if TYPE_CHECKING:
    from collections.abc import Mapping

_TERMINAL: Final = ("TMUX", "TERM", "COLUMNS", "LINES")
"""What a terminal says of itself; ours is another."""


class Pane:
    """A program in tmux."""

    def __init__(self, folder: Path, env: Mapping[str, str], *words: str) -> None:
        self._socket = f"toolrun-{uuid.uuid4().hex[:8]}"
        self._pid = 0
        inner = "; ".join(
            [
                "trap : INT",  # Ctrl-C is for the program, and the shell outlives it
                " ".join([sys.executable, "-m", "toolrun", *words]),
                "echo ended with $?",
                "cat",
            ]
        )
        passed = [f"{key}={value}" for key, value in env.items() if key not in _TERMINAL]
        self._tmux(
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "40",
            "-c",
            str(folder),
            "env",
            # readline, which pytest imports, has set them behind the back of os.environ; in
            # a worker of xdist they stand there too.
            *("-u", "COLUMNS", "-u", "LINES"),
            *passed,
            "sh",
            "-c",
            inner,
        )
        self._pid = int(self._tmux("display-message", "-p", "#{pid}"))

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-L", self._socket, "-f", "/dev/null", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout

    def screen(self) -> str:
        shown = self._tmux("capture-pane", "-p")
        return "\n".join(line.rstrip() for line in shown.splitlines()).rstrip("\n")

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def say(self, text: str) -> None:
        self.type(text)
        self.press("Enter")

    def resize(self, columns: int, rows: int = 40) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def shows(self, text: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while text not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"{text!r} is not on the screen:\n{screen}"
            time.sleep(0.05)

    def signal(self, number: int) -> None:
        """Send a signal to the program, which is the only child of the pane's shell."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        assert len(children) == 1
        os.kill(int(children[0]), number)

    def close(self) -> None:
        self._tmux("kill-server")
        until(lambda: not Path(f"/proc/{self._pid}").exists())
