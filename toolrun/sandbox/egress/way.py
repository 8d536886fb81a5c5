"""How does what a box's loopback takes get here? By a socket that the box makes and hands over.

Before anything of a tool's runs, the box listens at a port of its own loopback and sends the socket
to this process, which takes the connections from there on. Nothing is left in the box that a tool
could stop or take over, no path leads to the proxy, and no other box has that socket.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final

import anyio

from toolrun.sandbox.egress.authorities import VARIABLES, bundle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from toolrun.sandbox.egress.proxy import Proxy, Tell
    from toolrun.sandbox.profile import Profile

PORT: Final = 3128
"""Of the box's loopback, where the proxy answers."""

_WAITING: Final = 1_024
"""Connections to drop before a call; only a few more than a hundred can wait at once."""


def port_of(profile: Profile) -> int | None:
    """Where a box of a profile has to listen; None where it reaches nothing."""
    return PORT if profile.network == "allow-list" else None


def variables(profile: Profile) -> dict[str, str]:
    """The environment variables by which programs in a box find the proxy, and whom they trust."""
    if (port := port_of(profile)) is None:
        return {}
    url = f"http://127.0.0.1:{port}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    trust = dict.fromkeys(VARIABLES, file) if (file := bundle()) is not None else {}
    return {**dict.fromkeys(names, url), "NO_PROXY": "", "no_proxy": "", **trust}


class Way:
    """The way out of one box: opened by the box's socket, served while a call runs in it."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._opened: anyio.Event | None = None

    def open(self, descriptor: int) -> None:
        """Take over the socket that the box listens with.

        Raises:
            ValueError: it is none.
        """
        listener = socket.socket(fileno=descriptor)
        try:
            _check(listener)
        except BaseException:
            listener.close()
            raise
        self.close()
        self._listener = listener
        if self._opened is not None:
            self._opened.set()

    @contextlib.asynccontextmanager
    async def served(self, proxy: Proxy, tell: Tell) -> AsyncIterator[None]:
        """Have a proxy answer while inside, for one call; afterwards no connection of it is left.

        Args:
            proxy: of the box's profile.
            tell: is told what becomes of each request.
        """
        self._drain()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._serve, proxy, tell)
                yield
                group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._drain()

    def close(self) -> None:
        """Let go of the socket: the box's loopback refuses from then on."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _serve(self, proxy: Proxy, tell: Tell) -> None:
        if self._listener is None:
            self._opened = anyio.Event()
            await self._opened.wait()
        assert self._listener is not None
        # A descriptor of its own: the box may be closed while a loop still waits for this one, and
        # its number be another's by then.
        with self._listener.dup() as listener:
            await proxy.serve(listener, tell)

    def _drain(self) -> None:
        """Drop what a job before left waiting: it would be answered in the name of the next."""
        if self._listener is None:
            return
        with contextlib.suppress(OSError):
            for _ in range(_WAITING):
                self._listener.accept()[0].close()
            self.close()  # something in the box goes on connecting: it reaches nothing any more


def _check(listener: socket.socket) -> None:
    kind = (listener.family, listener.type)
    listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if kind != (socket.AF_INET, socket.SOCK_STREAM) or not listens:
        raise ValueError("sandbox: what the box handed over is no listening socket")
    listener.setblocking(False)  # noqa: FBT003 - the standard library's
