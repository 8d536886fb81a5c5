"""Does a meter forbid what the limits forbid, and nothing before?"""

from __future__ import annotations

from typing import Any

import pytest

from toolrun import Budget, ConfigError, LimitReached, Limits, Prices, Usage


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


# ---- budgets ----

PRICES = Prices(prompt=2, completion=10, cached=1)


def test_a_budget_of_tokens() -> None:
    budget = Budget(tokens=100)

    assert budget.reached(Usage(60, 39)) is None
    assert budget.reached(Usage(60, 40)) == LimitReached("budget.tokens", 100)


def test_a_budget_of_money() -> None:
    used = Usage(prompt_tokens=1_000_000, completion_tokens=200_000, cached_tokens=500_000)

    assert PRICES.cost(used) == pytest.approx(0.5 * 2 + 0.5 * 1 + 0.2 * 10)
    assert Prices(2, 10).cost(used) == pytest.approx(1 * 2 + 0.2 * 10)
    assert Budget(cost=4, prices=PRICES).reached(used) is None
    assert Budget(cost=3.5, prices=PRICES).reached(used) == LimitReached("budget.cost", 3.5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tokens": 0}, r"budget\.tokens must be greater than 0"),
        ({"cost": -1, "prices": PRICES}, r"budget\.cost must be greater than 0"),
        ({"cost": 1}, "budget.cost needs prices"),
    ],
)
def test_budgets_that_no_session_could_keep_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Budget(**wrong)
