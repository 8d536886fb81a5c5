"""Is a replica left alone for as long as it is broken, and asked again by one step at a time?"""

from __future__ import annotations

import pytest

from toolrun import (
    MalformedOutput,
    ModelNotFound,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
)
from toolrun.models.fleet_breaker import FAILURES, LONGEST_S, OPEN_S, Breaker, blame


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def now() -> Hand:
    return Hand()


@pytest.fixture
def breaker(now: Hand) -> Breaker:
    return Breaker(now)


def state(breaker: Breaker) -> str:
    """Where it stands; a type checker would take an attribute for unchanged."""
    return breaker.state


def opened(breaker: Breaker, now: Hand) -> Breaker:
    assert breaker.fail(now(), at_once=True)
    now.time += 0.1
    return breaker


def test_failures_in_a_row_open(breaker: Breaker, now: Hand) -> None:
    for _ in range(5):
        for _ in range(FAILURES - 1):
            assert not breaker.fail(now(), at_once=False)
        breaker.succeed(now())
    assert breaker.admits

    assert [breaker.fail(now(), at_once=False) for _ in range(FAILURES)] == [False, False, True]
    assert state(breaker) == "open"
    assert not breaker.admits


def test_the_steps_of_a_replica_that_died_open_it_once(breaker: Breaker, now: Hand) -> None:
    opened(breaker, now)
    until = breaker.until

    assert not any(breaker.fail(now() - 5, at_once=True) for _ in range(100))
    assert breaker.until == until == 100 + OPEN_S


def test_it_is_open_for_longer_and_longer(breaker: Breaker, now: Hand) -> None:
    since = now()
    opened(breaker, now)
    seen: list[float] = []
    for _ in range(9):
        seen.append(round(breaker.until - since, 6))
        due = [breaker.is_due]
        since = now.time = breaker.until
        assert [*due, breaker.is_due] == [False, True]
        breaker.stay_open()

    assert seen == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert seen[-1] == LONGEST_S


def test_half_open_lets_one_step_through(breaker: Breaker, now: Hand) -> None:
    opened(breaker, now).answers()

    seen = [breaker.admits, breaker.begin(), breaker.admits, breaker.begin()]
    assert seen == [True, True, False, False]
    breaker.give_up()  # its turn was cancelled
    assert breaker.begin()
    assert breaker.succeed(now())
    assert state(breaker) == "closed"
    assert not breaker.begin()


def test_what_comes_of_that_step_closes_or_opens_for_longer(breaker: Breaker, now: Hand) -> None:
    opened(breaker, now).answers()
    breaker.begin()

    assert breaker.fail(now(), at_once=False), "one failure is enough"
    assert breaker.until == now() + 2 * OPEN_S
    breaker.answers()
    assert breaker.succeed(now())
    assert breaker.fail(now(), at_once=True)
    assert breaker.until == now() + OPEN_S, "it was well in between"


def test_what_began_before_says_nothing_of_now(breaker: Breaker, now: Hand) -> None:
    before = now()
    now.time += 1
    opened(breaker, now)

    assert not breaker.succeed(before)
    assert state(breaker) == "open"
    breaker.answers()
    assert not breaker.fail(before, at_once=True)
    assert state(breaker) == "half-open"
    breaker.succeed(now())
    assert not breaker.fail(before, at_once=True)
    assert state(breaker) == "closed"


@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (ServerUnreachable(""), "down"),
        *((ServerTimeout("", p), "down") for p in ("connect", "first token", "between tokens")),
        (ServerTimeout("", "step"), "slow"),
        (ModelNotFound(""), "lacking"),
        (MalformedOutput("", "no-tool-parser"), "down"),
        *((MalformedOutput("", code), "failing") for code in ("broken-stream", "malformed-reply")),
        *((MalformedOutput("", c), None) for c in ("analysis-only", "nothing-said", "markup")),
        *((ServerStatus("", status), "down") for status in (401, 403, 404, 405, 501)),
        *((ServerStatus("", status), "busy") for status in (408, 425, 429, 503)),
        *((ServerStatus("", status), "failing") for status in (500, 502, 504)),
        *((ServerStatus("", status), None) for status in (400, 413, 422)),
        (ServerError(""), None),
    ],
    ids=lambda value: getattr(value, "code", None),
)  # fmt: skip
def test_who_is_to_blame(error: ServerError, whose: str | None) -> None:
    assert blame(error) == whose


def test_a_header_that_the_model_wrote_is_no_fault_of_the_server() -> None:
    error = ServerStatus("", 500)
    error.code = "malformed-header"

    assert blame(error) is None


def test_a_server_without_token_ids_is_left_to_the_others() -> None:
    error = ServerError("the server gives no token ids")
    error.code = "no-token-ids"

    assert blame(error) == "down"
