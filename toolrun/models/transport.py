"""Which HTTP client carries the door's requests, and what does the door ask of it?

aiohttp on asyncio, where the way to the server is direct: it costs a third of httpx2. httpx2
everywhere else: on trio, through a proxy of the environment's (`HTTPS_PROXY`, `NO_PROXY`, ...), and
after a redirect, whose rules it knows.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import sniffio
from msgspec import Struct

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

KEEP_S = 5.0
"""Seconds that a connection may stay idle, as uvicorn, and so vLLM, has it."""


class Line(Struct, frozen=True):
    """How a server is reached.

    Attributes:
        url: the base URL; its scheme and host are looked at.
        headers: sent with each request.
        connect: seconds that a connection may take.
        connections: open at once, at most.
    """

    url: str
    headers: dict[str, str]
    connect: float
    connections: int


class Reply(Protocol):
    """An answer whose headers are there."""

    status: int
    headers: Mapping[str, str]
    """By names in any case."""

    def reads(self) -> AsyncIterator[bytes]:
        """The body as it arrives, unpacked."""
        ...

    async def aclose(self) -> None:
        """End the reading; what was not read to its end ends the connection, too."""
        ...


class Transport(Protocol):
    """An HTTP client; many requests at once. It raises whatever it likes."""

    async def send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> Reply:
        """The answer to a request, whatever its status; `headers` are those of this one alone."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def open_transport(line: Line) -> Transport:
    """The client that fits the running event loop and the environment."""
    if sniffio.current_async_library() == "asyncio" and is_direct(line.url):
        from toolrun.models.transport_aiohttp import AiohttpTransport

        return AiohttpTransport(line)
    from toolrun.models.transport_httpx import HttpxTransport

    return HttpxTransport(line)


def trusted() -> ssl.SSLContext:
    """What httpx2 trusts: the system's certificates, or those of `SSL_CERT_FILE`.

    One for all: reading them takes some 30 ms, and a fleet has many servers.
    """
    return _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _trusted(file: str | None, folder: str | None) -> ssl.SSLContext:  # noqa: ARG001 - the key
    import httpx2

    return httpx2.create_ssl_context()


def is_direct(url: str) -> bool:
    """Whether surely no proxy of the environment's stands before a URL."""
    named = getproxies().keys() & {urlsplit(url).scheme, "all"}
    return not named or bool(proxy_bypass(urlsplit(url).hostname or ""))
