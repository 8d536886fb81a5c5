"""How does a process drain that is told to end?"""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from functools import partial
from signal import Signals
from typing import TYPE_CHECKING, Any, Self

import anyio
import structlog

from toolrun.errors import ConfigError
from toolrun.tools.threads import poster
from toolrun.turns import REASON, SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType

    from toolrun.runtime import Runtime

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What supervisors and Ctrl-C send."""


def draining(
    runtime: Runtime,
    *,
    signals: Sequence[Signals] = SIGNALS,
    seconds: float = SECONDS,
    pass_on: bool = False,
) -> OnSignals:
    """Drain a runtime when the process is told to end; an asynchronous context manager.

    At the first signal `Runtime.drain` begins. Once that is done, what runs in the context is
    cancelled, and the program goes on behind it: in the end of its `main`. At the second, turns are
    given no more time.

    Args:
        runtime: whose turns and sessions.
        signals: that tell it to end.
        seconds: turns may take to end their steps; fewer than the supervisor waits before it kills.
        pass_on: let whoever had the signals before hear of them too, and leave the context to
            them: for servers that have handlers of their own, such as uvicorn, whose lifespan this
            context then is in.

    Raises:
        ConfigError: where it is entered: not in the main thread, which alone hears of signals.
    """
    return OnSignals(runtime, signals, seconds, pass_on=pass_on)


class OnSignals:
    """See `draining`.

    Attributes:
        signal: the first that came; None before.
    """

    def __init__(
        self,
        runtime: Runtime,
        signals: Sequence[Signals],
        seconds: float,
        *,
        pass_on: bool,
    ) -> None:
        """Internal: `draining` makes one."""
        self.signal: Signals | None = None
        self._runtime = runtime
        self._signals = signals
        self._seconds = seconds
        self._pass_on = pass_on
        self._before: dict[Signals, Any] = {}
        self._drains = 0
        self._over = False
        self._came: list[tuple[Signals, float]] = []
        self._drained: anyio.Event | None = None

    async def __aenter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            raise ConfigError(
                "draining: signals come to the main thread alone, and this is another; call "
                "Runtime.drain() from what hears of them there"
            )
        self._drained, self._woken = anyio.Event(), anyio.Event()
        self._post = poster()
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._watch)
        self._body = anyio.CancelScope()
        self._body.__enter__()
        # Not the loop's own handlers: those would take the place of a server's for good.
        for each in self._signals:
            self._before[each] = signal.signal(each, self._hear)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        ended = self._body.__exit__(kind, error, traceback)
        if self._drains and self._drained is not None:
            with anyio.CancelScope(shield=True):
                await self._drained.wait()
        self._over = True
        for each, handler in self._before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)
        return ended

    def _hear(self, number: int, frame: FrameType | None) -> None:
        """The handler: it may come between any two lines of what runs."""
        came = Signals(number)
        with suppress(RuntimeError):  # the loop has ended
            self._post(partial(self._begin, came))
        if self._pass_on and callable(before := self._before.get(came)):
            before(number, frame)

    def _begin(self, came: Signals) -> None:
        """On the loop, but in no task, where little of anyio works: wake the one that does it."""
        if self._over:
            return
        seconds = self._seconds if not self._drains else 0.0
        self.signal = self.signal or came
        self._drains += 1
        self._came.append((came, seconds))
        self._woken.set()

    async def _watch(self) -> None:
        while True:
            await self._woken.wait()
            self._woken = anyio.Event()
            while self._came:
                self._group.start_soon(self._drain, *self._came.pop(0))

    async def _drain(self, came: Signals, seconds: float) -> None:
        log = structlog.get_logger("toolrun")
        log.info("draining", signal=came.name, turns=len(self._runtime.turns.running))
        try:
            with anyio.CancelScope(shield=True):
                await self._runtime.drain(seconds, reason=f"{REASON} ({came.name})")
        except Exception:  # the process ends whatever a session did
            log.exception("draining failed")
        finally:
            self._drains -= 1
            if not self._drains:
                log.info("drained")
                assert self._drained is not None
                self._drained.set()
                if not self._pass_on:
                    self._body.cancel()
