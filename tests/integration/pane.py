"""How does a test press keys and look at the screen? A program in a tmux of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.unit.cli.work import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LOOK_S: Final = 0.05
"""Seconds between two looks: a terminal tells nobody that its screen has changed."""
_TERMINAL: Final = ("TMUX", "TMUX_PANE", "TERM", "COLUMNS", "LINES")
"""What a terminal says of itself; ours is another."""
_KEPT_LINES: Final = 20_000


class Pane:
    """A program in tmux; toolrun, with these words, unless another one is given.

    Attributes:
        raw: the file that gets every byte that the program writes, where one was asked for.
    """

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str],
        *words: str,
        columns: int = 80,
        rows: int = 40,
        term: str | None = None,
        raw: Path | None = None,
        program: Sequence[str] = (sys.executable, "-m", "toolrun"),
    ) -> None:
        """Start it.

        Args:
            folder: where it runs.
            env: its environment.
            *words: its command line; the shell reads them, so `>` redirects.
            columns: of the screen.
            rows: of the screen.
            term: what TERM says; tmux's own, of eight colours, by default.
            raw: a file, which is not there yet, for what it writes.
            program: what is started.
        """
        self._socket = f"toolrun-{uuid.uuid4().hex[:8]}"
        self._pid = 0
        self.raw = raw
        inner = "; ".join(
            [
                *([f"until [ -e {shlex.quote(str(raw))} ]; do sleep 0.01; done"] if raw else []),
                "trap : INT",  # Ctrl-C is for the program, and the shell outlives it
                " ".join([*program, *words]),
                "echo ended with $?",
                "cat",
            ]
        )
        passed = [f"{key}={value}" for key, value in env.items() if key not in _TERMINAL]
        size = ("-x", str(columns), "-y", str(rows))
        self._tmux(
            *("start-server", ";", "set-option", "-g", "history-limit", str(_KEPT_LINES), ";"),
            *("new-session", "-d", *size, "-c", str(folder)),
            # readline, which pytest imports, has set them behind the back of os.environ; in
            # a worker of xdist they stand there too.
            *("env", "-u", "COLUMNS", "-u", "LINES"),
            *passed,
            *([f"TERM={term}"] if term else []),
            *("sh", "-c", inner),
        )
        self._pid = int(self._tmux("display-message", "-p", "#{pid}"))
        if raw is not None:
            self._tmux("pipe-pane", "-O", f"cat > {shlex.quote(str(raw))}")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-L", self._socket, "-f", "/dev/null", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout

    def screen(self) -> str:
        """What the screen shows."""
        return _trimmed(self._tmux("capture-pane", "-p"))

    def everything(self) -> str:
        """What the screen shows, and all that has scrolled off it."""
        return _trimmed(self._tmux("capture-pane", "-p", "-S", "-"))

    def painted(self) -> str:
        """What the screen shows, with its colours as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def cursor(self) -> tuple[int, int]:
        """The column and the row of the cursor, from 0."""
        column, row = self._tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split()
        return int(column), int(row)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def say(self, text: str) -> None:
        self.type(text)
        self.press("Enter")

    def paste(self, file: Path) -> None:
        """Paste a file's text, as a terminal does: in brackets, if the program asked for them."""
        self._tmux("load-buffer", str(file))
        self._tmux("paste-buffer", "-p", "-r")

    def resize(self, columns: int, rows: int = 40) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def shows(self, text: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while text not in (screen := self.screen()):
            late = time.monotonic() > deadline or "\nended with" in screen
            assert not late, f"{text!r} is not on the screen:\n{screen}"
            time.sleep(_LOOK_S)

    def shows_no(self, text: str, seconds: float = 20) -> None:
        """Wait until this is not, or no longer, on the screen."""
        deadline = time.monotonic() + seconds
        while text in (screen := self.screen()):
            assert time.monotonic() < deadline, f"{text!r} is still on the screen:\n{screen}"
            time.sleep(_LOOK_S)

    def has_shown(self, text: str, seconds: float = 20) -> None:
        """Wait until this is on the screen, or among what has scrolled off it."""
        deadline = time.monotonic() + seconds
        while text not in (shown := self.everything()):
            assert time.monotonic() < deadline, f"{text!r} was not shown:\n{shown[-8000:]}"
            time.sleep(_LOOK_S)

    def rests(self, seconds: float = 20) -> str:
        """Wait until the screen stands still, and return it."""
        deadline = time.monotonic() + seconds
        before, since = self.screen(), time.monotonic()
        while time.monotonic() - since < 0.4:  # several frames of a program that draws
            time.sleep(_LOOK_S)
            if (now := self.screen()) != before:
                before, since = now, time.monotonic()
            assert time.monotonic() < deadline, f"the screen does not come to rest:\n{now}"
        return before

    def program(self) -> int:
        """The process of the program, which is the only child of the pane's shell."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        assert len(children) == 1
        return int(children[0])

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        os.kill(self.program(), number)

    def close(self) -> None:
        self._tmux("kill-server")
        until(lambda: not Path(f"/proc/{self._pid}").exists())


def _trimmed(shown: str) -> str:
    return "\n".join(line.rstrip() for line in shown.splitlines()).rstrip("\n")
