"""How does the mock's answer fail on its way, and which requests meet a fault by chance?

A fault by chance is drawn from the seed, the request's bytes and how often these came: the same
requests meet the same faults, whatever else the server does at the time. (Sessions whose requests
are the same to the byte share the draws: have their prompts differ.)
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, get_args

from tests.rig import mock_bytes, mock_http, mock_versions
from tests.rig.mock_http import ABORT, BREAK, EVENT_STREAM, HANG, STREAM_END, Break, whole
from tests.rig.mock_steps import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.rig.mock_steps import Step

MALFORMED: Final = 'unexpected tokens remaining in message header: Some("to=functions.f")'
PASSING: Final[tuple[Fault, ...]] = tuple(
    fault
    for fault in get_args(Fault)
    if fault not in ("http_400", "hang_early", "hang_midway", "no_tool_parser")
)
"""Faults that the same request need not meet again, and that no time-out has to end."""

_HTTP_FAULT = re.compile(r"http_(\d+)")
_HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
_HEADER_ERROR: Final = mock_bytes.failure(MALFORMED, "InternalServerError", None, 500)
_WHOLE_FAULTS: Final[dict[str, list[bytes | float | Break]]] = {
    "header_500": whole(500, _HEADER_ERROR),
    # Some builds answer 200, with the error as the body and a code of their own.
    "header_200": whole(200, mock_bytes.failure("Unknown role: x", "BadRequestError", None, 400)),
    "html": whole(200, _HTML, "text/html"),
    "gzip_garbage": whole(200, b"\x1f\x8bnot gzip at all" * 8, content_encoding="gzip"),
    "empty_body": whole(200, b""),
    "closed_early": [BREAK],
    "hang_early": [HANG],
}
_MIDWAY_FAULTS: Final = frozenset(
    {"truncated_json", "sse_error", "sse_503", "cut", "closed_midway", "hang_midway"}
)
_SSE_ERRORS: Final = {"sse_error": (MALFORMED, 500), "sse_503": ("The engine is dead.", 503)}


def drawn(seed: int, body: bytes, came: int, rate: float, faults: Sequence[Fault]) -> Fault | None:
    """The fault of a request that came for the `came`-th time; None at a chance of 1 - `rate`."""
    digest = hashlib.blake2b(b"%d.%d." % (seed, came) + body, digest_size=16).digest()
    if int.from_bytes(digest[:8]) >= rate * 2**64:
        return None
    return faults[int.from_bytes(digest[8:]) % len(faults)]


def header_fault(version: str | None) -> Fault:
    """What comes of a malformed header: an error, from the harmony of 0.31 on analysis alone."""
    return "sse_error" if mock_versions.is_before(version, (0, 31)) else "analysis_only"


def broken(step: Step, parts: list[bytes], *, stream: bool) -> list[bytes | float | Break] | None:
    """The plan of a fault of the transport or the server; None for other faults, and for none."""
    fault = step.fault or ""
    if found := _HTTP_FAULT.match(fault):
        status = int(found[1])
        asked = {"retry_after": step.retry_after, "retry_after_ms": step.retry_after_ms}
        body = mock_bytes.failure(f"The mock says {status}.", "InternalServerError", None, status)
        return whole(status, body, **{name: each for name, each in asked.items() if each})
    if fault in _WHOLE_FAULTS:
        return list(_WHOLE_FAULTS[fault])
    if fault in _MIDWAY_FAULTS:
        return _half_stream(fault, parts) if stream else _half_body(fault, parts[0])
    return None


def _half_body(fault: str, body: bytes) -> list[bytes | float | Break]:
    half = body[: len(body) // 2]
    if fault == "truncated_json":
        return whole(200, half)
    if fault in _SSE_ERRORS:  # unstreamed, the same failure is an ordinary error
        message, code = _SSE_ERRORS[fault]
        return whole(code, mock_bytes.failure(message, "InternalServerError", None, code))
    promised = mock_http.head(
        200, {"content-length": str(len(body)), "content-type": "application/json"}
    )
    return [promised + half, _end_of(fault)]


def _half_stream(fault: str, parts: list[bytes]) -> list[bytes | float | Break]:
    events = b"".join(parts).split(b"\n\n")
    half = events[: max(1, len(events) // 2)]
    begun = [EVENT_STREAM, mock_http.frames(b"\n\n".join(half) + b"\n\n")]
    if fault == "truncated_json":
        torn = half[-1][: len(half[-1]) // 2] + b"\n\n"
        return [*begun, mock_http.frames(torn), STREAM_END]
    if fault in _SSE_ERRORS:
        error = mock_bytes.sse_error(*_SSE_ERRORS[fault])
        return [*begun, mock_http.frames(error), STREAM_END]
    if fault == "cut":
        return [*begun, STREAM_END]
    return [*begun, _end_of(fault)]


def _end_of(fault: str) -> float | Break:
    match fault:
        case "hang_midway":
            return HANG
        case "cut":
            return BREAK
    return ABORT
