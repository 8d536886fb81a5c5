"""What does a client hear where something goes wrong?

One form for all: `{"error": {"code", "message", "request_id"}}`. Messages of exceptions that are
not meant for clients go to the log alone: they name hosts, files and queries.
"""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from toolrun import LeaseLost, SessionBusy, StoreError, ToolrunError, ToolsChanged

log = structlog.get_logger("agent_service")
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
SERVER_ERROR = 500


class Failure(Exception):
    """What is wrong with a request.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        message: a sentence for people.
        retry_after: seconds after which it may work; None where it will not.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def body(self, request_id: str = "") -> dict[str, dict[str, str]]:
        """As JSON values."""
        said = {"code": self.code, "message": self.message}
        return {"error": {**said, "request_id": request_id} if request_id else said}


def unknown() -> Failure:
    """There is no such session, or it is another tenant's: nobody can tell which."""
    return Failure(404, "unknown_session", "There is no such session.")


def draining() -> Failure:
    """This worker is about to end; another takes what is asked of it."""
    return Failure(503, "draining", "This worker is shutting down.", retry_after=1)


def failure_of(error: Exception) -> Failure:  # noqa: PLR0911 - a table
    """What a client hears of an exception."""
    match error:
        case Failure():
            return error
        case SessionBusy():
            return Failure(
                409, "busy", "The session runs a turn, here or elsewhere.", retry_after=1
            )
        case LeaseLost():
            return Failure(409, "taken_over", "Another worker has taken over.", retry_after=1)
        case StoreError():
            return Failure(503, "store", "The store cannot be used now.", retry_after=5)
        case ToolsChanged():
            return Failure(409, "tools_changed", "The session was begun with other tools.")
        case HTTPException():
            code = _CODES.get(error.status_code, "http")
            return Failure(error.status_code, code, str(error.detail))
        case RequestValidationError():
            # Where and what, never the input: it may hold secrets, and comes back as a page.
            found = error.errors()[0]
            where = ".".join(str(part) for part in found["loc"])
            return Failure(422, "invalid", f"{where}: {found['msg']}")
        case _:
            return Failure(SERVER_ERROR, "internal", "Something went wrong; the log says what.")


def answer_failures(app: FastAPI) -> None:
    """Have an application answer every exception in the one form."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        failure = failure_of(error)
        request_id = str(request.scope.get("request_id", ""))
        if failure.status >= SERVER_ERROR and not isinstance(error, Failure):
            known = isinstance(error, ToolrunError)
            log.error("failed", request=request_id, error=repr(error), exc_info=not known)
        headers = {} if failure.retry_after is None else {"retry-after": str(failure.retry_after)}
        if failure.status == 401:  # noqa: PLR2004 - HTTP asks for this header beside it
            headers["www-authenticate"] = "Bearer"
        return JSONResponse(failure.body(request_id), failure.status, headers)

    for kind in (Failure, ToolrunError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)
