"""How do bytes get to a server and back? Through the openai client, as a door only.

The SDK keeps authentication, base URL, headers, pools and time-outs; its models and its transform
of the request stay off the path. Retries are toolrun's own, so the client's are 0. No environment
variable of OpenAI's is read: a key meant for one server must not reach another.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import sniffio
from msgspec import Struct

from toolrun.errors import ConfigError, MalformedOutput, ServerError, ToolrunError
from toolrun.models.credentials import asked, check_url, is_sendable, sendable
from toolrun.models.door_errors import NO_KEY, START, DoorErrors
from toolrun.models.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    import httpx2
    from openai import AsyncOpenAI

__all__ = ["START", "Door", "Timeouts"]


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
        self.base_url = base_url.rstrip("/")
        self.root = self.base_url.removesuffix("/v1")
        self.timeouts = timeouts
        self._api_key = asked(api_key) if callable(api_key) else sendable(api_key or NO_KEY)
        self._headers = dict(headers or {})
        for name, value in self._headers.items():
            if not (is_sendable(name) and is_sendable(value)):
                raise ConfigError(f"headers[{name!r}] must be of printable ASCII characters")
        self._connections = connections
        self._errors = DoorErrors(self.base_url, timeouts.connect, keyed=bool(api_key))
        self._client: AsyncOpenAI | None = None
        self._response: type[httpx2.Response] | None = None

    async def post(self, path: str, body: bytes) -> bytes:
        """Send a body and return the whole reply.

        Raises:
            ServerError: as the subclass says.
        """
        client, response_type = self._open()
        options: Any = {"headers": _JSON, "timeout": self._timeout()}
        wait = self.timeouts.step
        with self._wrapped("step"), anyio.move_on_after(wait) as waiting:
            response = await client.post(path, cast_to=response_type, content=body, options=options)
        if waiting.cancelled_caught:
            raise self._errors.silent("step", wait)
        self._take(response)
        return response.content

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> bool:
        """Send a body and hand over what arrives, read by read, until `on_read` says: all.

        Returns:
            Whether `on_read` said so before the end.

        Raises:
            ServerError: as the subclass says; MalformedOutput where the connection breaks off.
        """
        client, response_type = self._open()
        options: Any = {"headers": _JSON, "timeout": self._timeout()}
        waits = Waits(self.timeouts)
        # The waits are kept here: the transport knows only one for all of them.
        with self._wrapped(waits.phase), anyio.CancelScope(deadline=waits.deadline) as waiting:
            response = await client.post(
                path,
                cast_to=response_type,
                content=body,
                options=options,
                stream=True,
                stream_cls=_never_used(),
            )
        if waiting.cancelled_caught:
            raise self._errors.silent(waits.phase, waits.wait)
        try:
            self._take(response)
            return await self._read(response, on_read, waits)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    async def _read(
        self, response: httpx2.Response, on_read: Callable[[bytes], bool], waits: Waits
    ) -> bool:
        done = False
        failed: ServerError | None = None
        with anyio.CancelScope(deadline=waits.deadline) as scope:
            try:
                async for read in response.aiter_bytes():
                    # After the last event the body is read to its end, for the connection's next
                    # use. An error stops the reading from within, so that no generator of the
                    # transport is left half read.
                    if done or failed is not None:
                        continue
                    try:
                        done = on_read(read)
                    except ServerError as error:
                        failed = error
                        scope.cancel()
                    scope.deadline = waits.linger() if done else waits.again()
            except Exception as error:
                if failed is None and not done:
                    raise self._errors.broken(error) from error
        if failed is not None:
            raise failed
        if scope.cancelled_caught and not done:
            raise self._errors.silent(waits.phase, waits.wait)
        return done

    async def get(self, url: str) -> bytes:
        """The body of a GET; `url` is a path below the base URL, or absolute.

        Raises:
            ServerError: as the subclass says.
        """
        client, response_type = self._open()
        options: Any = {"timeout": self._timeout()}
        wait = self.timeouts.first_token
        with self._wrapped("first token"), anyio.move_on_after(wait) as waiting:
            response = await client.get(url, cast_to=response_type, options=options)
        if waiting.cancelled_caught:
            raise self._errors.silent("first token", wait)
        self._errors.answered = True
        return response.content

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
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    def _open(self) -> tuple[AsyncOpenAI, type[httpx2.Response]]:
        """The client, made at the first use: its import is slow, and no silence of the server."""
        if self._client is None or self._response is None:
            import httpx2
            import openai

            limits = httpx2.Limits(
                max_connections=self._connections, max_keepalive_connections=self._connections
            )
            transport = (
                openai.DefaultAioHttpClient
                if sniffio.current_async_library() == "asyncio"
                else openai.DefaultAsyncHttpxClient
            )
            self._response = httpx2.Response
            self._client = openai.AsyncOpenAI(
                base_url=self.base_url,
                api_key=self._api_key,
                default_headers=self._headers,
                max_retries=0,
                http_client=transport(limits=limits),
            )
            # The SDK fills these from the environment (OPENAI_ORG_ID, OPENAI_CUSTOM_HEADERS, ...).
            self._client.organization = self._client.project = None
            self._client._custom_headers = self._headers  # noqa: SLF001 - nothing public sets it
        return self._client, self._response

    def _timeout(self) -> httpx2.Timeout:
        import httpx2

        return httpx2.Timeout(None, connect=self.timeouts.connect)

    def _take(self, response: httpx2.Response) -> None:
        self._errors.answered = True
        if (page := self._errors.page(response)) is not None:
            raise page

    @contextmanager
    def _wrapped(self, phase: str) -> Iterator[None]:
        """SDK errors as toolrun's, with what to do next."""
        try:
            yield
        except ToolrunError:
            raise
        except Exception as error:
            import openai

            if isinstance(error, openai.APIStatusError):
                self._errors.answered = True
                raise self._errors.status(error) from error
            # The transport lets some of aiohttp's through: those of a reply that is not HTTP.
            of_transport = type(error).__module__.startswith(("aiohttp", "httpx"))
            if of_transport or isinstance(error, openai.APIConnectionError):
                raise self._errors.transport(error, phase) from error
            raise


class _Card(Struct):
    id: str


class _Models(Struct):
    data: list[_Card]


_JSON = {"Content-Type": "application/json"}


def _never_used() -> Any:
    """A stream class: the SDK asks for one, and does not use it for a raw response."""
    from openai import AsyncStream

    return AsyncStream[object]
