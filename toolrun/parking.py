"""How does a turn end early, where its step ends, so that it can go on somewhere else?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class Parking:
    """A wish that a turn end where its step does: its calls run, and nothing more is sampled.

    Attributes:
        asked: whether there is one.
        reason: why, for people.
    """

    def __init__(self) -> None:
        self.asked: bool = False
        self.reason: str = ""
        self._waits: set[anyio.CancelScope] = set()

    def ask(self, reason: str) -> None:
        """Have it end; what people take their time for is waited for no longer."""
        if not self.asked:
            self.asked, self.reason = True, reason
        for wait in self._waits:
            wait.cancel()

    async def unless_asked(
        self, wait: Callable[[], Awaitable[T]], seconds: float | None = None
    ) -> T | None:
        """What somebody says; None where the turn shall end before that.

        Args:
            wait: for that.
            seconds: after which None is taken for it, too; None for no end.

        Raises:
            Exception: what `wait` raises.
        """
        if self.asked:
            return None
        with anyio.move_on_after(math.inf if seconds is None else seconds) as scope:
            self._waits.add(scope)
            try:
                return await wait()
            finally:
                self._waits.discard(scope)
        return None
