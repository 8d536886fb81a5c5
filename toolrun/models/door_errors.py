"""What does a failure of a transport or a server mean, and what should be done about it?

Each error says where it happened, what came back, and which setting to look at.
"""

from __future__ import annotations

import contextlib
import math
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.errors import (
    ContextTooLong,
    MalformedOutput,
    ModelNotFound,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
)
from toolrun.models import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

START = f"vllm serve openai/gpt-oss-20b {faults.PARSER_FLAGS}"
NO_KEY = "EMPTY"
"""The key that is sent where none is given, as vLLM's own examples do."""

_SHAPE = "this does not look like an OpenAI-compatible server"
_WHERE = "Check base_url; vLLM's is http://HOST:8000/v1"
_NOT_MADE = {"ConnectError", "ConnectionRefusedError", "gaierror"}
_ENDED = {
    "ServerDisconnectedError",
    "ClientPayloadError",
    "ClientOSError",
    "ReadError",
    "WriteError",
}
"""Errors (aiohttp's, then httpx's) of a connection that ended before its reply was whole."""
_PACKED = {"ContentEncodingError", "DecodingError"}
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
_PAGE, _LONGEST = 200, 2000
_NOT_FOUND = (404, 405)
_REFUSED = (401, 403)
_TOO_MUCH = (400, 413, 422)
_FLAGGED = ("enable-auto-tool-choice", "tool-call-parser", "tool choice requires")


class DoorErrors:
    """Makes the errors of one server.

    Attributes:
        answered: whether the server has given any HTTP answer; then it may come back.
    """

    def __init__(self, base_url: str, connect: float, *, keyed: bool) -> None:
        self._url = base_url
        self._connect = connect
        self._keyed = keyed
        self.answered = False

    def transport(self, error: Exception, phase: str) -> ServerError:
        """The error of a request that got no answer, or not all of it."""
        names, cause = _seen(error)
        if names & _NOT_MADE or any(name.startswith("ClientConnector") for name in names):
            return self._unreachable(cause)
        if not _has_ended(names, cause):
            if names & {"ConnectionTimeoutError", "ConnectTimeout"}:
                wait = f"{self._connect:g} s"
                return ServerTimeout(f"{self._url}: no connection within {wait}", "connect")
            if "ReadTimeout" in names:
                return ServerTimeout(f"{self._url}: no answer in time ({phase})", phase)
        return self.broken(error)

    def silent(self, phase: str, wait: float) -> ServerTimeout:
        """The error of a wait that ran out."""
        what = "the step took more than" if phase == "step" else "nothing came for"
        return ServerTimeout(f"{self._url}: {what} {wait:g} s ({phase})", phase)

    def broken(self, error: Exception) -> MalformedOutput:
        """The error of a reply that ended in mid-air, or is not HTTP."""
        names, cause = _seen(error)
        if names & _PACKED:
            return MalformedOutput(
                f"{self._url}: the reply says that it is compressed, and cannot be unpacked "
                f"({cause}). Does a proxy change it?"
            )
        if _has_ended(names, cause):
            return MalformedOutput(
                f"{self._url}: the connection ended before the reply was whole: {cause}",
                "broken-stream",
            )
        return MalformedOutput(f"{self._url}: {_SHAPE} ({cause}). {_WHERE}")

    def status(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> ServerError | ContextTooLong:
        """The error of an HTTP status."""
        fields: object = None
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            fields = msgspec.json.decode(body)
        text = message_of(fields, body.decode("utf-8", "replace").strip())
        where = f"{self._url} answered {status}"
        json = "json" in headers.get("content-type", "")
        if status == _NOT_FOUND[0] and "model" in text.lower() and json:
            return ModelNotFound(f"{where}: {text}")
        if status in _TOO_MUCH and (long := faults.context_fault(text)) is not None:
            return ContextTooLong(f"{where}: {text}", tokens=long[0], length=long[1])
        found = ServerStatus(self._told(where, status, text, json=json), status)
        found.retry_after = retry_after(headers)
        if faults.is_header_fault(text):
            found.code = "malformed-header"
        elif faults.is_call_fault(text):
            found.code = "malformed-call"
        return found

    def _told(self, where: str, status: int, text: str, *, json: bool) -> str:
        if status in _REFUSED:
            return f"{where}: {text}. {self._key_hint()}"
        if status >= 500 and not json:  # noqa: PLR2004 - HTTP's
            return f"{where} with {text!r}: this is not vLLM's, but a proxy's before it"
        if status in _NOT_FOUND or not json:
            hint = "" if self._url.endswith("/v1") else " Is /v1 missing at its end?"
            return f"{where} with {text!r}: {_SHAPE}.{hint} {_WHERE}"
        if any(mark in text for mark in _FLAGGED):
            return f"{where}: {text}. Start vLLM with {faults.PARSER_FLAGS}"
        return f"{where}: {text}"

    def _key_hint(self) -> str:
        if self._keyed:
            return "Check api_key"
        return "It wants an API key, and none was given: set api_key"

    def too_long(self, most: int) -> MalformedOutput:
        """The error of a body that is longer than any reply."""
        return MalformedOutput(f"{self._url}: the reply has more than {most} bytes")

    def page(self, headers: Mapping[str, str]) -> MalformedOutput | None:
        """The error of an answer that is a web page: a proxy's, or another kind of server's."""
        if not headers.get("content-type", "").startswith("text/html"):
            return None
        return MalformedOutput(f"{self._url} answered with a web page: {_SHAPE}. {_WHERE}")

    def _unreachable(self, cause: str) -> ServerUnreachable:
        if self.answered:
            return ServerUnreachable(
                f"the server at {self._url} answered before, and is gone: {cause}", answered=True
            )
        if any(mark in cause for mark in _NO_TLS):
            return ServerUnreachable(
                f"the server at {self._url} does not speak TLS ({cause}). Is it http:// that "
                "base_url should begin with?"
            )
        return ServerUnreachable(
            f"no server at {self._url}: {cause}. Start one with\n"
            f"    {START}\nor give the base URL of one that runs"
        )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone (RFC 9110, 10.2.3; `retry-after-ms` is Azure's).

    None where it does not ask, or not in a form that there is; 0 for a date that has passed.
    """
    try:
        if (given := headers.get("retry-after-ms")) is not None:
            seconds = float(given) / 1000
        elif (given := headers.get("retry-after")) is None:
            return None
        elif given.strip()[:1].isalpha():
            seconds = parsedate_to_datetime(given).timestamp() - time.time()
        else:
            seconds = float(given)
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def message_of(body: object, text: str) -> str:
    """What an error body says, whichever of the usual forms it has; cut where it is long."""
    fields: Any = body
    if isinstance(fields, dict):
        fields = fields.get("error", fields)
        if isinstance(fields, dict):
            fields = fields.get("message") or fields.get("detail") or fields
        text = str(fields)
    else:
        text = text[:_PAGE]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _has_ended(names: set[str], cause: str) -> bool:
    """Whether a connection was made and ended; httpx has one name for that and for no HTTP."""
    ended = "RemoteProtocolError" in names and ("disconnected" in cause or "closed" in cause)
    return ended or bool(names & _ENDED)


def _seen(error: BaseException) -> tuple[set[str], str]:
    """The names of an error and of those that it was raised from, and what the first one says."""
    names = {type(error).__name__}
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
        names.add(type(error).__name__)
    return names, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
