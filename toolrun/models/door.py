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

from toolrun.errors import (
    ConfigError,
    MalformedOutput,
    ModelNotFound,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    import httpx2
    from openai import APIStatusError, AsyncOpenAI

START = "vllm serve openai/gpt-oss-20b --tool-call-parser openai --enable-auto-tool-choice"


class Timeouts(Struct, frozen=True):
    """Seconds that each wait may take; `step` bounds a reply that is not streamed."""

    connect: float = 5.0
    first_token: float = 120.0
    between_tokens: float = 60.0
    step: float = 600.0


class Door:
    """One server, by its base URL (".../v1"); many requests at once."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = Timeouts(),
        connections: int = 4096,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"base_url must begin with http:// or https://, not {base_url!r}; "
                'a local vLLM has "http://localhost:8000/v1"'
            )
        self.base_url = base_url.rstrip("/")
        self.root = self.base_url.removesuffix("/v1")
        self.timeouts = timeouts
        self._api_key = api_key or "EMPTY"
        self._headers = dict(headers or {})
        self._connections = connections
        self._client: AsyncOpenAI | None = None
        self._response: type[httpx2.Response] | None = None

    async def post(self, path: str, body: bytes) -> bytes:
        """Send a body and return the whole reply.

        Raises:
            ServerError: as the subclass says.
        """
        with self._wrapped("step"):
            client, response_type = self._open()
            options: Any = {"headers": _JSON, "timeout": self._timeout(self.timeouts.step)}
            response = await client.post(path, cast_to=response_type, content=body, options=options)
            self._no_page(response)
            return response.content

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> None:
        """Send a body and hand over what arrives, read by read, until `on_read` says: all.

        Raises:
            ServerError: as the subclass says; MalformedOutput where the connection breaks off.
        """
        times = self.timeouts
        # The waits are kept here: the transport knows only one for all of them.
        with self._wrapped("first token"), anyio.move_on_after(times.first_token) as waiting:
            client, response_type = self._open()
            options: Any = {"headers": _JSON, "timeout": self._timeout(None)}
            response = await client.post(
                path,
                cast_to=response_type,
                content=body,
                options=options,
                stream=True,
                stream_cls=_never_used(),
            )
        if waiting.cancelled_caught:
            raise self._silent("first token", times.first_token)
        try:
            self._no_page(response)
            await self._read(response, on_read)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    async def _read(self, response: httpx2.Response, on_read: Callable[[bytes], bool]) -> None:
        phase, wait = "first token", self.timeouts.first_token
        done = False
        failed: ServerError | None = None
        with anyio.CancelScope(deadline=anyio.current_time() + wait) as scope:
            try:
                async for read in response.aiter_bytes():
                    # After the last event the body is read to its end, for the connection's next
                    # use. An error stops the reading from within, so that no generator of the
                    # transport is left half read.
                    try:
                        done = done or failed is not None or on_read(read)
                    except ServerError as error:
                        failed = error
                        scope.cancel()
                    phase, wait = "between tokens", self.timeouts.between_tokens
                    scope.deadline = anyio.current_time() + wait
            except Exception as error:
                if failed is None:
                    raise MalformedOutput(
                        f"{self.base_url}: the stream broke off: {_shown(error)}"
                    ) from error
        if failed is not None:
            raise failed
        if scope.cancelled_caught and not done:
            raise self._silent(phase, wait)

    def _silent(self, phase: str, wait: float) -> ServerTimeout:
        return ServerTimeout(f"{self.base_url}: nothing came for {wait:g} s ({phase})", phase)

    def _no_page(self, response: httpx2.Response) -> None:
        """Refuse a web page: a proxy's, or that of a server of another kind."""
        if response.headers.get("content-type", "").startswith("text/html"):
            raise MalformedOutput(
                f"{self.base_url} answered with a web page: this does not look like an "
                "OpenAI-compatible server. Check base_url; vLLM's is http://HOST:8000/v1"
            )

    async def get(self, url: str) -> bytes:
        """The body of a GET; `url` is a path below the base URL, or absolute.

        Raises:
            ServerError: as the subclass says.
        """
        with self._wrapped("first token"):
            client, response_type = self._open()
            options: Any = {"timeout": self._timeout(self.timeouts.first_token)}
            response = await client.get(url, cast_to=response_type, options=options)
            return response.content

    async def models(self) -> list[str]:
        """The names of the models that the server serves.

        Raises:
            ServerError: as the subclass says.
        """
        body = await self.get("/models")
        try:
            listed = msgspec.json.decode(body, type=_Models)
        except msgspec.MsgspecError as error:
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
        """The client, made at the first use: its import takes longer than all of toolrun's."""
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

    def _timeout(self, read: float | None) -> httpx2.Timeout:
        import httpx2

        return httpx2.Timeout(read, connect=self.timeouts.connect, pool=None)

    @contextmanager
    def _wrapped(self, phase: str) -> Iterator[None]:
        """SDK errors as toolrun's, with what to do next."""
        try:
            yield
        except ServerError:
            raise
        except Exception as error:
            import openai

            if isinstance(error, openai.APIStatusError):
                raise self._status(error) from error
            if isinstance(error, openai.APITimeoutError | openai.APIConnectionError):
                raise self._silence(error, phase) from error
            raise

    def _silence(self, error: Exception, phase: str) -> ServerError:
        chain = _chain(error)
        names = {type(each).__name__ for each in chain}
        # aiohttp's transport wraps all of aiohttp's connection errors as ConnectTimeout.
        if names & _BROKEN:
            return MalformedOutput(
                f"{self.base_url}: the server broke its reply off: {_shown(chain[-1])}"
            )
        if not any(name.startswith("ClientConnector") for name in names):
            if names & {"ConnectionTimeoutError", "ConnectTimeout"}:
                wait = self.timeouts.connect
                return ServerTimeout(f"{self.base_url}: no connection within {wait:g} s", "connect")
            if "ReadTimeout" in names:
                return ServerTimeout(f"{self.base_url}: no answer in time ({phase})", phase)
        return ServerUnreachable(
            f"no server at {self.base_url}: {_shown(chain[-1])}. Start one with\n"
            f"    {START}\nor give the base URL of one that runs"
        )

    def _status(self, error: APIStatusError) -> ServerError:
        status, text = error.status_code, _message(error.body, error.response.text)
        kind = error.response.headers.get("content-type", "")
        where = f"{self.base_url} answered {status}"
        if status == 404 and "model" in text.lower() and "json" in kind:  # noqa: PLR2004
            return ModelNotFound(f"{where}: {text}")
        if status in (404, 405) or "json" not in kind:
            hint = "" if self.base_url.endswith("/v1") else " Is /v1 missing at its end?"
            return ServerStatus(
                f"{where} with {text!r}: this does not look like an OpenAI-compatible server.{hint}"
                f" Check base_url; vLLM's is http://HOST:8000/v1",
                status,
            )
        if status in (401, 403):
            return ServerStatus(f"{where}: {text}. Check api_key", status)
        return ServerStatus(f"{where}: {text}", status)


class _Card(Struct):
    id: str


class _Models(Struct):
    data: list[_Card]


_JSON = {"Content-Type": "application/json"}
_BROKEN = {
    *("ServerDisconnectedError", "ClientPayloadError", "ClientOSError"),  # aiohttp
    *("RemoteProtocolError", "ReadError", "DecodingError"),  # httpx
}
"""Errors of a connection that was made, and ended before its reply was whole."""


def _never_used() -> Any:
    """A stream class: the SDK asks for one, and does not use it for a raw response."""
    from openai import AsyncStream

    return AsyncStream[object]


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what it was raised from, outermost first."""
    chain: list[BaseException] = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    return chain


def _message(body: object, text: str) -> str:
    """What an error body says, whichever of the usual forms it has."""
    fields: Any = body
    if isinstance(fields, dict):
        fields = fields.get("error", fields)
        if isinstance(fields, dict):
            fields = fields.get("message") or fields.get("detail") or fields
        return str(fields)
    return text[:200]


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
