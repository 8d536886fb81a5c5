"""What time is it, and how does one wait?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Protocol):
    """Gives the times of events, and waits between two attempts at a step."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed.

        Args:
            seconds: to wait.
        """
        ...


class SystemClock:
    """The time of this machine."""

    time: Callable[[], float] = staticmethod(time.time)
    """See `Clock.time`; each event asks for it."""

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await anyio.sleep(seconds)
