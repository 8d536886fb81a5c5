"""How does a session run one turn at a time, and what is left whoever stops it?"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.lowlevel
from msgspec import Struct, structs

from toolrun.cancel import CancelToken
from toolrun.ending import end_turn
from toolrun.errors import ConfigError, SessionBusy
from toolrun.events import TurnFinished
from toolrun.parking import Parking
from toolrun.sinks import is_storing
from toolrun.tools.threads import poster

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from toolrun.journal import Journal
    from toolrun.limits import Limits, Meter
    from toolrun.turns import Turns


class Until(Struct, frozen=True, eq=False):
    """What may end one turn early.

    Attributes:
        seconds: of wall time, where that is less than its limit.
        token: stops it.
    """

    seconds: float | None = None
    token: CancelToken | None = None


class _Stop(Struct, frozen=True):
    """How a turn was stopped: it is "cancelled", "limited", or "parked" as a crash would leave it.

    `seconds` is the limit that it reached, where that is not the turn's own.
    """

    how: Literal["cancelled", "limited", "parked"]
    reason: str = ""
    seconds: float | None = None


class Running:
    """The turn that a session runs, if any.

    Args:
        journal: of the session.
        limits: of each turn.
        turns: those of all sessions that it shares a runtime with.

    Attributes:
        parking: of the turn that runs, or ran last.
        unended: whether the end of the last turn could not be stored: it can be gone on with, as
            after a crash.
    """

    def __init__(self, journal: Journal, limits: Limits, turns: Turns | None = None) -> None:
        self.parking: Parking = Parking()
        self.unended: bool = False
        self._journal = journal
        self._limits = limits
        self._turns = turns
        self._scope: anyio.CancelScope | None = None
        self._stop: _Stop | None = None
        self._ended: anyio.Event | None = None
        self._closed = False
        self._thread = 0
        self._post: Callable[[Callable[[], object]], object] | None = None

    def check_idle(self) -> None:
        """Pass where the session is open and runs no turn.

        Raises:
            ConfigError: it is not open, or closed.
            LeaseLost: another process drives it now.
            SessionBusy: it runs one.
        """
        name = self._journal.session
        self.check_not_closed()
        if self._journal.lost is not None:
            raise self._journal.lost
        if self._journal.state.opened is None:
            raise ConfigError(f"session {name} is not open; use it in `async with`")
        if self._scope is not None:
            raise SessionBusy(
                f"session {name} runs a turn; await it or cancel it, a session has one at a time"
            )
        if self._turns is not None:
            self._turns.check()

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

    def cancel(self, reason: str = "") -> None:
        """Stop the turn; it ends as cancelled. From any thread, but from no signal handler."""
        self._stopped_by(_Stop("cancelled", reason))

    def time_is_up(self, seconds: float | None = None) -> None:
        """End the turn as if its time had run out: so many seconds, those of its limit if None."""
        self._stopped_by(_Stop("limited", seconds=seconds))

    def park(self, reason: str) -> None:
        """Have the turn end where its step does."""
        if self._scope is not None:
            self.parking.ask(reason)

    def cut(self, reason: str, *, stored: bool = False) -> None:
        """Stop the turn as a crash would, but in order.

        It ends as parked. Calls that run are killed and keep no outcome: what becomes of them is
        decided where the session is resumed. Where nothing stores the session, nobody can: the
        turn is cancelled, which leaves a whole transcript to whoever reads it here.

        Args:
            reason: for people.
            stored: do as where something stores it.
        """
        stored = stored or any(map(is_storing, self._journal.sinks))
        self._stopped_by(_Stop("parked" if stored else "cancelled", reason))

    def _stopped_by(self, stop: _Stop) -> None:
        scope = self._scope
        if scope is None:
            return

        def now() -> None:
            if self._scope is scope:
                self._stop = self._stop or stop
                scope.cancel()

        if threading.get_ident() == self._thread or self._post is None:
            now()
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the turn with it
                self._post(now)

    async def wait(self) -> None:
        """Return when no turn runs."""
        if self._ended is not None:
            await self._ended.wait()

    async def run(
        self,
        begin: Callable[[], Awaitable[None]],
        drive: Callable[[Meter], Awaitable[None]],
        until: Until = Until(),
    ) -> None:
        """Run a turn to its end, within its time; the transcript can go on whatever happens.

        Args:
            begin: records what the turn begins with; where it raises there was no turn.
            drive: drives the turn, and records its end where nothing stops it.
            until: what may end it early.

        Raises:
            LeaseLost: another process drives the session now: its calls were killed, and nothing
                more is recorded here.
            Exception: what `begin` or `drive` raises.
        """
        self.check_idle()
        limits = self._limits.within(until.seconds)
        state = self._journal.state
        with anyio.CancelScope() as scope, contextlib.ExitStack() as under:
            self._begin(scope)
            meter = limits.meter(anyio.current_time)
            if (seconds := meter.remaining()) is not None:
                scope.deadline = anyio.current_time() + seconds
            before, turn = state.finished, state.turn
            begun = False
            ended = until.token.watch(self.cancel) if until.token is not None else None
            try:
                await begin()
                begun = True
                if scope.cancel_called:  # before it began: nothing is sampled
                    await anyio.lowlevel.checkpoint_if_cancelled()
                self._journal.traceparent = under.enter_context(self._journal.within("turn"))
                await drive(meter)
            except GeneratorExit:  # the coroutine is thrown away: it may not wait any more
                raise
            except BaseException as error:
                if self._journal.lost is not None:
                    raise self._journal.lost from None
                if state.finished in (None, before):
                    if _is_cancellation(error):
                        await self._interrupted(scope, meter)
                    elif begun or state.turn > turn:  # it began, but that could not be stored
                        with anyio.CancelScope(shield=True):
                            why = f"{type(error).__name__}: {error}"
                            await end_turn(self._journal, "failed", why)
                raise
            finally:
                if ended is not None:
                    ended()
                was = begun or self.unended or state.turn > turn
                self.unended = was and state.running
                self._end()

    async def between(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something between two turns: none begins meanwhile, and what stops a turn stops it.

        Raises:
            ConfigError, LeaseLost, SessionBusy: as `check_idle`.
            Exception: what `work` raises.
        """
        self.check_idle()
        parking = self.parking
        with anyio.CancelScope() as scope:
            self._begin(scope)
            try:
                await work()
            finally:
                self.parking = parking
                self._end()

    def _begin(self, scope: anyio.CancelScope) -> None:
        self._scope, self._stop, self.parking = scope, None, Parking()
        self._ended = anyio.Event()
        self._thread, self._post = threading.get_ident(), poster()
        if self._turns is not None:
            self._turns.running.add(self)

    def _end(self) -> None:
        ended, self._scope, self._ended = self._ended, None, None
        if self._turns is not None:
            self._turns.running.discard(self)
        if ended is not None:
            ended.set()

    async def _interrupted(self, scope: anyio.CancelScope, meter: Meter) -> None:
        stop = self._stop
        if stop is None:  # by its own deadline, or by the caller's scope
            late = anyio.current_time() >= scope.deadline
            stop = _Stop("limited" if late else "cancelled")
        with anyio.CancelScope(shield=True):
            if stop.how == "parked":
                await self._journal.record(TurnFinished("parked", reason=stop.reason))
                return
            if stop.how == "limited":
                out_of_time = meter.out_of_time()
                if stop.seconds is not None:
                    out_of_time = structs.replace(out_of_time, value=stop.seconds)
                await self._journal.record(out_of_time)
            await end_turn(self._journal, stop.how, reason=stop.reason)


def _is_cancellation(error: BaseException) -> bool:
    """Whether a task was cancelled; trio's nurseries raise that in a group, such as httpx's."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_cancellation, error.exceptions))
    return isinstance(error, anyio.get_cancelled_exc_class())
