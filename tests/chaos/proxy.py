"""How is the network between a session and its database cut? A TCP proxy that a test commands."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType


class Proxy:
    """Passes bytes on to a Unix socket, from a thread of its own; a context manager.

    Args:
        target: the path of the socket.

    Attributes:
        port: it listens there, on 127.0.0.1.
        cuts: how many connections it has cut.
    """

    def __init__(self, target: str) -> None:
        self.port = 0
        self.cuts = 0
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: set[asyncio.StreamWriter] = set()
        self._passes = asyncio.Event()
        self._refuses = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._passes.set()
        self._server: asyncio.Server = self._do(
            asyncio.start_server(self._connected, "127.0.0.1", 0)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Cut all connections, and take no new one until `mend`."""
        self._do(self._cut())

    def hang(self) -> None:
        """Pass nothing on, and say nothing, until `mend`."""
        self._do(self._hang())

    def mend(self) -> None:
        """Be a network again."""
        self._do(self._mend())

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _cut(self) -> None:
        self._refuses = True
        for each in list(self._open):
            self.cuts += 1
            each.transport.abort()

    async def _hang(self) -> None:
        self._passes.clear()

    async def _mend(self) -> None:
        self._refuses = False
        self._passes.set()

    async def _close(self) -> None:
        self._server.close()
        for each in list(self._open):
            each.transport.abort()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        there, back = await asyncio.open_unix_connection(self._target)
        ends = {writer, back}
        self._open |= ends
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            self._open -= ends
            for each in ends:
                each.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                await self._passes.wait()
                target.write(data)
                await target.drain()
        target.transport.abort()
