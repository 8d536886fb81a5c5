"""How does a request find its endpoint, and what holds for every one of them?

Nothing is raised through here: whatever happens is an answer in OpenAI's form, a line in the log
and a count in the metrics.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog
from starlette.routing import Route, Router

from toolrun.serve.exchange import KEY, Exchange
from toolrun.serve.failures import Failure, failure_of
from toolrun.serve.sending import ClientGone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from toolrun.serve.front import Front
    from toolrun.serve.receiving import Receive
    from toolrun.serve.sending import Send

    Scope = MutableMapping[str, Any]
    Handle = Callable[[Exchange], Awaitable[None]]

_GONE = 499
"""The status in logs and metrics where the client went: no standard one, but nginx's."""
_OK, _FAILED = 200, 500
_ROUTINE = ("/health", "/metrics")


def make_app(front: Front) -> App:
    """The ASGI application of a front."""
    open_ways = {
        "/health": front.ready,
        "/health/ready": front.ready,
        "/health/live": front.live,
    }
    gets = {
        "/v1/models": front.models,
        "/v1/models/{name:path}": front.model,
        "/metrics": front.measures,
    }
    posts = {"/v1/chat/completions": front.chat, "/v1/responses": front.responses}
    ways = [
        _Way(front, path, handle, method="GET", is_open=True) for path, handle in open_ways.items()
    ]
    ways += [_Way(front, path, handle, method="GET") for path, handle in gets.items()]
    ways += [_Way(front, path, handle, method="POST") for path, handle in posts.items()]
    routes = [Route(way.path, way) for way in ways]
    return App(front, Router(routes, redirect_slashes=False, default=_Nowhere(front)))


class App:
    """Takes each request, whatever it is.

    Args:
        front: has the endpoints.
        router: finds them.
    """

    def __init__(self, front: Front, router: Router) -> None:
        self._front = front
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI application."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1003})
            return
        exchange = scope[KEY] = Exchange(scope, receive, send)
        status = _GONE
        with suppress(ClientGone):
            try:
                await self._router(scope, receive, send)
            except ClientGone:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the client hears one thing
                await _failed(exchange, error)
            status = exchange.out.status
        self._ended(exchange, scope.get("toolrun.route", "other"), status)

    def _ended(self, exchange: Exchange, route: str, status: int) -> None:
        usage = exchange.usage
        self._front.metrics.request(route, status, exchange.caller.name, exchange.seconds)
        if usage.total_tokens:
            name = exchange.caller.name
            self._front.metrics.tokens(name, usage.prompt_tokens, usage.completion_tokens)
        said = {"did": exchange.did, "tokens": usage.total_tokens}
        log = structlog.get_logger("toolrun.serve")
        # Those that ask again and again are no news.
        tell = log.debug if exchange.path.startswith(_ROUTINE) and status == _OK else log.info
        tell(
            "request",
            id=exchange.id,
            method=exchange.method[:16],
            path=exchange.path[:200],
            status=status,
            seconds=round(exchange.seconds, 3),
            caller=exchange.caller.name,
            **{name: value for name, value in said.items() if value},
        )


class _Way:
    """One endpoint, behind what guards it: an application for the router."""

    def __init__(
        self, front: Front, path: str, handle: Handle, *, method: str, is_open: bool = False
    ) -> None:
        self.path = path
        self._front = front
        self._handle = handle
        self._method = method
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send  # the exchange has them
        exchange: Exchange = scope[KEY]
        scope["toolrun.route"] = self.path
        if not self._is_open:
            _admit(self._front, exchange)
        if exchange.method != self._method:
            raise Failure(405, f"{self.path} takes {self._method} only.", code="method_not_allowed")
        if self._method == "GET":
            return await self._handle(exchange)
        meter = self._front.meters.of(exchange.caller.name)
        meter.begin()
        try:
            await self._handle(exchange)
        finally:
            meter.end(exchange.usage.total_tokens)


class _Nowhere:
    """What answers where there is no endpoint; who may not ask does not learn that."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send  # as above
        _admit(self._front, scope[KEY])
        raise Failure(404, "There is no such endpoint.", code="unknown_url")


def _admit(front: Front, exchange: Exchange) -> None:
    caller = front.keys.caller(exchange.headers)
    if caller is None and len(front.keys):
        raise Failure(
            401, "Send an API key of this server as a bearer token.", code="invalid_api_key"
        )
    if caller is None:
        raise Failure(403, "Without API keys this server answers to localhost alone.", code="host")
    exchange.caller = caller


async def _failed(exchange: Exchange, error: Exception) -> None:
    failure = failure_of(error)
    if failure.status >= _FAILED:
        known = isinstance(error, Failure) or type(error).__module__ == "toolrun.errors"
        structlog.get_logger("toolrun.serve").error(
            "failed",
            id=exchange.id,
            status=failure.status,
            error=f"{type(error).__name__}: {error}",
            **({} if known else {"traceback": "".join(traceback.format_exception(error))}),
        )
    await exchange.fail(failure)
