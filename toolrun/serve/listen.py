"""How does a server listen, and how does it end?

The first SIGTERM or SIGINT has it take nothing new and finish what it does, for a time; the second
ends it at once. Either way each stream ends as a stream should.
"""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import TYPE_CHECKING, Any

import anyio
import structlog
import uvicorn
from msgspec import Struct

from toolrun.errors import ConfigError
from toolrun.serve.app import make_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolrun.serve.front import Front

_LAST_SECONDS = 5.0
"""After the time is up, for the last words to streams and the end of tools."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Address(Struct, frozen=True):
    """Where a server listens.

    Attributes:
        host: a name or an address; beyond this machine only where there are keys.
        port: 0 for any that is free.
    """

    host: str = "127.0.0.1"
    port: int = 8080

    def bind(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            ConfigError: it cannot.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self.host, self.port))
        except OSError as error:
            listening.close()
            raise ConfigError(f"cannot listen on {self.host}:{self.port}: {error}") from error
        listening.set_inheritable(False)
        return listening


async def listen(
    front: Front, listening: socket.socket, grace: float, on_ready: Callable[[str], None]
) -> bool:
    """Serve until a signal ends it.

    Args:
        front: has the endpoints.
        listening: a bound socket.
        grace: seconds that what runs may take after the first signal.
        on_ready: is told the URL once requests are taken.

    Returns:
        Whether all that ran came to its end in time.
    """
    config = uvicorn.Config(
        make_app(front),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="none",
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    server = _Server(config, _url(listening), on_ready)
    ended = True
    async with anyio.create_task_group() as group:

        async def mind() -> None:
            nonlocal ended
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                await anext(signals)
                log = structlog.get_logger("toolrun.serve")
                log.info("draining", in_flight=len(front.running), grace=grace)
                front.running.draining = True
                server.should_exit = True
                with anyio.move_on_after(grace):
                    await anext(signals)
                if len(front.running):
                    ended = False
                    log.warning("stopping", in_flight=len(front.running))
                front.running.stop()
                await anyio.sleep(_LAST_SECONDS)
                server.force_exit = True

        group.start_soon(mind)
        await server.serve(sockets=[listening])
        group.cancel_scope.cancel()
    return ended


class _Server(uvicorn.Server):
    """uvicorn's, with signals that are handled here."""

    def __init__(self, config: uvicorn.Config, url: str, on_ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._url = url
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready(self._url)


def _url(listening: socket.socket) -> str:
    name: Any = listening.getsockname()
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}/v1"
