"""A server that answers with the bytes that a test gives it, and a door to it."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.tls import TLSListener

from toolrun import Timeouts
from toolrun.models.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from anyio.abc import ByteStream

TIMES = Timeouts(connect=30, first_token=30, between_tokens=30, step=60)
"""Nothing waits in vain for these servers: a busy machine alone makes them late."""


class Received:
    """A request, as a server of one's own reads it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode().split("\r\n")
        self.method, self.target, _ = first.split(" ")
        pairs = [line.split(": ", 1) for line in lines]
        self.headers = {name.lower(): value for name, value in pairs}
        self.body = body


async def received(connection: ByteStream) -> Received:
    read = b""
    while b"\r\n\r\n" not in read:
        read += await connection.receive()
    head, _, body = read.partition(b"\r\n\r\n")
    request = Received(head, body)
    while len(request.body) < int(request.headers.get("content-length", 0)):
        request.body += await connection.receive()
    return request


@contextlib.asynccontextmanager
async def server(
    answer: Callable[[Received], bytes | AsyncGenerator[bytes, None]],
    *,
    tls: ssl.SSLContext | None = None,
    seen: list[Received] | None = None,
) -> AsyncIterator[int]:
    """A server on loopback, by its port."""

    async def serve(connection: ByteStream) -> None:
        gone = (anyio.BrokenResourceError, anyio.EndOfStream, ssl.SSLError)
        with contextlib.suppress(*gone):
            async with connection:
                while True:
                    request = await received(connection)
                    if seen is not None:
                        seen.append(request)
                    said = answer(request)
                    if isinstance(said, bytes):
                        await connection.send(said)
                        continue
                    async with contextlib.aclosing(said):
                        async for part in said:
                            await connection.send(part)
                    return

    listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port: int = listener.extra(anyio.abc.SocketAttribute.local_port)
    if tls is not None:
        listener = Listener(listener, tls)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield port
        group.cancel_scope.cancel()


class Listener(TLSListener):
    """One that says nothing of a client that does not trust it."""

    @staticmethod
    async def handle_handshake_error(exc: BaseException, stream: anyio.abc.AnyByteStream) -> None:
        await anyio.aclose_forcefully(stream)


def whole(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Door]:
    door = Door(url, timeouts=TIMES, **options)
    try:
        with anyio.fail_after(20):
            yield door
    finally:
        await door.aclose()


async def posted(url: str, body: bytes = b"{}", **options: Any) -> bytes:
    async with opened(url, **options) as door:
        return await door.post("/x", body)
