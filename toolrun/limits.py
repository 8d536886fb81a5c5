"""How much may a turn take, how much a session, and how much has been taken?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from toolrun.errors import ConfigError
from toolrun.events import LimitReached

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.values import Usage


class Limits(Struct, frozen=True):
    """What one turn may take.

    Attributes:
        steps: samplings of the model.
        tool_calls: calls that are run.
        seconds: wall time from the user's message on; None for no end.
        repeats: times that a turn may make the same call (same tool, same arguments); the model
            is warned from the third on, and the last one is not run. Tools that are `repeatable`
            are not counted.
    """

    steps: int = 50
    tool_calls: int = 200
    seconds: float | None = 900.0
    repeats: int = 5

    def __post_init__(self) -> None:
        """Refuse limits that no turn could keep.

        Raises:
            ConfigError: a limit is not positive.
        """
        for name in ("steps", "tool_calls", "seconds", "repeats"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"limits.{name} must be greater than 0, not {value}")

    def within(self, seconds: float | None) -> Limits:
        """The same with no more wall time than this.

        Args:
            seconds: that a turn may take; None for what it was.

        Raises:
            ConfigError: it is none.
        """
        if seconds is None:
            return self
        if not seconds > 0:
            raise ConfigError(f"seconds must be greater than 0, not {seconds}")
        mine = self.seconds
        return structs.replace(self, seconds=seconds if mine is None else min(mine, seconds))

    def meter(self, clock: Callable[[], float]) -> Meter:
        """Internal: a meter for one turn that begins now; `clock` gives seconds, monotonic."""
        return Meter(self, clock)


class Meter:
    """What a running turn has taken of its limits."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.steps = 0
        self.tool_calls: int = 0
        self._clock = clock
        self._began = clock()

    def remaining(self) -> float | None:
        """Seconds of wall time that are left, None where there is no end."""
        if self.limits.seconds is None:
            return None
        return max(0.0, self.limits.seconds - (self._clock() - self._began))

    def reached(self) -> LimitReached | None:
        """The limit that forbids another step, if any."""
        if self.steps >= self.limits.steps:
            return LimitReached("steps", self.limits.steps)
        if self.tool_calls >= self.limits.tool_calls:
            return LimitReached("tool_calls", self.limits.tool_calls)
        if self.remaining() == 0.0:
            return self.out_of_time()
        return None

    def take_call(self) -> bool:
        """Count a call that is about to run; False where the limit forbids it."""
        if self.tool_calls >= self.limits.tool_calls:
            return False
        self.tool_calls += 1
        return True

    def out_of_time(self) -> LimitReached:
        """The event for a turn whose wall time ran out."""
        return LimitReached("seconds", self.limits.seconds or 0.0)


class Prices(Struct, frozen=True):
    """What a million tokens cost, in a currency of the user's choice.

    Attributes:
        prompt: tokens of the prompt.
        completion: tokens that the model sampled.
        cached: tokens of the prompt that the server had cached; as `prompt` where None.
    """

    prompt: float
    completion: float
    cached: float | None = None

    def __post_init__(self) -> None:
        """Refuse prices that nothing has.

        Raises:
            ConfigError: one is negative, or no number.
        """
        for name in ("prompt", "completion", "cached"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ConfigError(f"prices.{name} must be a number from 0, not {value}")

    def cost(self, usage: Usage) -> float:
        """What a usage costs.

        Args:
            usage: of a step, or of many.
        """
        cached = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        parts = fresh * self.prompt + usage.cached_tokens * cached
        return (parts + usage.completion_tokens * self.completion) / 1_000_000


class Budget(Struct, frozen=True):
    """What all turns of a session may take together; checked before each step.

    Attributes:
        tokens: of prompts and completions together, as the server counts them.
        cost: in the currency of `prices`.
        prices: needed for `cost`.
    """

    tokens: int | None = None
    cost: float | None = None
    prices: Prices | None = None

    def __post_init__(self) -> None:
        """Refuse budgets that no session could keep.

        Raises:
            ConfigError: a field is not positive, or `cost` has no prices.
        """
        for name in ("tokens", "cost"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"budget.{name} must be greater than 0, not {value}")
        if self.cost is not None and self.prices is None:
            raise ConfigError(
                "budget.cost needs prices: "
                "Budget(cost=1, prices=Prices(prompt=0.1, completion=0.5))"
            )

    def reached(self, used: Usage) -> LimitReached | None:
        """The part of the budget that is spent, if any.

        Args:
            used: tokens so far.
        """
        if self.tokens is not None and used.total_tokens >= self.tokens:
            return LimitReached("budget.tokens", self.tokens)
        if self.cost is not None and self.prices and self.prices.cost(used) >= self.cost:
            return LimitReached("budget.cost", self.cost)
        return None
