"""How does `toolrun chat` read a line: from a person's keyboard, or from a pipe?"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import Application

_CHUNK: Final = 65_536


class Reader(Protocol):
    """Gives what is typed, line by line."""

    async def read(self, prompt: str, *, remember: bool = True, text: str = "") -> str | None:
        """The next line; None at the end.

        Args:
            prompt: is shown to a person.
            remember: whether it goes into the history.
            text: stands on the line, for a person to change.

        Raises:
            KeyboardInterrupt: Ctrl-C; what was typed is dropped.
        """
        ...


class Keyboard:
    """A person at a terminal, with a history that outlives the process.

    While a line is read the terminal is raw and Ctrl-C is a key; between two lines it is a signal,
    which `interrupt` is told of.

    Attributes:
        typed: what stood on the line that Ctrl-C dropped last.
    """

    def __init__(self, shown: TextIO | None = None) -> None:
        """Take the terminal.

        Args:
            shown: what the prompts are written to; stdout where None.
        """
        self.typed: str = ""
        self._shown = shown
        self._sessions: dict[bool, PromptSession[str]] = {}
        self._app: Application[str] | None = None
        self._interrupted = False

    async def read(self, prompt: str, *, remember: bool = True, text: str = "") -> str | None:
        """See `Reader.read`."""
        if remember not in self._sessions:
            from prompt_toolkit import PromptSession
            from prompt_toolkit.output import create_output

            from toolrun.cli.chat.terminal.history import Shared

            self._sessions[remember] = PromptSession(
                history=Shared() if remember else None, output=create_output(self._shown)
            )
        session = self._sessions[remember]
        self._app = session.app
        self.typed = ""
        try:
            return await session.prompt_async(
                prompt, handle_sigint=False, pre_run=self._deliver, default=text
            )
        except EOFError:
            return None
        except KeyboardInterrupt:
            self.typed = session.default_buffer.text
            raise
        finally:
            self._app = None

    def forget(self) -> None:
        """Drop what was typed before anybody was asked: it is no answer."""
        import termios

        from prompt_toolkit.input.typeahead import clear_typeahead

        for session in self._sessions.values():
            clear_typeahead(session.app.input)
        with suppress(OSError, ValueError, termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)

    def interrupt(self) -> None:
        """End the line that is read, or the next one, with KeyboardInterrupt."""
        self._interrupted = True
        self._deliver()

    def _deliver(self) -> None:
        future = self._app.future if self._app is not None else None
        if self._interrupted and self._app is not None and future is not None and not future.done():
            self._interrupted = False
            self._app.exit(exception=KeyboardInterrupt, style="class:aborting")


class Pipe:
    """Lines of stdin; no prompt is shown."""

    typed = ""

    def __init__(self) -> None:
        self._file = sys.stdin.fileno()
        self._buffer = b""
        self._waiting: asyncio.Future[bytes] | None = None
        self._ended = False

    async def read(self, prompt: str, *, remember: bool = True, text: str = "") -> str | None:  # noqa: ARG002 - the protocol's
        """See `Reader.read`; after Ctrl-C there are no more lines."""
        while b"\n" not in self._buffer and not self._ended:
            chunk = await self._chunk()
            self._ended |= not chunk
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        if not line and self._ended and not self._buffer:
            return None
        return line.decode(errors="replace").removesuffix("\r")

    def interrupt(self) -> None:
        """Read no more."""
        self._ended, self._buffer = True, b""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(b"")

    async def _chunk(self) -> bytes:
        """What comes next, b"" at the end.

        A file cannot be waited for by a loop, and a blocking read would keep signals from it. So a
        thread reads: a daemon, since nothing can stop it and the process must not wait for it.
        """
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[bytes] = loop.create_future()
        self._waiting = waiting

        def come(chunk: bytes) -> None:
            if not waiting.done():
                waiting.set_result(chunk)

        def read() -> None:
            chunk = os.read(self._file, _CHUNK)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(come, chunk)

        threading.Thread(target=read, name="toolrun stdin", daemon=True).start()
        return await waiting


def reader() -> Keyboard | Pipe:
    """The reader for this process's stdin."""
    return Keyboard() if sys.stdin.isatty() and sys.stdout.isatty() else Pipe()


async def leaves(
    keyboard: Keyboard | Pipe, prompt: str, say: Callable[[str], None], text: str = ""
) -> str | None:
    """The next line; None when the person leaves: Ctrl-D, or Ctrl-C twice on an empty line.

    Args:
        keyboard: where it comes from.
        prompt: is shown to a person.
        say: tells them how to leave.
        text: stands on the line at first.
    """
    asked = False
    while True:
        try:
            return await keyboard.read(prompt, text=text)
        except KeyboardInterrupt:
            text = ""
            if asked or isinstance(keyboard, Pipe):
                return None
            asked = not keyboard.typed
            if asked:
                say("Ctrl-C once more leaves, and so does Ctrl-D.")
