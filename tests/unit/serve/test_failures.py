"""What is a client told of each thing that can go wrong, and what of it not?"""

from __future__ import annotations

import pytest

from toolrun.errors import (
    ConfigError,
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
from toolrun.serve.failures import Failure, failure_of, refused

PLACE = "http://10.0.0.7:8000/v1"


def answered(status: int, said: str = "no", retry_after: float | None = None) -> ServerStatus:
    text = f"{PLACE} answered {status}: {said}"
    return ServerStatus(text, status=status, retry_after=retry_after)


@pytest.mark.parametrize(
    ("error", "status", "kind", "code", "says"),
    [
        (ServerUnreachable(PLACE), 503, "server_error", "unreachable", "cannot be reached"),
        (
            ServerTimeout(PLACE, "first byte"),
            504,
            "server_error",
            "timeout-first-byte",
            "did not answer in time",
        ),
        (MalformedOutput(PLACE), 502, "server_error", "malformed-reply", "can be used"),
        (ServerError(PLACE), 502, "server_error", "server", "server failed"),
        (OutputInvalid(PLACE), 502, "server_error", "output_invalid", "fits response_format"),
        (SandboxUnavailable(PLACE), 503, "server_error", "sandbox_unavailable", "nothing was run"),
        (ConfigError(PLACE), 500, "server_error", "internal_error", "its log says why"),
        (answered(400, f"see {PLACE}"), 400, "invalid_request_error", None, "see the server"),
        (answered(422, "top_k"), 400, "invalid_request_error", None, "top_k"),
        (answered(429), 429, "rate_limit_error", "rate_limit_exceeded", "too much to do"),
        (answered(401), 502, "server_error", "upstream_auth", "refuses the key"),
        (answered(403), 502, "server_error", "upstream_auth", "refuses the key"),
        (answered(503), 503, "server_error", "http-503", "server failed"),
        (answered(500), 502, "server_error", "http-500", "server failed"),
    ],
)
def test_each_error_has_a_status_and_names_no_place(
    error: Exception, status: int, kind: str, code: str | None, says: str
) -> None:
    failure = failure_of(error)
    assert failure.status == status
    assert failure.error["type"] == kind
    assert says in failure.message
    assert b"10.0.0.7" not in failure.body()
    assert failure.code == code


def test_a_failure_stays_the_one_that_it_is() -> None:
    failure = refused("n", "No.")
    assert failure_of(failure) is failure
    assert (failure.status, failure.param) == (400, "n")


def test_a_model_that_is_not_there_is_told_with_those_that_are() -> None:
    known = failure_of(ModelNotFound("x", available=("a", "b")))
    assert known.message == "There is no model of that name. There are: a, b."
    assert failure_of(ModelNotFound("x")).message == "There is no model of that name."
    assert (known.status, known.param) == (404, "model")


def test_a_context_that_is_too_long_is_told_as_the_server_has_it() -> None:
    text = f"{PLACE} answered 400: at most 8 tokens at {PLACE}/x"
    failure = failure_of(ContextTooLong(text))
    assert (failure.status, failure.code) == (400, "context_length_exceeded")
    assert failure.message == "at most 8 tokens at the server"


@pytest.mark.parametrize(
    ("wait", "header"), [(None, "1"), (0.2, "1"), (7, "7"), (7.1, "8"), (1e9, "86400")]
)
def test_it_says_when_to_come_again(wait: float | None, header: str) -> None:
    headers = failure_of(answered(429, retry_after=wait)).headers()
    assert headers == {"retry-after": header}


def test_only_who_has_no_key_is_asked_for_one() -> None:
    assert Failure(401, "Who?").headers() == {"www-authenticate": "Bearer"}
    assert Failure(403, "No.").headers() == {}
