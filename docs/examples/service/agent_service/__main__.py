"""How does a worker run? `python -m agent_service`, until SIGTERM; then it drains."""

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import anyio
import structlog
import uvicorn
from fastapi import FastAPI

from agent_service.app import make_app
from agent_service.settings import Settings, load_settings
from toolrun import Config, ConfigError

log = structlog.get_logger("agent_service")
USAGE = 2


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


async def run(settings: Settings, config: Config) -> bool:
    """Serve until a signal; returns whether the worker had come up."""
    app = make_app(settings, config)
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=settings.body_bytes,
            timeout_graceful_shutdown=5,
        )
    )
    async with anyio.create_task_group() as group:
        group.start_soon(end_in_order, app, server)
        await server.serve()
        group.cancel_scope.cancel()
    return server.started


async def end_in_order(app: FastAPI, server: uvicorn.Server) -> None:
    """At the first signal: park what runs, then close. At the second: at once."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await anext(signals)
        async with anyio.create_task_group() as group:

            async def hurry() -> None:
                await anext(signals)
                group.cancel_scope.cancel()

            group.start_soon(hurry)
            if (service := getattr(app.state, "service", None)) is not None:
                log.info("draining", turns=len(service.work.lives))
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
    except ConfigError as error:
        print(error, file=sys.stderr)
        return USAGE
    return 0 if anyio.run(run, settings, config) else 1


if __name__ == "__main__":
    sys.exit(main())
