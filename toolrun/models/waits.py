"""How long may each wait of a stream take?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from toolrun.models.door import Timeouts

LINGER = 0.5
"""Seconds that a stream may stay open after its last event, for the connection's next use."""


class Waits:
    """The waits of one stream: until its first token, from one to the next, and for all of it."""

    def __init__(self, times: Timeouts) -> None:
        self._times = times
        now = anyio.current_time()
        self._end = now + times.step
        self.phase, self.wait = "first token", times.first_token
        self.deadline = self._bounded(now)

    def again(self) -> float:
        """The deadline of the next read."""
        self.phase, self.wait = "between tokens", self._times.between_tokens
        return self._bounded(anyio.current_time())

    def linger(self) -> float:
        """The deadline of what comes after the last event."""
        return anyio.current_time() + LINGER

    def _bounded(self, now: float) -> float:
        if now + self.wait < self._end:
            return now + self.wait
        self.phase, self.wait = "step", self._times.step
        return self._end
