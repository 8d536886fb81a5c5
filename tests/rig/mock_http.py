"""How does the mock speak HTTP/1.1, whole or broken?

A protocol of its own instead of a web framework: replies are bytes that were encoded before, frames
are those of uvicorn (one HTTP chunk for each event), and a connection can be broken at any byte. An
answer is a *plan*: bytes are written, a number is waited (seconds), `BREAK` ends the connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MAX_HEAD = 64 * 1024
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Break(Struct, frozen=True):
    """The end of a connection; `abort` sends a reset in place of a proper end."""

    abort: bool = False


BREAK: Final = Break()
ABORT: Final = Break(abort=True)
HANG: Final = 86_400.0

Plan: TypeAlias = "Iterable[bytes | float | Break]"


class Request(Struct, frozen=True):
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def head(status: int, headers: dict[str, str]) -> bytes:
    """The status line and the headers, with uvicorn's name on them."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", "server: uvicorn"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(
    status: int, body: bytes, kind: str = "application/json", **headers: str
) -> list[bytes | float | Break]:
    """A reply in one piece."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    length = {"content-length": str(len(body)), "content-type": kind}
    return [head(status, length | named) + body]


EVENT_STREAM: Final = head(
    200,
    {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"},
)
STREAM_END: Final = b"0\r\n\r\n"


def frames(events: bytes) -> bytes:
    """Server-sent events, an HTTP chunk for each, as a server writes what a generator yields."""
    return b"".join(
        b"%x\r\n%b\n\n\r\n" % (len(event) + 2, event) for event in events.split(b"\n\n") if event
    )


class Connection(asyncio.Protocol):
    """One client's connection: reads requests, one after another, and carries out their plans."""

    def __init__(self, answer: Callable[[Request, Connection], Plan]) -> None:
        self._answer = answer
        self._read = bytearray()
        self._transport: asyncio.Transport | None = None
        self._running: asyncio.Task[None] | None = None
        self._at_end: list[Callable[[], None]] = []
        self._writable = asyncio.Event()
        self._writable.set()

    def at_end(self, call: Callable[[], None]) -> None:
        """Have this called when the answer is complete, or its client gone."""
        self._at_end.append(call)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._running is not None:
            self._running.cancel()
        self._writable.set()
        self._end()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._read += data
        self._next()

    def _next(self) -> None:
        while self._running is None and (request := self._request()) is not None:
            plan = list(self._answer(request, self))
            if len(plan) == 1 and isinstance(plan[0], bytes) and self._transport is not None:
                self._transport.write(plan[0])
                self._end()
            else:
                self._running = asyncio.get_running_loop().create_task(self._carry_out(plan))

    def _request(self) -> Request | None:
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            if len(self._read) > _MAX_HEAD:
                self._close(abort=True)
            return None
        first, *lines = self._read[:end].decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        method, path, *_ = [*first.split(" "), "", ""]
        size = int(headers.get("content-length", "0"))
        if headers.get("transfer-encoding"):
            headers["unread"], size = "chunked", 0
        if len(self._read) < end + 4 + size:
            return None
        body = bytes(self._read[end + 4 : end + 4 + size])
        del self._read[: end + 4 + size]
        return Request(method, path, headers, body)

    async def _carry_out(self, plan: list[bytes | float | Break]) -> None:
        for part in plan:
            if isinstance(part, Break):
                self._close(abort=part.abort)
                return
            if isinstance(part, bytes):
                await self._writable.wait()
                if self._transport is None or self._transport.is_closing():
                    return
                self._transport.write(part)
                await asyncio.sleep(0)  # the next part is a write, and a packet, of its own
            else:
                await asyncio.sleep(part)
        self._running = None
        self._end()
        self._next()

    def _close(self, *, abort: bool) -> None:
        if self._transport is not None:
            (self._transport.abort if abort else self._transport.close)()

    def _end(self) -> None:
        calls, self._at_end = self._at_end, []
        for call in calls:
            call()
