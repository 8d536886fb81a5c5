"""How does an answer reach a client, whole or event by event, however slow it reads?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
    from typing import TypeAlias

    from toolrun.serve.told import Told

    Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WRITE_SECONDS: Final = 30.0
"""A client that takes nothing for so long is gone."""
KEEP_ALIVE_SECONDS: Final = 15.0
"""A stream in which nothing happened for so long says that it is alive: proxies cut silent ones."""
_JSON = "application/json"


class ClientGone(Exception):
    """The client has closed its connection, or reads no more."""


class Sending:
    """The answer to one request.

    Args:
        send: ASGI's.
        request_id: goes with the answer.

    Attributes:
        status: of the answer, 0 before it has begun.
        done: whether all of it is sent.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = request_id
        self.status: int = 0
        self.done: bool = False

    async def whole(
        self,
        status: int,
        body: bytes,
        *,
        kind: str = _JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send an answer that is there.

        Raises:
            ClientGone: it could not be.
        """
        sent = {"content-type": kind, "content-length": str(len(body)), **(headers or {})}
        await self._begin(status, sent)
        await self._out({"type": "http.response.body", "body": body})
        self.done = True

    async def json(self, status: int, value: object) -> None:
        """Send a value as JSON.

        Raises:
            ClientGone: it could not be.
        """
        await self.whole(status, msgspec.json.encode(value))

    async def event(self, data: bytes, name: str | None = None) -> None:
        """Send one event of a stream, whose first one begins the answer.

        Raises:
            ClientGone: it could not be.
        """
        head = b"" if name is None else b"event: " + name.encode() + b"\n"
        await self.part(head + b"data: " + data + b"\n\n")

    async def tell(self, told: Iterable[Told]) -> None:
        """Send events of a stream.

        Raises:
            ClientGone: they could not be.
        """
        for each in told:
            data = each.data
            text = data.encode() if isinstance(data, str) else msgspec.json.encode(data)
            await self.event(text, each.name)

    async def alive(self) -> None:
        """Say that there will be more: a comment, which no client reads as an event.

        Raises:
            ClientGone: it could not be.
        """
        await self.part(b": alive\n\n")

    async def part(self, data: bytes) -> None:
        """Send bytes of a stream.

        Raises:
            ClientGone: they could not be.
        """
        if not self.status:
            sent = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store"}
            await self._begin(200, {**sent, "x-accel-buffering": "no"})
        await self._out({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """End a stream.

        Raises:
            ClientGone: it could not be.
        """
        await self._out({"type": "http.response.body", "body": b""})
        self.done = True

    async def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        sent = {**headers, "x-request-id": self._id, "x-content-type-options": "nosniff"}
        encoded = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()
        ]
        self.status = status
        await self._out({"type": "http.response.start", "status": status, "headers": encoded})

    async def _out(self, message: dict[str, Any]) -> None:
        try:
            with anyio.fail_after(WRITE_SECONDS):
                await self._send(message)
        except (TimeoutError, OSError) as error:
            raise ClientGone from error
