"""Is this a request that may be read, and what does it say?

Read within a size and a time, decoded within a depth; whatever comes is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec

from toolrun.serve.failures import Failure
from toolrun.serve.sending import ClientGone
from toolrun.tools.validation import is_deeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping
    from typing import TypeAlias

    Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

READ_SECONDS: Final = 30.0
"""A body that is not there after so long is not waited for."""
MAX_DEPTH: Final = 100
"""Arrays and objects inside one another: no schema of a tool is deeper."""


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a request by their names in small letters; of several the last one."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }


async def read_json(receive: Receive, headers: Mapping[str, str], most: int) -> dict[str, Any]:
    """The JSON object that a request has for a body.

    Args:
        receive: ASGI's.
        headers: of the request.
        most: bytes that the body may have.

    Raises:
        Failure: it is too large, too slow, too deep, or no JSON object.
        ClientGone: the client went before its end.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # Nor may a web page send it without asking first, which a browser does for JSON.
        raise Failure(415, "Send JSON, with Content-Type: application/json.")
    return decoded(await _body(receive, headers, most))


async def _body(receive: Receive, headers: Mapping[str, str], most: int) -> bytes:
    said = headers.get("content-length", "")
    if said.isdigit() and (len(said) > 15 or int(said) > most):  # noqa: PLR2004 - a petabyte
        raise _too_large(most)
    reads, size = [], 0
    with anyio.move_on_after(READ_SECONDS):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            read: bytes = message.get("body", b"")
            reads.append(read)
            size += len(read)
            if size > most:
                raise _too_large(most)
            if not message.get("more_body"):
                return b"".join(reads)
    raise Failure(408, f"The body did not come within {READ_SECONDS:g} s.")


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        Failure: there is none, or one that is nested too deeply.
    """
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Failure(400, f"The body is not JSON: {error}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise Failure(400, "The body must be a JSON object.", code="invalid_json")
    if is_deeper(value, MAX_DEPTH):
        raise _too_deep()
    return value


def _too_large(most: int) -> Failure:
    return Failure(413, f"The body has more than {most} bytes.", code="body_too_large")


def _too_deep() -> Failure:
    return Failure(400, f"The body is nested deeper than {MAX_DEPTH} levels.", code="invalid_json")
