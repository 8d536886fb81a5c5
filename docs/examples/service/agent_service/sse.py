"""How are events streamed over HTTP? As Server-Sent Events, whose ids say where a client is."""

import contextlib

import anyio
import structlog
from prometheus_client import Gauge
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent_service.follow import Follower, Over
from agent_service.live import Live
from agent_service.told import Told
from toolrun import StoreError

ALIVE_SECONDS = 15.0
"""A silent stream says that it is alive: proxies cut those that are not."""
WRITE_SECONDS = 30.0
"""A client that takes nothing for so long is gone."""
log = structlog.get_logger("agent_service")


class EventStreamResponse(Response):
    """The events of a session, until the client goes, this worker ends, or the turn does.

    Args:
        follower: of the session, checked.
        gauge: counts the streams that are open.
        turn: the turn that the client asked for, if it still runs.
        until_end: whether the stream ends with the turn.
        cancels: whether the turn is cancelled when the client goes.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        follower: Follower,
        gauge: Gauge,
        *,
        turn: Live | None = None,
        until_end: bool = False,
        cancels: bool = False,
    ) -> None:
        # Proxies must not gather it; nginx asks for a header of its own.
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._follower = follower
        self._gauge = gauge
        self._turn = turn
        self._until_end = until_end
        self._cancels = cancels
        self._sent = self._sending = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI application."""
        del scope
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(head)
        with self._gauge.track_inprogress():
            await self._both(receive, send)

    async def _both(self, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:
            # In a task of its own: each piece would else go through all frames of the middleware.
            group.start_soon(self._tell, send, group.cancel_scope)
            group.start_soon(self._keep, send, group.cancel_scope)
            await self._watch(receive, group.cancel_scope)

    async def _tell(self, send: Send, scope: anyio.CancelScope) -> None:
        with contextlib.suppress(OSError):
            await self._stream(send)
            await self._send(send, b"", more=False)
        scope.cancel()

    async def _keep(self, send: Send, scope: anyio.CancelScope) -> None:
        """Say that a silent stream is alive, and end one whose client takes nothing.

        Looked at once in a while: a time-out for each piece of a text costs as much as telling it.
        """
        while True:
            sent = self._sent
            await anyio.sleep(ALIVE_SECONDS)
            if self._sent != sent:
                continue
            if self._sending:
                await anyio.sleep(WRITE_SECONDS - ALIVE_SECONDS)
                if self._sent == sent:
                    scope.cancel()
            else:
                with contextlib.suppress(OSError):
                    await self._send(send, b": alive\n\n")

    async def _watch(self, receive: Receive, scope: anyio.CancelScope) -> None:
        """End the stream when the client goes."""
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._cancels and self._turn is not None and not self._turn.ended:
            self._turn.session.cancel()
        scope.cancel()

    async def _stream(self, send: Send) -> None:
        await self._send(send, b"retry: 1000\n\n")
        while True:
            try:
                batch = await self._follower.more()
            except (Over, StoreError) as error:
                log.info("a stream ends", why=repr(error))
                return
            await self._send(send, b"".join(map(frame, batch)))
            if self._until_end and any(each.ends for each in batch):
                return

    async def _send(self, send: Send, data: bytes, *, more: bool = True) -> None:
        self._sending += 1
        try:
            await send({"type": "http.response.body", "body": data, "more_body": more})
        finally:
            self._sending -= 1
            self._sent += 1


def frame(each: Told) -> bytes:
    """An event as the stream has it; JSON holds no line break."""
    return b"id: %b\ndata: %b\n\n" % (str(each.place).encode(), each.data or b"")
