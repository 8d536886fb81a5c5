"""How does `toolrun chat` read a line: from a person's keyboard, or from a pipe?"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

_HISTORY: Final = "chat-history"


class Reader(Protocol):
    """Gives what is typed, line by line."""

    async def read(self, prompt: str, *, remember: bool = True) -> str | None:
        """The next line; None at the end.

        Args:
            prompt: is shown to a person.
            remember: whether it goes into the history.

        Raises:
            KeyboardInterrupt: Ctrl-C; what was typed is dropped.
        """
        ...


class Keyboard:
    """A person at a terminal, with a history that outlives the process."""

    def __init__(self) -> None:
        self._sessions: dict[bool, PromptSession[str]] = {}

    async def read(self, prompt: str, *, remember: bool = True) -> str | None:
        """See `Reader.read`."""
        if remember not in self._sessions:
            from prompt_toolkit import PromptSession

            self._sessions[remember] = PromptSession(history=_history() if remember else None)
        try:
            return await self._sessions[remember].prompt_async(prompt)
        except EOFError:
            return None

    @property
    def typed(self) -> str:
        """What stood on the line that Ctrl-C dropped."""
        return self._sessions[True].default_buffer.text if True in self._sessions else ""


class Pipe:
    """Lines of stdin; no prompt is shown."""

    typed = ""

    async def read(self, prompt: str, *, remember: bool = True) -> str | None:  # noqa: ARG002
        """See `Reader.read`. Nothing else runs meanwhile, so it may block."""
        with _interruptible():
            line = sys.stdin.readline()
        return line.rstrip("\n") if line else None


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a blocking call: asyncio's own handler would wait for the loop's turn."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _history() -> History:
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(state) / "toolrun"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / _HISTORY).touch(mode=0o600)
    except OSError:
        return InMemoryHistory()  # such as a read-only home
    return FileHistory(folder / _HISTORY)


def reader() -> Keyboard | Pipe:
    """The reader for this process's stdin."""
    return Keyboard() if sys.stdin.isatty() and sys.stdout.isatty() else Pipe()


async def leaves(keyboard: Keyboard | Pipe, prompt: str, say: Callable[[str], None]) -> str | None:
    """The next line; None when the person leaves: Ctrl-D, or Ctrl-C twice on an empty line."""
    asked = False
    while True:
        try:
            return await keyboard.read(prompt)
        except KeyboardInterrupt:
            if asked or isinstance(keyboard, Pipe):
                return None
            asked = not keyboard.typed
            if asked:
                say("Ctrl-C once more leaves, and so does Ctrl-D.")
