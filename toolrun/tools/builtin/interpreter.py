"""How does an interpreter live on between the calls of a session? In a box that is its own.

A task of nobody's holds the box while the interpreter lives: a turn's own tasks end with the turn.
"""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
from msgspec import Struct

from toolrun.sandbox.later import later
from toolrun.sandbox.view import runtime

if TYPE_CHECKING:
    from toolrun.sandbox import Sandbox
    from toolrun.sandbox.process import Process

_CHUNK: Final = 65_536


class Ran(Struct, frozen=True):
    """What one piece of code came to.

    Attributes:
        printed: what it printed, its traceback included.
        ok: whether it came to its end without an exception.
        lost: why the interpreter is gone, where it is; its outcome is then `ended`.
        ended: "timeout" or "crash".
    """

    printed: bytes
    ok: bool
    lost: str | None = None
    ended: str = "crash"


class Interpreter:
    """A Python that goes on; `start` it, `run` one piece of code at a time, `aclose` it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._closing = anyio.Event()
        self._ready = anyio.Event()
        self._over = anyio.Event()
        self._failure: BaseException | None = None
        self._process: Process | None = None

    @property
    def alive(self) -> bool:
        """Whether it can be given code."""
        return self._process is not None and not self._closing.is_set()

    async def start(self) -> None:
        """Have it start, and wait until it has a box.

        Raises:
            SandboxUnavailable: it gets none.
        """
        later(self._live)
        try:
            await self._ready.wait()
        except BaseException:
            self.close()
            raise
        if self._failure is not None:
            raise self._failure

    async def run(self, code: str, seconds: float, most: int) -> Ran:
        """Run a piece of code; cancelling ends the interpreter.

        Args:
            code: what to run.
            seconds: that it may take; then the interpreter is ended.
            most: bytes that it may print; then the same.
        """
        assert self._process is not None
        printed = bytearray()
        lost, ended = "its process ended", "crash"
        try:
            with anyio.move_on_after(seconds) as scope:
                try:
                    done = await self._say(self._process, code, printed, most)
                except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                    done = None
                if done is not None:
                    return Ran(bytes(printed), done)
                if len(printed) > most:
                    lost = f"it printed more than {most} bytes"
                else:
                    status = await self._process.wait()
                    if status is not None:
                        lost = f"its process ended with status {status}"
            if scope.cancelled_caught:
                lost, ended = f"it did not finish within {seconds:g} s and was stopped", "timeout"
            elif self._process.ended is not None:
                lost = f"it {self._process.ended[1]}"
        except BaseException:
            self.close()
            raise
        await self.aclose()
        return Ran(bytes(printed[:most]), ok=False, lost=lost, ended=ended)

    async def aclose(self) -> None:
        """End it, and see its box gone."""
        self.close()
        if self._ready.is_set() or self._process is not None:
            with anyio.CancelScope(shield=True):
                await self._over.wait()

    def close(self) -> None:
        """Have it end soon."""
        self._closing.set()

    async def _say(self, process: Process, code: str, printed: bytearray, most: int) -> bool | None:
        """Give it the code and collect what it prints: whether it ended well, None if too much."""
        mark = secrets.token_hex(8)
        content = code.encode(errors="replace")
        await process.stdin.send(f"{len(content)} {mark}\n".encode() + content)
        ends = {f"\x1e{mark} {int(ok)}\x1e".encode(): ok for ok in (True, False)}
        while True:
            begin = max(0, len(printed) - _CHUNK)
            for end, ok in ends.items():
                if (at := printed.find(end, begin)) >= 0:
                    del printed[at:]
                    return ok
            if len(printed) > most:
                return None
            printed += await process.stdout.receive(_CHUNK - 64)

    async def _live(self) -> None:
        try:
            async with self._sandbox.start(_argv()) as process:
                self._process = process
                self._ready.set()
                async with anyio.create_task_group() as group:
                    group.start_soon(self._until_ended, process)
                    await self._closing.wait()
                    group.cancel_scope.cancel()
        except Exception as error:  # noqa: BLE001 - raised by `start`, in the task that waits for it
            self._failure = error
        finally:
            self._closing.set()
            self._ready.set()
            self._over.set()

    async def _until_ended(self, process: Process) -> None:
        await process.wait()
        self._closing.set()


def _argv() -> tuple[str, ...]:
    here = runtime()
    return (here.interpreter, "-I", "-S", "-B", "-X", "utf8", "-c", _code(), *here.path)


@cache
def _code() -> str:
    return Path(__file__).with_name("inside").joinpath("notebook.py").read_text("utf-8")
