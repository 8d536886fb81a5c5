"""How much may a turn take, and how much has it taken?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from toolrun.errors import ConfigError
from toolrun.events import LimitReached

if TYPE_CHECKING:
    from collections.abc import Callable


class Limits(Struct, frozen=True):
    """What one turn may take.

    Attributes:
        steps: samplings of the model.
        tool_calls: calls that are run.
        seconds: wall time from the user's message on; None for no end.
    """

    steps: int = 50
    tool_calls: int = 200
    seconds: float | None = 900.0

    def __post_init__(self) -> None:
        """Refuse limits that no turn could keep.

        Raises:
            ConfigError: a limit is not positive.
        """
        for name in ("steps", "tool_calls", "seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"limits.{name} must be greater than 0, not {value}")

    def meter(self, clock: Callable[[], float]) -> Meter:
        """A meter for one turn that begins now; `clock` gives seconds, monotonic."""
        return Meter(self, clock)


class Meter:
    """What a running turn has taken of its limits."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.steps = 0
        self.tool_calls = 0
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
