"""Does a meter forbid what the limits forbid, and nothing before?"""

from __future__ import annotations

from typing import Any

import pytest

from toolrun import ConfigError, LimitReached, Limits


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"tool_calls": -1}, {"seconds": 0.0}])
def test_limits_that_no_turn_could_keep_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=rf"limits\.{name} must be greater than 0"):
        Limits(**wrong)


def test_steps() -> None:
    meter = Limits(steps=2).meter(Clock())
    meter.steps = 1
    assert meter.reached() is None
    meter.steps = 2
    assert meter.reached() == LimitReached("steps", 2)


def test_calls_are_counted_up_to_the_limit_and_refused_beyond() -> None:
    meter = Limits(tool_calls=2).meter(Clock())

    assert [meter.take_call() for _ in range(3)] == [True, True, False]
    assert meter.tool_calls == 2
    assert meter.reached() == LimitReached("tool_calls", 2)


def test_seconds_run_from_the_beginning_of_the_turn() -> None:
    clock = Clock()
    meter = Limits(seconds=10).meter(clock)
    clock.now += 9.5
    assert meter.remaining() == pytest.approx(0.5)
    assert meter.reached() is None
    clock.now += 1
    assert meter.remaining() == 0.0
    assert meter.reached() == LimitReached("seconds", 10)


def test_without_an_end_time_never_runs_out() -> None:
    clock = Clock()
    meter = Limits(seconds=None).meter(clock)
    clock.now += 1e9

    assert meter.remaining() is None
    assert meter.reached() is None
