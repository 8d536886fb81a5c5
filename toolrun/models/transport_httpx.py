"""How do requests go over httpx2?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import anyio
import httpx2

from toolrun.models.transport import KEEP_S, trusted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from toolrun.models.transport import Line


_COMMON = frozenset({"accept", "content-type", "user-agent"})


class HttpxTransport:
    """One client of httpx2's. It reads the environment for proxies."""

    def __init__(self, line: Line) -> None:
        self._private = frozenset(name.lower() for name in line.headers) - _COMMON
        self._client = httpx2.AsyncClient(
            headers=line.headers,
            verify=trusted(),
            timeout=httpx2.Timeout(None, connect=line.connect),
            limits=httpx2.Limits(
                max_connections=line.connections,
                max_keepalive_connections=line.connections,
                keepalive_expiry=KEEP_S,
            ),
            follow_redirects=True,
            event_hooks={"request": [self._check]},
        )

    async def _check(self, request: httpx2.Request) -> None:
        """Take the user's other headers from where httpx2 takes the key: they may be keys, too.

        It does where a redirect leads to another server; each request of ours begins with one.
        """
        if "authorization" not in request.headers:
            for name in self._private & {each.lower() for each in request.headers}:
                del request.headers[name]

    async def send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> HttpxReply:
        """See `Transport.send`."""
        request = self._client.build_request(method, url, content=body, headers=headers)
        return HttpxReply(await self._client.send(request, stream=True))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class HttpxReply:
    """See `Reply`."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._reads = response.aiter_bytes()
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def reads(self) -> AsyncGenerator[bytes, None]:
        """See `Reply.reads`."""
        return self._reads

    async def aclose(self) -> None:
        """See `Reply.aclose`."""
        # Cancelled from within: closed from without, httpx2 leaves generators of its own half read.
        with anyio.CancelScope(shield=True) as scope, contextlib.suppress(httpx2.HTTPError):
            scope.cancel()
            async for _ in self._reads:
                pass
        with anyio.CancelScope(shield=True):
            await self._response.aclose()
