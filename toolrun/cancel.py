"""How is a turn stopped from somewhere else: another thread, another loop, a signal handler?"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from toolrun.errors import ConfigError
from toolrun.tools.threads import poster

if TYPE_CHECKING:
    from collections.abc import Callable

    Stop = Callable[[str], None]


class CancelToken:
    """Stops every turn that was given it, of any number of sessions.

    `ask`, `stream`, `go_on` take one: `cancel=token`. It stops turns for good: one that begins
    with a token that was cancelled ends before it samples anything.
    """

    def __init__(self) -> None:
        # A signal handler may come between any two lines of the thread that it interrupts: that
        # thread must get past a lock that it holds itself.
        self._lock = threading.RLock()
        self._watching: dict[object, Callable[[], None]] = {}
        self._reason: str | None = None

    @property
    def cancelled(self) -> bool:
        """Whether it was."""
        return self._reason is not None

    @property
    def reason(self) -> str:
        """Why it was cancelled, as the first to do so said."""
        return self._reason or ""

    def cancel(self, reason: str = "") -> None:
        """Stop the turns: their tools are killed, and they end as "cancelled".

        Returns at once, from any thread and any signal handler; may be called again.

        Args:
            reason: for people: it stands in the TurnFinished event and in `Answer.reason`.
        """
        with self._lock:
            if self._reason is None:
                self._reason = reason
            watching = tuple(self._watching.values())
        for tell in watching:
            tell()

    def watch(self, stop: Stop) -> Callable[[], None]:
        """Have `stop` called with the reason, on the loop that runs now, once it is cancelled.

        Returns:
            What ends that.
        """
        post, place = poster(), object()
        ended = False

        def told() -> None:
            if not ended:
                stop(self.reason)

        def tell() -> None:
            with suppress(RuntimeError):  # that loop has ended, and the turn with it
                post(told)

        def end() -> None:
            nonlocal ended
            ended = True
            with self._lock:
                self._watching.pop(place, None)

        with self._lock:
            self._watching[place] = tell
        if self.cancelled:
            stop(self.reason)
        return end


def check_token(token: Any) -> CancelToken | None:
    """The token, where it is one or None.

    Raises:
        ConfigError: it is something else.
    """
    if token is None or isinstance(token, CancelToken):
        return token
    raise ConfigError(f"cancel must be a CancelToken, not {type(token).__name__}")
