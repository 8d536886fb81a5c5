"""How do bytes get to a server and back, and how long may that take?

Retries are not the door's (see `step`). No environment variable of OpenAI's is read: a key meant
for one server must not reach another.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import msgspec
from msgspec import Struct

from toolrun._version import __version__
from toolrun.errors import (
    ConfigError,
    ContextTooLong,
    MalformedOutput,
    ServerError,
    ToolrunError,
)
from toolrun.known import Known
from toolrun.models.credentials import (
    asked,
    check_url,
    is_sendable,
    learning,
    secrets_among,
    sendable,
)
from toolrun.models.door_errors import NO_KEY, START, DoorErrors
from toolrun.models.transport import Line, Reply, Transport, open_transport
from toolrun.models.waits import Waits
from toolrun.scopes import carried

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["START", "Door", "Page", "Timeouts"]

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a body that comes whole, unpacked: four times what the longest message has."""
_HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "User-Agent": f"toolrun/{__version__}",
}


class Timeouts(Struct, frozen=True):
    """Seconds that each wait may take.

    Attributes:
        connect: for a connection.
        first_token: of a stream, from the request to the first byte of its body.
        between_tokens: of a stream, from one read to the next.
        step: for the whole of any step, streamed or not.
    """

    connect: float = 5.0
    first_token: float = 120.0
    between_tokens: float = 60.0
    step: float = 600.0


class Page(Struct, frozen=True):
    """An answer as it came; the names of its headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Door:
    """One server, by its base URL (".../v1"); many requests at once.

    Raises:
        ConfigError: the URL, the key or a header is none that can be sent.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = Timeouts(),
        connections: int = 4096,
    ) -> None:
        check_url(base_url)
        self.base_url: str = base_url.rstrip("/")
        self.root: str = self.base_url.removesuffix("/v1")
        self.timeouts = timeouts
        self.secrets: Known = Known(secrets_among(headers or {}))
        """What is sent and must not be shown, as far as it is known yet."""
        self._key = asked(learning(api_key, self.secrets)) if callable(api_key) else None
        sent = dict(_HEADERS)
        if not callable(api_key):
            sent |= _authorization(sendable(api_key or NO_KEY))
            self.secrets.learn(api_key)
        for name, value in (headers or {}).items():
            if not (is_sendable(name) and is_sendable(value)):
                raise ConfigError(f"headers[{name!r}] must be of printable ASCII characters")
            if name.lower() == "authorization":
                self._key = None
            sent = {other: sent[other] for other in sent if other.lower() != name.lower()}
            sent[name] = value
        self._line = Line(self.base_url, sent, timeouts.connect, connections)
        self._errors = DoorErrors(self.base_url, timeouts.connect, keyed=bool(api_key))
        self._transport: Transport | None = None

    async def post(self, path: str, body: bytes) -> bytes:
        """Send a body and return the whole reply; `path` is below the base URL, or absolute.

        Raises:
            ServerError: as the subclass says.
        """
        return await self._whole("POST", path, body, "step", self.timeouts.step)

    async def get(self, path: str) -> bytes:
        """The body of a GET; `path` is below the base URL, or absolute.

        Raises:
            ServerError: as the subclass says.
        """
        return await self._whole("GET", path, None, "first token", self.timeouts.first_token)

    async def look(self, path: str, wait: float) -> Page:
        """The answer to a GET, whatever its status and its kind; it may take `wait` seconds.

        Raises:
            ServerUnreachable, ServerTimeout, MalformedOutput: there is none.
        """
        with self._wrapped("first token"), anyio.move_on_after(wait):
            reply = await self._ask("GET", path, None)
            return Page(reply.status, reply.headers, await self._read(reply))
        raise self._errors.silent("first token", wait)

    def refusal(self, page: Page) -> ServerError | ContextTooLong:
        """The error of an answer that was looked at."""
        return self._errors.status(page.status, page.headers, page.body)

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> bool:
        """Send a body and hand over what arrives, read by read, until `on_read` says: all.

        Returns:
            Whether `on_read` said so before the end.

        Raises:
            ServerError: as the subclass says; MalformedOutput where the connection breaks off.
        """
        # The waits are kept here: the transports know only one for all of them.
        waits = Waits(self.timeouts)
        done = False
        failed: Exception | None = None
        with self._wrapped(waits.phase), anyio.CancelScope(deadline=waits.deadline) as scope:
            reply = await self._send("POST", path, body)
            try:
                async for read in reply.reads():
                    # After the last event the body is read to its end, for the connection's next
                    # use.
                    if done:
                        continue
                    try:
                        done = on_read(read)
                    except Exception as error:  # noqa: BLE001 - it is raised below: not a server's
                        failed = error
                        break
                    deadline = waits.linger() if done else waits.again()
                    if deadline != scope.deadline:
                        scope.deadline = deadline
            except Exception:
                # A connection that breaks after the last event has brought all there was.
                if not done:
                    raise
            finally:
                await reply.aclose()
        if failed is not None:
            raise failed
        if scope.cancelled_caught and not done:
            raise self._errors.silent(waits.phase, waits.wait)
        return done

    async def models(self) -> list[str]:
        """The names of the models that the server serves.

        Raises:
            ServerError: as the subclass says.
        """
        body = await self.get("/models")
        try:
            listed = msgspec.json.decode(body, type=_Models)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedOutput(
                f"{self.base_url}/models does not answer like an OpenAI-compatible server "
                f"({error}); is the path right? vLLM's ends in /v1"
            ) from error
        return [model.id for model in listed.data]

    async def aclose(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            await transport.aclose()

    async def _whole(
        self, method: str, path: str, body: bytes | None, phase: str, wait: float
    ) -> bytes:
        """The whole body of an answer."""
        with self._wrapped(phase), anyio.move_on_after(wait):
            reply = await self._send(method, path, body)
            return await self._read(reply)
        raise self._errors.silent(phase, wait)

    async def _send(self, method: str, path: str, body: bytes | None) -> Reply:
        """The answer to a request, if it is neither an error nor a web page."""
        reply = await self._ask(method, path, body)
        if not 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP's
            raise self._errors.status(reply.status, reply.headers, await self._read(reply))
        if (page := self._errors.page(reply.headers)) is not None:
            await reply.aclose()
            raise page
        return reply

    async def _ask(self, method: str, path: str, body: bytes | None) -> Reply:
        """Whatever answer there is to a request."""
        if self._transport is None:
            self._transport = open_transport(self._line)
        more = carried.get()
        if self._key is not None:
            more = {**(more or {}), **_authorization(await self._key())}
        url = self.base_url + path if path.startswith("/") else path
        reply = await self._transport.send(method, url, body, more)
        self._errors.answered = True
        return reply

    async def _read(self, reply: Reply) -> bytes:
        """The body, up to its end, which has the connection used again."""
        reads, size = [], 0
        try:
            async for read in reply.reads():
                reads.append(read)
                size += len(read)
                if size > MAX_BODY:
                    raise self._errors.too_long(MAX_BODY)
        finally:
            await reply.aclose()
        return b"".join(reads)

    @contextmanager
    def _wrapped(self, phase: str) -> Iterator[None]:
        """The errors of the transports as toolrun's, with what to do next."""
        try:
            yield
        except ToolrunError:
            raise
        except Exception as error:
            raise self._errors.transport(error, phase) from error


class _Card(Struct):
    id: str


class _Models(Struct):
    data: list[_Card]


def _authorization(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
