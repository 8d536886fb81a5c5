"""How does a step of a client that runs its own tools get its reasoning back?

The request is passed on to the server behind and its reply to the client, as they are, but for two
things: the ids of calls are the front's, and what the client dropped of the turn's reasoning is put
back (see `restore`).
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
import msgspec

from toolrun.errors import MalformedOutput, ServerError, ServerUnreachable
from toolrun.models.chat import PATH
from toolrun.models.sse import DONE, EventSplitter, is_event
from toolrun.serve.failures import refused
from toolrun.serve.restore import restored
from toolrun.serve.sending import KEEP_ALIVE_SECONDS, ClientGone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from toolrun.models.dialects import Dialect
    from toolrun.serve.handing import Handing
    from toolrun.serve.memory import ReasoningMemory, Step

MAX_AHEAD = 16 * 1024 * 1024
"""Bytes that a reply may be ahead of its client: some 50,000 tokens, a piece each."""
KEPT_BACK: Final[Mapping[str, str]] = {
    "ec_transfer_params": "it names machines that the model server connects to",
    "kv_transfer_params": "it names machines that the model server connects to",
    "priority": "it would come before the requests of others",
}
"""vLLM's fields that steer the server and not the sampling, and why no client may set them."""
_NOT_A_REPLY = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Door(Protocol):
    """The way to a server; see `toolrun.models.door.Door`."""

    @property
    def base_url(self) -> str:
        """Tells servers apart."""
        ...

    async def get(self, path: str) -> bytes:
        """The body of a GET."""
        ...

    async def post(self, path: str, body: bytes) -> bytes:
        """The whole reply to a body."""
        ...

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> bool:
        """Have `on_read` take the reply as it comes, until that says that it is all."""
        ...


class Behind(Protocol):
    """What a step is passed on to: a server (`ChatModel`), or the embedded model."""

    @property
    def door(self) -> Door:
        """The way there."""
        ...

    async def dialect(self) -> Dialect:
        """How it differs from others."""
        ...

    async def aclose(self) -> None:
        """Close the way."""
        ...


class Passing:
    """Passes steps on to a server, or to one of several.

    Args:
        servers: behind the front; a conversation goes to the same one each time, and to another
            where that one is not well.
        model: the name for requests that have none.
        memory: keeps the steps of the clients.

    Attributes:
        counts: steps whose reasoning was put "back", was "missing", or was "remembered".
    """

    def __init__(self, servers: Sequence[Behind], model: str, memory: ReasoningMemory) -> None:
        self._servers = servers
        self._model = model
        self._memory = memory
        self.counts: Counter[str] = Counter()

    async def get(self, path: str) -> bytes:
        """What the first server says that answers.

        Raises:
            ServerError: none does.
        """
        for server in self._servers[:-1]:
            with contextlib.suppress(ServerError):
                return await server.door.get(path)
        return await self._servers[-1].door.get(path)

    async def whole(self, asked: dict[str, Any], handing: Handing, owner: str) -> bytes:
        """The reply to a request that is not streamed.

        Args:
            asked: the client's request.
            handing: reads the reply.
            owner: whose steps are looked among, and whose the reply's are.

        Raises:
            Failure: the request has no messages.
            ServerError: there is no reply.
        """

        async def sample(server: Behind) -> bytes:
            return await server.door.post(PATH, await self._body(server, asked, owner))

        return await self._taken(await self._somewhere(asked, owner, sample), handing, owner)

    async def stream(
        self,
        asked: dict[str, Any],
        handing: Handing,
        owner: str,
        write: Callable[[bytes | None], Awaitable[None]],
    ) -> None:
        """Pass the pieces of a streamed reply on as they come.

        Args:
            asked: the client's request.
            handing: reads the pieces.
            owner: whose steps are looked among, and whose the reply's are.
            write: takes each piece; None where nothing came for a while.

        Raises:
            Failure: the request has no messages.
            ServerError: the reply did not come, or not to its end.
            ClientGone: from `write`.
        """
        ahead = _Ahead()
        failed: list[Exception] = []

        async def sample(server: Behind) -> bytes:
            await self._pump(server, await self._body(server, asked, owner), ahead)
            return b""

        async def pump() -> None:
            with ahead.sends:
                try:
                    await self._somewhere(asked, owner, sample)
                except ClientGone as gone:
                    failed.append(gone)
                    group.cancel_scope.cancel()
                except Exception as error:  # noqa: BLE001 - raised below, behind what came before
                    failed.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(pump)
            try:
                with ahead.receives:
                    await self._write(ahead, handing, owner, write)
            except Exception as error:  # noqa: BLE001 - raised below, not in a group
                failed.insert(0, error)
            group.cancel_scope.cancel()
        if failed:
            raise failed[0]
        if not handing.finished:
            raise MalformedOutput("the stream stopped without a finish_reason", "broken-stream")

    async def _body(self, server: Behind, asked: dict[str, Any], owner: str) -> bytes:
        """The request as it goes to a server.

        Raises:
            Failure: it has no messages, or a field that no client may set.
        """
        for name, why in KEPT_BACK.items():
            if asked.get(name):
                raise refused(name, f"{name} cannot be set here: {why}.", "unsupported")

        async def recall(call_id: str) -> Step | None:
            return await self._memory.recall(owner, call_id)

        dialect = await server.dialect()
        put = await restored(messages_of(asked), recall, dialect.reasoning_out)
        self.counts["back"] += put.found
        self.counts["missing"] += put.missed
        body = {"model": self._model, **asked, "messages": put.messages}
        # What is hidden from the client has to reach the front all the same.
        body.pop("include_reasoning", None)
        if body.get("stream"):
            options = body.get("stream_options")
            options = options if isinstance(options, dict) else {}
            body["stream_options"] = {**options, "include_usage": True}
        return msgspec.json.encode(body)

    async def _somewhere(
        self,
        asked: dict[str, Any],
        owner: str,
        sample: Callable[[Behind], Awaitable[bytes]],
    ) -> bytes:
        """The reply of the first server that is well, in the order of this conversation."""
        *others, last = _ranked(self._servers, asked, owner)
        for server in others:
            try:
                return await sample(server)
            except ServerUnreachable:
                continue
        return await sample(last)

    async def _pump(self, server: Behind, body: bytes, ahead: _Ahead) -> None:
        splitter, came = EventSplitter(), False

        def on_read(read: bytes) -> bool:
            nonlocal came
            for payload in splitter.feed(read):
                if payload == DONE:
                    return True
                came = True
                ahead.put(payload)
            return False

        if not await server.door.stream(PATH, body, on_read):
            if not came and not is_event(splitter.rest):
                raise MalformedOutput("the reply is not a stream")
            for payload in splitter.end():
                if payload != DONE:
                    ahead.put(payload)

    async def _write(
        self,
        ahead: _Ahead,
        handing: Handing,
        owner: str,
        write: Callable[[bytes | None], Awaitable[None]],
    ) -> None:
        while True:
            payload = None
            try:
                with anyio.move_on_after(KEEP_ALIVE_SECONDS):
                    payload = await ahead.next()
            except anyio.EndOfStream:
                return
            if payload is None:
                await write(None)
            elif given := await self._taken(payload, handing, owner):
                await write(given)

    async def _taken(self, payload: bytes, handing: Handing, owner: str) -> bytes:
        """What the client gets of a piece, b"" for nothing; its steps are kept before."""
        try:
            given, steps = handing.take(payload)
        except ServerError:
            raise
        except _NOT_A_REPLY as error:
            raise MalformedOutput(f"the reply has a piece that is none: {error}") from error
        for step in steps:
            await self._memory.remember(owner, step)
            self.counts["remembered"] += 1
        return given or b""


class _Ahead:
    """The pieces of a reply that have come, and that the client has not taken yet."""

    def __init__(self) -> None:
        self.sends, self.receives = anyio.create_memory_object_stream[bytes](math.inf)
        self._size = 0

    def put(self, payload: bytes) -> None:
        """Add one.

        Raises:
            ClientGone: the client takes them so slowly that they would fill the memory.
        """
        self._size += len(payload)
        if self._size > MAX_AHEAD:
            raise ClientGone
        self.sends.send_nowait(payload)

    async def next(self) -> bytes:
        """Take the first one.

        Raises:
            anyio.EndOfStream: there will be no more.
        """
        payload = await self.receives.receive()
        self._size -= len(payload)
        return payload


def messages_of(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a request.

    Raises:
        Failure: there are none.
    """
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages:
        raise refused("messages", "messages must be a list of messages, and not empty.")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise refused(f"messages[{index}]", f"messages[{index}] must be an object.")
    return messages


def _ranked(servers: Sequence[Behind], asked: dict[str, Any], owner: str) -> list[Behind]:
    """The servers in the order in which a conversation asks them: the one with its prefix first.

    Rendezvous hashing, as `models.fleet` has it; a conversation is told by how it begins.
    """
    if len(servers) == 1:
        return list(servers)
    messages = messages_of(asked)
    first = next((n for n, each in enumerate(messages) if each.get("role") == "user"), 0)
    begins = msgspec.json.encode((owner, messages[: first + 1]))

    def score(server: Behind) -> bytes:
        return hashlib.blake2b(server.door.base_url.encode() + begins).digest()

    return sorted(servers, key=score)
