"""How does a caller talk to a program that goes on running in a box?"""

from __future__ import annotations

import os
import select
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from anyio.abc import ByteReceiveStream, ByteSendStream

from toolrun.sandbox.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toolrun.sandbox.box import Box
    from toolrun.sandbox.job import Status, Stream
    from toolrun.sandbox.profile import Profile


class Input(ByteSendStream):
    """The program's standard input."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor

    async def send(self, item: bytes) -> None:
        """Write all the bytes; waits while the program reads none.

        Raises:
            anyio.BrokenResourceError: the program has closed it, or ended.
            anyio.ClosedResourceError: it was closed here.
        """
        await anyio.lowlevel.checkpoint()
        view = memoryview(item)
        while view:
            if self._descriptor is None:
                raise anyio.ClosedResourceError
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._descriptor)
            except BrokenPipeError as error:
                raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        """Say that there is no more to come."""
        self.close()

    def close(self) -> None:
        """The same where nothing can be waited for."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


class Output(ByteReceiveStream):
    """What the program prints; a program whose output nobody takes waits."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._ended = False
        self._dropped = False
        self._changed = anyio.Event()
        self.on_room: Callable[[], None] = lambda: None

    @property
    def is_full(self) -> bool:
        """Whether no more may be put before something is taken."""
        return len(self._held) >= self._limit

    def put(self, chunk: bytes) -> None:
        """Hold bytes for whoever receives; none: the program has closed its end."""
        if not self._dropped:
            self._held += chunk
        self._ended = self._ended or not chunk
        self._changed.set()

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        """At least one byte, at most so many.

        Raises:
            anyio.EndOfStream: the program has closed it, or ended.
        """
        await anyio.lowlevel.checkpoint()
        while not self._held:
            if self._ended:
                raise anyio.EndOfStream
            self._changed = anyio.Event()
            await self._changed.wait()
        chunk = bytes(self._held[:max_bytes])
        del self._held[:max_bytes]
        self.on_room()
        return chunk

    async def aclose(self) -> None:
        """Take no more: what the program prints from here on is dropped."""
        self._held.clear()
        self._dropped = True
        self.on_room()


class _Live(Run):
    """A run whose output is handed on as it comes, and waits where nobody takes it."""

    _interval = 0.1

    def __init__(self, box: Box, profile: Profile, outputs: dict[Stream, Output]) -> None:
        super().__init__(box, profile, None)
        self._outputs = outputs

    def _output(self, name: Stream, chunk: bytes) -> None:
        output = self._outputs[name]
        output.put(chunk)
        if chunk and output.is_full:
            descriptor = next(
                descriptor
                for descriptor, take in self._readers.items()
                if isinstance(take, partial) and take.args == (name,)
            )
            self._epoll.modify(descriptor, 0)
            output.on_room = partial(self._go_on, descriptor)

    def _go_on(self, descriptor: int) -> None:
        if descriptor in self._readers:
            self._epoll.modify(descriptor, select.EPOLLIN)


class Process:
    """A program in a box, from `Sandbox.start`, with the streams that `anyio.abc.Process` has.

    Attributes:
        stdin: what it reads.
        stdout: what it prints.
        stderr: what it prints there.
    """

    def __init__(self, box: Box, profile: Profile) -> None:
        """Internal: `Sandbox.start` makes one."""
        self._box = box
        self._read, write = os.pipe2(os.O_CLOEXEC)
        self.stdin: Input = Input(write)
        self.stdout: Output = Output(profile.output_bytes)
        self.stderr: Output = Output(profile.output_bytes)
        self._run = _Live(box, profile, {"stdout": self.stdout, "stderr": self.stderr})
        self._over = anyio.Event()

    @property
    def ended(self) -> tuple[Status, str] | None:
        """Which limit ended it, and how to say so."""
        return self._run.ended

    async def wait(self) -> int | None:
        """Wait until it has ended, and all that it started: its exit status, None if killed.

        128 + n if signal n ended it; `ended` says which limit it was.
        """
        await self._over.wait()
        return self._run.exit

    async def serve(self, argv: Sequence[str], env: Mapping[str, str], seconds: float) -> None:
        """Internal: run a command until it ends; see `Run.run`."""
        job = {"argv": list(argv), "env": dict(env)}
        try:
            await self._run.run(job, self._read, seconds, given=self._given)
        finally:
            self._given()
            self.stdin.close()
            self.stdout.put(b"")
            self.stderr.put(b"")
            self._over.set()

    def _given(self) -> None:
        """The program has the end that it reads: writing fails once it has closed it."""
        if self._read >= 0:
            os.close(self._read)
            self._read = -1
