"""How long may each wait of a stream take?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from toolrun.models.door import Timeouts

LINGER = 0.5
"""Seconds that a stream may stay open after its last event, for the connection's next use."""


_SLACK = 1 / 32
"""By how much of a wait it may be noticed late that nothing came: a timer a read costs more."""


class Waits:
    """The waits of one stream: until its first token, from one to the next, and for all of it."""

    def __init__(self, times: Timeouts) -> None:
        self._times = times
        now = anyio.current_time()
        self._end = now + times.step
        self.phase: str = "first token"
        self.wait: float = times.first_token
        self.deadline: float = self._bounded(now + self.wait)
        self._renewed = 0.0

    def again(self) -> float:
        """The deadline of the next read; most often that of the one before."""
        # The clock of the event loop takes long to ask where there are several kinds of loops.
        since = time.monotonic() - self._renewed
        if self.phase != "between tokens" or since > self.wait * _SLACK:
            self.phase, self.wait = "between tokens", self._times.between_tokens
            self._renewed += since
            self.deadline = self._bounded(anyio.current_time() + self.wait * (1 + _SLACK))
        return self.deadline

    def linger(self) -> float:
        """The deadline of what comes after the last event."""
        return anyio.current_time() + LINGER

    def _bounded(self, deadline: float) -> float:
        if deadline < self._end:
            return deadline
        self.phase, self.wait = "step", self._times.step
        return self._end
