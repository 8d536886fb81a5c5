"""How are bytes read from a socket and written to it, on asyncio and trio alike?

By non-blocking calls and `anyio.wait_readable`: a socket that another network namespace made is one
that neither loop has a stream for.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

CHUNK: Final = 65_536
"""Bytes that are moved at once: the loop's other tasks have their turn after each."""

_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 1_048_576


class Ended(ConnectionError):
    """The other side said less than it has to."""


class Stream:
    """One connection; closed where its `with` ends.

    Args:
        connected: its socket.
        moved: is told how many bytes were read, each time; may raise to end it.
    """

    def __init__(
        self, connected: socket.socket, moved: Callable[[int], None] | None = None
    ) -> None:
        connected.setblocking(False)  # noqa: FBT003 - the standard library's
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self.moved = moved
        self._waiting = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    async def read(self, most: int = CHUNK) -> bytes:
        """Some bytes, at most this many; none at the end."""
        if not self._waiting:
            self._waiting = await self._receive()
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken

    async def read_through(self, end: bytes, most: int) -> bytes:
        """All bytes up to the first `end`, itself included.

        Raises:
            Ended: they end before it.
            OverflowError: it is not among the first `most` bytes.
        """
        while (at := self._waiting.find(end, 0, most)) < 0:
            if len(self._waiting) >= most:
                raise OverflowError(f"more than {most} bytes")
            if not (chunk := await self._receive()):
                raise Ended("the connection ended early")
            self._waiting += chunk
        return await self.read(at + len(end))

    def put_back(self, data: bytes) -> None:
        """Have these bytes read next."""
        self._waiting = data + self._waiting

    async def send(self, data: bytes) -> None:
        """Write all of it."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    def end(self) -> None:
        """Say that nothing more is written."""
        with contextlib.suppress(OSError):  # it is gone already
            self._socket.shutdown(socket.SHUT_WR)

    async def linger(self) -> None:
        """End it, and let the other side read what was written: what comes meanwhile is dropped."""
        self.end()
        dropped = 0
        with anyio.move_on_after(_LINGER_SECONDS):
            while dropped < _LINGER_BYTES and (chunk := await self._receive()):
                dropped += len(chunk)

    async def _receive(self) -> bytes:
        while True:
            try:
                chunk = self._socket.recv(CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
                continue
            if self.moved is not None:
                self.moved(len(chunk))
            await anyio.lowlevel.checkpoint()
            return chunk


async def connect(
    addresses: Sequence[str], port: int, seconds: float, moved: Callable[[int], None]
) -> Stream:
    """Connect to the first of these addresses that answers.

    Raises:
        OSError: none does.
    """
    error: OSError = OSError("no address")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            with anyio.fail_after(seconds):
                await _connect(made, address, port)
        except OSError as failed:  # TimeoutError is one
            made.close()
            error = failed
        except BaseException:
            made.close()
            raise
        else:
            return Stream(made, moved)
    raise error


async def _connect(made: socket.socket, address: str, port: int) -> None:
    try:
        made.connect((address, port))
    except BlockingIOError:
        await anyio.wait_writable(made)
    if failed := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(failed, os.strerror(failed))
