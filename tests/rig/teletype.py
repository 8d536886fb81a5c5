"""How does a benchmark type at a program, and see each byte that it writes, with its time?

A pseudo-terminal without a screen: it answers what programs ask a terminal as they start, and draws
nothing. Where a test looks at a screen it takes a `Pane`, which is a terminal whole.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_ANSWERS: Final = {
    b"\x1b[6n": b"\x1b[1;1R",  # where is the cursor? In the first cell
    b"\x1b[c": b"\x1b[?62;22c",  # what are you? A VT220 with colours
}
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_ENDING_S: Final = 10


class Teletype:
    """A program in a pseudo-terminal.

    Attributes:
        pid: the program's.
        began: when it was started, as `time.perf_counter` counts.
        seen: all bytes that it has written.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        columns: int = 100,
        rows: int = 40,
    ) -> None:
        self.seen = bytearray()
        self._answered = 0
        self.began = time.perf_counter()
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            _become(command, {**env, "TERM": "xterm-256color"}, folder)
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def type(self, text: str | bytes) -> None:
        r"""Press keys; `\r` is Enter."""
        left = text.encode() if isinstance(text, str) else text
        while left:
            left = left[os.write(self._file, left) :]

    def until(self, text: str | bytes, seconds: float = 30, *, since: int = 0) -> float:
        """Read until the program has written this; returns when that came.

        Args:
            text: what is awaited, as it is written: between escape sequences.
            seconds: how long at most.
            since: the place in `seen` to look from.

        Raises:
            TimeoutError: it did not come; the message ends with what did.
        """
        wanted = text.encode() if isinstance(text, str) else text
        deadline = time.perf_counter() + seconds
        at = time.perf_counter()
        while self.seen.find(wanted, since) < 0:
            since = max(since, len(self.seen) - len(wanted))
            left = deadline - time.perf_counter()
            if left <= 0 or not self.read(left):
                raise TimeoutError(f"{wanted!r} did not come; last: {bytes(self.seen[-600:])!r}")
            at = time.perf_counter()
        return at

    def read(self, seconds: float) -> bool:
        """Take in what comes next; False where nothing did, or the program has ended."""
        if not select.select([self._file], [], [], max(seconds, 0))[0]:
            return False
        try:
            came = os.read(self._file, 65_536)
        except OSError:  # the program has closed its side
            return False
        self.seen += came
        for question, answer in _ANSWERS.items():
            for _ in range(self.seen.count(question, max(self._answered - len(question) + 1, 0))):
                self.type(answer)
        self._answered = len(self.seen)
        return bool(came)

    def drain(self, seconds: float) -> None:
        """Read for a while, whatever comes."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if not self.read(left) and time.perf_counter() < deadline:
                time.sleep(min(0.01, deadline - time.perf_counter()))  # ended, or nothing yet

    def cpu_s(self) -> float:
        """The CPU seconds that the program itself has used; its children's are not in it."""
        with open(f"/proc/{self.pid}/stat") as file:  # noqa: PTH123 - read often
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def close(self) -> None:
        """End the program, gently at first."""
        deadline = time.monotonic() + _ENDING_S
        os.kill(self.pid, signal.SIGHUP)
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            self.read(0.02)  # what it still writes must not block it
        os.close(self._file)


def _become(command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
    """Be the program; never returns."""
    try:
        os.chdir(folder)
        os.execvpe(command[0], list(command), dict(env))
    finally:
        os._exit(127)
