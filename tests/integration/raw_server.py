"""How does a test get a server that answers anything at all?"""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from anyio.abc import SocketAttribute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import SocketStream


class RawServer:
    """A server that answers each step with the same bytes, and ends the connection.

    Attributes:
        answer: the bytes, the head of the reply included; change them at any time.
        url: its base URL.
        then: the answer from the second step on, where it is another.
        sent: bytes of the answers that were begun.
    """

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.then: bytes | None = None
        self.url = ""
        self.sent = 0

    async def serve(self, connection: SocketStream) -> None:
        """Answer one request."""
        errors = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError)
        async with connection:
            with contextlib.suppress(*errors):
                request = await connection.receive()
                if request.startswith(b"GET"):  # what kind of server is it? none that is known
                    await connection.send(reply({"detail": "Not Found"}, status=404))
                    return
                while b'"messages"' not in request:
                    request += await connection.receive()
                answer, self.answer = self.answer, self.then or self.answer
                self.sent += len(answer)
                await connection.send(answer)


@asynccontextmanager
async def raw_server(answer: bytes) -> AsyncIterator[RawServer]:
    """Run one."""
    server = RawServer(answer)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, server.serve)
        server.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
        yield server
        group.cancel_scope.cancel()


def reply(
    body: Any, kind: str = "application/json", *, status: int = 200, headers: str = ""
) -> bytes:
    """A whole answer; what is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n"
    return f"{head}{headers}connection: close\r\n\r\n".encode() + data


def said(content: str | None = None, **more: Any) -> dict[str, Any]:
    """The body of a Chat Completions reply."""
    message = {"role": "assistant", "content": content, **more}
    finish = "tool_calls" if more.get("tool_calls") else "stop"
    return {"id": "r", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def called(*calls: tuple[str, str]) -> list[dict[str, Any]]:
    """Calls as they stand in a reply, of names and arguments."""
    return [
        {"index": at, "id": f"c{at}", "type": "function", "function": {"name": n, "arguments": a}}
        for at, (n, a) in enumerate(calls)
    ]


def streamed(calls: list[dict[str, Any]], *, piece: int = 65_536) -> bytes:
    """Calls as a stream, their arguments in pieces."""
    deltas: list[Any] = []
    for call in calls:
        arguments = call["function"]["arguments"]
        function = {**call["function"], "arguments": arguments[:piece]}
        deltas.append([{**call, "function": function}])
        for at in range(piece, len(arguments), piece):
            part = arguments[at : at + piece]
            deltas.append([{"index": call["index"], "function": {"arguments": part}}])
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": each}}]} for each in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    events = b"".join(b"data: " + msgspec.json.encode(each) + b"\n\n" for each in chunks)
    return reply(events + b"data: [DONE]\n\n", "text/event-stream")
