"""What time is it in a test? The time that the test says, and waits are over at once."""

from __future__ import annotations

from anyio.lowlevel import checkpoint

START = 1_767_225_600.0
"""2026-01-01T00:00:00Z, where nothing else is said."""


class FakeClock:
    """A clock for `Runtime(clock=...)` that moves only when it is told to.

    It gives events their times, and a wait between two attempts at a step moves it and ends at
    once. Time-outs of servers, tools and turns are the event loop's, and stay real.

    Args:
        start: seconds since the epoch.

    Attributes:
        slept: the waits so far, in seconds.
    """

    def __init__(self, start: float = START) -> None:
        self.slept: list[float] = []
        self._now = start

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move it.

        Args:
            seconds: to move it by, 0 or more.

        Raises:
            ValueError: backwards.
        """
        if seconds < 0:
            raise ValueError(f"a clock goes forwards: advance({seconds:g})")
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        """Move it by so much, let other tasks run, and return without a wait.

        Args:
            seconds: to move it by.
        """
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))
        await checkpoint()
