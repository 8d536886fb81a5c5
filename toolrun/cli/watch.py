"""How does a turn run before a person's eyes? Its events are shown, and Ctrl-C cancels it.

The command line runs on asyncio, whose loop takes the signals: no KeyboardInterrupt is raised in
the middle of whatever runs.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from toolrun.cli.exits import Exit, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from toolrun.answer import Answer
    from toolrun.events import Event
    from toolrun.session import Session
    from toolrun.stream import EventStream

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Ctrl-C and SIGTERM, told to whom they are meant for at the moment.

    A context manager inside a running loop. Between turns a signal ends what is inside, with
    `Interrupted`; where `idle` is given, Ctrl-C calls that instead.

    Attributes:
        terminated: whether SIGTERM came.
    """

    def __init__(self, idle: Callable[[], None] | None = None) -> None:
        self.terminated: bool = False
        self._idle = idle
        self._stop: Callable[[], None] | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelled = False

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._signalled, number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
        if self._cancelled and isinstance(error, asyncio.CancelledError):
            raise Interrupted from None

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """Let signals call this for a while."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def _signalled(self, number: int) -> None:
        self.terminated |= number == signal.SIGTERM
        if self._stop is not None:
            self._stop()
        elif number == signal.SIGINT and self._idle is not None:
            self._idle()
        elif self._task is not None:
            self._cancelled = True
            self._task.cancel()


async def watch(
    session: Session,
    turn: EventStream,
    show: Callable[[Event], None],
    interrupts: Interrupts,
    interrupted: Callable[[], None],
) -> Answer:
    """Show a turn to its end.

    The first signal cancels the turn, which keeps what there is; while it ends, a second one ends
    the process at once.

    Args:
        session: whose turn it is.
        turn: from `Session.stream` or `stream_on`.
        show: is told of every event.
        interrupts: where the signals come from.
        interrupted: is called at a signal, before the turn is cancelled.

    Raises:
        ToolrunError: what ended the turn.
    """
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked:
            os._exit(Exit.INTERRUPTED)
        asked = True
        interrupted()
        session.cancel()

    with interrupts.stopping(stop):
        async with turn as events:
            async for event in events:
                show(event)
    assert turn.answer is not None
    return turn.answer
