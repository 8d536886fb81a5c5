"""How does a command run in a box as if it were outside: its streams, its exit status?"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun.cli.exits import Exit
from toolrun.cli.screen import visible
from toolrun.cli.watch import Interrupts
from toolrun.errors import ConfigError
from toolrun.sandbox import Profile, Sandbox
from toolrun.sandbox.view import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal, TextIO

    from toolrun.sandbox.egress.proxy import Decision

_CHUNK: Final = 65_536
_DECODED_BADLY: Final = "\ufffd"
_PYTHONS: Final = ("python", "python3")
_LIMITS: Final = ("timeout", "output_limit", "memory_limit", "disk_limit")


class Asked(Struct, frozen=True):
    """What was typed: a command, and the box that it is to run in."""

    profile: Profile
    argv: tuple[str, ...]
    workspace: Path | None
    timeout: float | None
    env: Mapping[str, str]
    backend: str | None


def variables(pairs: Sequence[str]) -> dict[str, str]:
    """The variables of `KEY=VALUE` pairs.

    Raises:
        ConfigError: one of them is none.
    """
    for pair in pairs:
        if not pair.partition("=")[0].isidentifier() or "=" not in pair:
            raise ConfigError(f"--env {pair!r}: give KEY=VALUE, such as --env LANG=C")
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


async def run_in_box(asked: Asked) -> int:
    """Run a command with this process's streams; its exit status, or 3 where a limit ended it.

    Raises:
        ConfigError: no command, a time-out that is none, a workspace that is missing.
        SandboxUnavailable: there is no box that holds; nothing ran.
    """
    if not asked.argv:
        raise ConfigError("there is no command: toolrun sandbox run PROFILE -- COMMAND")
    if asked.timeout is not None and not asked.timeout > 0:
        raise ConfigError(f"--timeout must be seconds greater than 0, not {asked.timeout:g}")
    argv, env = _as_tools_have_it(asked)
    out, err = _Copy(sys.stdout), _Copy(sys.stderr)

    def tell(stream: Literal["stdout", "stderr", "progress"], text: str) -> None:
        (out if stream == "stdout" else err).write(text)

    def tell_refused(decision: Decision) -> None:
        if not decision.allowed:
            _say(f"refused: {decision.reason}")

    with Interrupts(), _fed() as stdin:
        async with Sandbox(asked.profile, workspace=asked.workspace, backend=asked.backend) as box:
            done = await box.run(
                argv,
                input=stdin,
                timeout=asked.timeout or asked.profile.wall_seconds,
                env=env,
                on_output=tell,
                on_egress=tell_refused,
            )
    out.end(done.stdout)
    err.end(done.stderr)
    if done.kept.note:
        _say(done.kept.note)
    if done.exit is not None:
        return done.exit
    _say(f"{asked.argv[0]} {done.error or 'was killed'}")
    return Exit.LIMITED if done.status in _LIMITS else Exit.NO_ANSWER


def _as_tools_have_it(asked: Asked) -> tuple[Sequence[str], Mapping[str, str]]:
    """The command and its variables: a Python is the one that tools run with, with its packages."""
    if asked.argv[0] not in _PYTHONS:
        return asked.argv, asked.env
    python = runtime()
    packages = {"PYTHONPATH": os.pathsep.join(python.path)}
    return (python.interpreter, *asked.argv[1:]), {**packages, **asked.env}


def _say(text: str) -> None:
    print(visible(f"toolrun: {text}"), file=sys.stderr)


class _Copy:
    """What a box prints, on a stream of this process: as it comes, and in the end to the byte.

    On a terminal control characters are shown as signs: none of the box's is obeyed.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._terminal = file.isatty()
        self._written = 0
        self._streams = True

    def write(self, text: str) -> None:
        """Write text as it comes, as long as it is text for certain."""
        if self._terminal:
            self._file.write(visible(text))
            self._file.flush()
            return
        self._streams = self._streams and _DECODED_BADLY not in text
        if self._streams:
            self._put(text.encode())

    def end(self, content: bytes) -> None:
        """Write what is left of all that was printed."""
        if not self._terminal:
            self._put(content[self._written :])

    def _put(self, content: bytes) -> None:
        self._file.buffer.write(content)
        self._file.buffer.flush()
        self._written += len(content)


@contextlib.contextmanager
def _fed() -> Iterator[int]:
    """A pipe that has what comes on stdin.

    Never the descriptor itself: who has a file's can open it again in `/proc`, for writing too.
    """
    read, write = os.pipe2(os.O_CLOEXEC)
    source = os.open(os.devnull, os.O_RDONLY) if sys.stdin is None else os.dup(sys.stdin.fileno())
    # Ends with the process at the latest: a read of a terminal cannot be called off.
    threading.Thread(target=_feed, args=(source, write), daemon=True).start()
    try:
        yield read
    finally:
        os.close(read)


def _feed(source: int, write: int) -> None:
    # The box may end first: then nobody reads the pipe.
    with contextlib.suppress(OSError), open(source, "rb", 0) as given, open(write, "wb") as pipe:
        while chunk := given.read(_CHUNK):
            pipe.write(chunk)
            pipe.flush()
