"""How do requests go over aiohttp?"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import aiohttp
import anyio

from toolrun.models.transport import KEEP_S, trusted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from toolrun.models.transport import Line, Reply, Transport

_REDIRECTS = (301, 302, 303, 307, 308)
_LARGE = 1024 * 1024
"""Bytes of a body that aiohttp rather writes piece by piece."""


class AiohttpTransport:
    """One session of aiohttp's."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._instead: Transport | None = None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=line.connections,
                keepalive_timeout=KEEP_S,
                ssl=trusted() if line.url.startswith("https") else True,
            ),
            headers=line.headers,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=line.connect),
        )

    async def send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> Reply:
        """See `Transport.send`; a server that redirects is httpx2's from then on."""
        if self._instead is None:
            data = BytesIO(body) if body is not None and len(body) > _LARGE else body
            response = await self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            )
            if response.status not in _REDIRECTS:
                return AiohttpReply(response)
            response.close()
        return await self._redirecting().send(method, url, body, headers)

    def _redirecting(self) -> Transport:
        from toolrun.models.transport_httpx import HttpxTransport

        self._instead = self._instead or HttpxTransport(self._line)
        return self._instead

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()
        if self._instead is not None:
            await self._instead.aclose()


class AiohttpReply:
    """See `Reply`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    def reads(self) -> AsyncIterator[bytes]:
        """See `Reply.reads`."""
        return self._response.content.iter_any()

    async def aclose(self) -> None:
        """See `Reply.aclose`."""
        if not self._response.closed:
            self._response.close()
            with anyio.CancelScope(shield=True):
                await self._response.wait_for_close()
