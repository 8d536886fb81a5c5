"""May a replica be asked, or is it left alone for a while? A circuit breaker, without any I/O.

Closed: steps go through. Open: none does, for a time that doubles with each opening in a row.
Half-open, once the replica has been seen to answer again: one step goes through, and what comes of
it closes or opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from toolrun.errors import (
    MalformedOutput,
    ModelNotFound,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Blame: TypeAlias = Literal["down", "failing", "busy", "lacking", "slow"]
"""What an error says of the replica: that it cannot serve now; that it failed, which may be chance;
that it has too much to do; that it has no such model; that the whole of a step took too long."""

State: TypeAlias = Literal["closed", "open", "half-open"]

FAILURES = 3
"""Failures in a row, which may be chance, that open the breaker."""
OPEN_S = 1.0
"""Seconds that it stays open the first time."""
LONGEST_S = 60.0
"""Seconds that it stays open at most."""

_BUSY = (408, 425, 429, 503)
_REFUSED = (401, 403, 404, 405, 501, 505)
_BROKEN = ("broken-stream", "malformed-reply")


def blame(error: ServerError) -> Blame | None:  # noqa: PLR0911 - a table
    """What an error says of its replica; None where the model or the request is to blame."""
    match error:
        case ServerUnreachable():
            return "down"
        case ServerTimeout():
            # A reply that was under way when its whole time was up would take as long elsewhere.
            return "slow" if error.phase == "step" else "down"
        case ModelNotFound():
            return "lacking"
        case MalformedOutput():
            if error.code == "no-tool-parser":
                return "down"
            return "failing" if error.code in _BROKEN else None
        case ServerStatus():
            if error.code.startswith("malformed-"):  # the model's own doing, under any status
                return None
            if error.status in _BUSY:
                return "busy"
            if error.status in _REFUSED:
                return "down"
            return "failing" if error.status >= 500 else None  # noqa: PLR2004 - HTTP's
        case _:
            # Another may be a server that gives the ids that direct sampling needs.
            return "down" if error.code == "no-token-ids" else None


class Breaker:
    """The breaker of one replica.

    Args:
        now: a clock that never goes back, in seconds.

    Attributes:
        state: see the module.
        until: when it has been open for long enough to look at the replica again.
        failures: in a row.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.state: State = "closed"
        self.until: float = 0.0
        self.failures: int = 0
        self._openings = 0
        self._changed = now()
        self._probing = False

    @property
    def admits(self) -> bool:
        """Whether a step may go to the replica."""
        return self.state == "closed" or (self.state == "half-open" and not self._probing)

    @property
    def is_due(self) -> bool:
        """Whether it has been open for long enough."""
        return self.state == "open" and self._now() >= self.until

    def begin(self) -> bool:
        """A step begins; whether it is the one that a half-open breaker lets through."""
        if self.state != "half-open" or self._probing:
            return False
        self._probing = True
        return True

    def give_up(self) -> None:
        """The step that a half-open breaker let through came to nothing: another may go."""
        self._probing = False

    def succeed(self, began: float) -> bool:
        """A step that began then brought an answer; whether that closed the breaker."""
        if self.state == "closed":
            self.failures = 0
            return False
        if began < self._changed:
            return False  # it was under way before: that says nothing of now
        self._become("closed")
        self.failures = self._openings = 0
        return True

    def fail(self, began: float, *, at_once: bool) -> bool:
        """A step that began then failed; whether that opened the breaker.

        When a replica dies, all its steps fail: the first of them opens, the others say no more.
        """
        if self.state == "open" or began < self._changed:
            return False
        self.failures += 1
        if self.state == "closed" and not at_once and self.failures < FAILURES:
            return False
        self._open()
        return True

    def answers(self) -> None:
        """The replica was seen to answer: one step may go to it."""
        self._become("half-open")

    def stay_open(self) -> None:
        """It was seen not to answer: open for longer."""
        self._open()

    def _open(self) -> None:
        seconds = min(LONGEST_S, OPEN_S * 2.0 ** min(self._openings, 16))
        self._openings += 1
        self.until = self._now() + seconds
        self._become("open")

    def _become(self, state: State) -> None:
        self.state = state
        self._changed = self._now()
        self._probing = False
