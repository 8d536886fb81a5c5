"""What does a client hear of what went wrong? An error in OpenAI's form, and nothing of ours.

No traceback, no path, no address of the server behind leaves; the log has them by the request's id.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from toolrun.errors import (
    ContextTooLong,
    MalformedOutput,
    ModelNotFound,
    OutputInvalid,
    SandboxUnavailable,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
)

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}
_CLIENTS = (400, 413, 422)
_URL = re.compile(r"\bhttps?://\S+")


class Failure(Exception):
    """A request that is answered with an error.

    Attributes:
        status: of HTTP.
        message: what happened, and what to do next.
        code: a short word for programs.
        param: the parameter that is wrong.
        retry_after: seconds after which another try makes sense.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after

    @property
    def error(self) -> dict[str, Any]:
        """The error object of OpenAI's."""
        kind = _KINDS.get(self.status, "server_error")
        return {"message": self.message, "type": kind, "param": self.param, "code": self.code}

    def body(self) -> bytes:
        """The body of the answer."""
        return msgspec.json.encode({"error": self.error})

    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        headers = {} if self.retry_after is None else {"retry-after": _seconds(self.retry_after)}
        if self.status == 401:  # noqa: PLR2004 - HTTP's
            headers["www-authenticate"] = "Bearer"
        return headers


def refused(param: str, message: str, code: str = "invalid_value") -> Failure:
    """The failure of a request one of whose parameters does not fit."""
    return Failure(400, message, code=code, param=param)


def failure_of(error: BaseException) -> Failure:  # noqa: C901, PLR0911 - a table
    """What a client is told of an error."""
    match error:
        case Failure():
            return error
        case ModelNotFound():
            names = ", ".join(error.available)
            hint = f" There are: {names}." if names else ""
            message = f"There is no model of that name.{hint}"
            return Failure(404, message, code="model_not_found", param="model")
        case ContextTooLong():
            return Failure(400, _said(str(error), 400), code="context_length_exceeded")
        case ServerStatus():
            return _answered(error)
        case ServerUnreachable():
            return _behind(503, "The model server cannot be reached.", error)
        case ServerTimeout():
            return _behind(504, "The model server did not answer in time.", error)
        case MalformedOutput():
            return _behind(502, "The model gave nothing that can be used.", error)
        case ServerError():
            return _behind(502, "The model server failed.", error)
        case OutputInvalid():
            message = "The model gave no answer that fits response_format."
            return Failure(502, message, code="output_invalid", param="response_format")
        case SandboxUnavailable():
            message = "No sandbox holds for the tools of this server; nothing was run."
            return Failure(503, message, code="sandbox_unavailable")
    return Failure(500, "The server failed; its log says why.", code="internal_error")


def _answered(error: ServerStatus) -> Failure:
    """The failure for what the server behind answered."""
    if error.status in _CLIENTS:
        return Failure(400, _said(str(error), error.status))
    if error.status == 429:  # noqa: PLR2004 - HTTP's
        wait = 1.0 if error.retry_after is None else error.retry_after
        message = "The model server has too much to do."
        return Failure(429, message, code="rate_limit_exceeded", retry_after=wait)
    if error.status in (401, 403):
        message = "The model server refuses the key of this server."
        return Failure(502, message, code="upstream_auth")
    status = 503 if error.status == 503 else 502  # noqa: PLR2004 - HTTP's
    return _behind(status, "The model server failed.", error)


def _said(text: str, status: int) -> str:
    """What a server said, without where it is."""
    return _URL.sub("the server", text.partition(f" answered {status}: ")[2] or text)


def _behind(status: int, message: str, error: ServerError) -> Failure:
    return Failure(status, message, code=error.code, retry_after=error.retry_after)


def _seconds(wait: float) -> str:
    return str(max(1, math.ceil(min(wait, 86400.0))))
