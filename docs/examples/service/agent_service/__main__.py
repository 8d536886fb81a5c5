"""How does a worker run? `python -m agent_service`, until SIGTERM; then it drains."""

import contextlib
import gc
import importlib.util
import signal
import socket
import sys
from collections.abc import Iterator

import anyio
import structlog
import uvicorn

from agent_service.app import make_app
from agent_service.service import Service, opened
from agent_service.settings import Settings, load_settings
from agent_service.tenants import Tenants, read_keys
from toolrun import Config, ConfigError, ToolrunError

log = structlog.get_logger("agent_service")
FAILED, USAGE = 1, 2
GC_THRESHOLD = (50_000, 20, 50)


class Server(uvicorn.Server):
    """uvicorn's, with signals that are handled here, and a word when it is ready."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say where it listens, once it does."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"http://{host}:{port}", flush=True)


async def run(settings: Settings, config: Config, tenants: Tenants) -> bool:
    """Serve until a signal; returns whether the worker had come up.

    Raises:
        ToolrunError: it cannot come up.
    """
    async with opened(settings, config, tenants) as service:
        # A pass over what thousands of sessions hold stops all of their streams: fewer of them,
        # and none over what the worker itself is made of.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        server = Server(
            uvicorn.Config(
                make_app(service),
                host=settings.host,
                port=settings.port,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                ws="websockets-sansio",
                ws_max_size=settings.body_bytes,
                timeout_graceful_shutdown=5,
            )
        )
        async with anyio.create_task_group() as group:
            group.start_soon(end_in_order, service, server)
            await server.serve()
            group.cancel_scope.cancel()
        return server.started


async def end_in_order(service: Service, server: uvicorn.Server) -> None:
    """At the first signal: park what runs, then close. At the second: at once."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await anext(signals)
        log.info("draining", turns=len(service.work.lives))
        async with anyio.create_task_group() as group:

            async def hurry() -> None:
                await anext(signals)
                group.cancel_scope.cancel()

            group.start_soon(hurry)
            # Requests are still taken meanwhile: a load balancer hears of it a little later.
            await service.work.drain()
            group.cancel_scope.cancel()
        server.should_exit = True


def main() -> int:
    """Be a worker."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    try:
        settings, config = load_settings()
        tenants = Tenants(read_keys(settings.keys, settings.keys_file))
        fast = importlib.util.find_spec("uvloop") is not None  # toolrun's extra `fast` has it
        came_up = anyio.run(run, settings, config, tenants, backend_options={"use_uvloop": fast})
    except ToolrunError as error:
        print(error, file=sys.stderr)
        return USAGE if isinstance(error, ConfigError) else FAILED
    return 0 if came_up else FAILED


if __name__ == "__main__":
    sys.exit(main())
