"""What holds for every request, whatever it asks? An id, a bound on its body, a line in the log."""

import re
import secrets
import time

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ID = re.compile(r"[\w.-]{1,64}")
_TOO_LARGE = 413
_GONE = 499
"""The status where the client went before there was one: nginx's."""
log = structlog.get_logger("agent_service")


class Guard:
    """An ASGI middleware.

    Args:
        app: the application.
        body_bytes: the largest body.
    """

    def __init__(self, app: ASGIApp, body_bytes: int) -> None:
        self._app = app
        self._most = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI application."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        scope["request_id"] = request_id
        began, status = time.monotonic(), _GONE

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._app(scope, self._bounded(headers, receive), sending)
        finally:
            self._ended(scope, status, time.monotonic() - began)

    def _bounded(self, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """Receive a body up to its bound; a longer one is not read to its end."""
        declared = headers.get(b"content-length", b"0")
        read = int(declared) if declared.isdigit() and int(declared) > self._most else 0

        async def receiving() -> Message:
            nonlocal read
            if read <= self._most:
                message = await receive()
                read += len(message.get("body", b""))
                if read <= self._most:
                    return message
            raise HTTPException(_TOO_LARGE, f"A body has at most {self._most} bytes.")

        return receiving

    def _ended(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's own path, not the request's: ids would make a series each.
        route = getattr(scope.get("route"), "path", "other")
        metrics = scope["app"].state.service.metrics
        metrics.requests.labels(route, str(status)).inc()
        metrics.seconds.labels(route).observe(seconds)
        if not route.startswith(("/health", "/metrics")):
            log.info(
                "request",
                id=scope["request_id"],
                method=scope["method"],
                route=route,
                status=status,
                seconds=round(seconds, 3),
            )
