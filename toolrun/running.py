"""How does a session run one turn at a time, and what is left whoever stops it?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import anyio

from toolrun.errors import ConfigError, SessionBusy
from toolrun.turn import end_turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from toolrun.journal import Journal
    from toolrun.limits import Limits, Meter
    from toolrun.values import Status


class Running:
    """The turn that a session runs, if any.

    Args:
        journal: of the session.
        limits: of each turn.
    """

    def __init__(self, journal: Journal, limits: Limits) -> None:
        self._journal = journal
        self._limits = limits
        self._scope: anyio.CancelScope | None = None
        self._stopped = False
        self._ended: anyio.Event | None = None
        self._closed = False

    def check_idle(self) -> None:
        """Pass where the session is open and runs no turn.

        Raises:
            ConfigError: it is not open, or closed.
            SessionBusy: it runs one.
        """
        name = self._journal.session
        self.check_not_closed()
        if self._journal.state.opened is None:
            raise ConfigError(f"session {name} is not open; use it in `async with`")
        if self._scope is not None:
            raise SessionBusy(
                f"session {name} runs a turn; await it or cancel it, a session has one at a time"
            )

    def check_not_closed(self) -> None:
        """Pass where the session has not been closed: what it held is gone.

        Raises:
            ConfigError: it has.
        """
        if self._closed:
            raise ConfigError(
                f"session {self._journal.session} is closed; another can go on from its messages: "
                "Session(messages=session.messages())"
            )

    def close(self) -> None:
        """Stop the turn that runs, and let none begin."""
        self._closed = True
        self.cancel()

    def cancel(self) -> None:
        """Stop the turn; it ends as cancelled."""
        if self._scope is not None:
            self._stopped = True
            self._scope.cancel()

    def time_is_up(self) -> None:
        """End the turn as if its time had run out."""
        if self._scope is not None:
            self._scope.deadline = anyio.current_time()

    async def wait(self) -> None:
        """Return when no turn runs."""
        if self._ended is not None:
            await self._ended.wait()

    async def run(
        self, begin: Callable[[], Awaitable[None]], drive: Callable[[Meter], Awaitable[None]]
    ) -> None:
        """Run a turn to its end, within its time; the transcript can go on whatever happens.

        Args:
            begin: records what the turn begins with; where it raises there was no turn.
            drive: drives the turn, and records its end where nothing stops it.

        Raises:
            Exception: what `begin` or `drive` raises.
        """
        self.check_idle()
        state = self._journal.state
        with anyio.CancelScope() as scope, contextlib.ExitStack() as under:
            self._scope, self._stopped = scope, False
            self._ended = ended = anyio.Event()
            meter = self._limits.meter(anyio.current_time)
            if (seconds := meter.remaining()) is not None:
                scope.deadline = anyio.current_time() + seconds
            before = state.finished
            begun = False
            try:
                await begin()
                begun = True
                self._journal.traceparent = under.enter_context(self._journal.within("turn"))
                await drive(meter)
            except GeneratorExit:  # the coroutine is thrown away: it may not wait any more
                raise
            except BaseException as error:
                if state.finished in (None, before):
                    if _is_cancellation(error):
                        await self._interrupted(scope, meter)
                    elif begun:
                        with anyio.CancelScope(shield=True):
                            why = f"{type(error).__name__}: {error}"
                            await end_turn(self._journal, "failed", why)
                raise
            finally:
                self._scope = self._ended = None
                ended.set()

    async def _interrupted(self, scope: anyio.CancelScope, meter: Meter) -> None:
        status: Status = "cancelled"
        with anyio.CancelScope(shield=True):
            if not self._stopped and anyio.current_time() >= scope.deadline:
                status = "limited"
                await self._journal.record(meter.out_of_time())
            await end_turn(self._journal, status)


def _is_cancellation(error: BaseException) -> bool:
    """Whether a task was cancelled; trio's nurseries raise that in a group, such as httpx's."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_cancellation, error.exceptions))
    return isinstance(error, anyio.get_cancelled_exc_class())
