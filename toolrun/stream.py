"""How does a turn reach somebody who watches it? Events, as they happen, and then its answer."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NoReturn, Protocol, Self

import anyio

from toolrun.events import Event, TurnFinished

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from toolrun.answer import Answer
    from toolrun.events import Durable
    from toolrun.journal import Journal
    from toolrun.runs import Run


class Listener(Protocol):
    """Somebody whom a turn is told to; it must not block and not raise."""

    def tell(self, event: Event) -> None:
        """Hear of an event.

        Args:
            event: as it happened.
        """

    def tell_run(self, run: Run) -> None:
        """Hear of pieces of one text that came at once, each an event.

        Args:
            run: the pieces.
        """


class EventStream:
    """The events of one turn: an asynchronous context manager and iterator.

    The turn runs in a task of the stream's own; leaving the context early cancels it. What the
    turn raises, the iterator raises after the last event.

    Attributes:
        answer: of the turn, once it has ended.
    """

    observes = True
    """Internal: see `Sink.observes`."""

    def __init__(
        self,
        journal: Journal,
        run: Callable[[], Awaitable[Answer]],
        answered: Callable[[], Answer],
    ) -> None:
        """Internal: `Session.stream` makes one."""
        self.answer: Answer | None = None
        self._journal = journal
        self._run = run
        self._answered = answered
        self._error: Exception | None = None

    async def __aenter__(self) -> Self:
        self._group = anyio.create_task_group()
        # Unbounded: a slow reader must not hold the turn up, and a reply is finite.
        self._events: deque[Event] = deque()
        self._arrived: anyio.Event | None = None
        self._ended = False
        await self._group.__aenter__()
        self._journal.add(self)
        self._group.start_soon(self._turn)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)
        return None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        # What one network read brought is taken without a pass of the event loop for each event:
        # that was a third of a streamed step's CPU (tests/benchmarks/phase_step.py).
        while not self._events:
            if self._ended:
                self._end()
            self._arrived = self._arrived or anyio.Event()
            await self._arrived.wait()
        return self._events.popleft()

    async def into(self, listener: Listener) -> Answer:
        """Run the turn here and tell somebody of each event as it happens, instead of iterating.

        A service that streams to thousands has no task, queue and pass of the event loop for each
        piece of a text. Cancelling the wait cancels the turn.

        Args:
            listener: is told of each event, in order.

        Returns:
            What the turn came to.

        Raises:
            ToolrunError: what the turn raises, as `Session.ask` does.
        """
        sink = _Into(listener, self._answered)
        self._journal.add(sink)
        try:
            self.answer = await self._run()
        finally:
            self._journal.remove(sink)
        return self.answer

    def _end(self) -> NoReturn:
        """End the iteration as the turn ended."""
        if self._error is not None:
            raise self._error from None
        raise StopAsyncIteration from None

    def observe(self, event: Event) -> None:
        """Internal: see `Sink.observe`."""
        self._tell(event)

    def observe_run(self, run: Run) -> None:
        """Internal: take the pieces of one read; see `Sink.observe`."""
        self._events += run.events()
        if self._arrived is not None:
            self._wake()

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        if self._arrived is not None:
            self._wake()

    def _wake(self) -> None:
        if self._arrived is not None:
            self._arrived.set()
            self._arrived = None

    async def record(self, event: Durable) -> None:
        """Internal: see `Sink.record`."""
        if isinstance(event, TurnFinished):
            self._tell(event.with_answer(self._answered()))
        else:
            self._tell(event)

    async def _turn(self) -> None:
        try:
            self.answer = await self._run()
        except Exception as error:  # noqa: BLE001 - handed to whoever reads the stream
            self._error = error
        finally:
            self._journal.remove(self)
            self._ended = True
            self._wake()


class _Into:
    """A sink that tells a listener."""

    observes = True

    def __init__(self, listener: Listener, answered: Callable[[], Answer]) -> None:
        self.observe = self._tell = listener.tell
        self.observe_run = listener.tell_run
        self._answered = answered

    async def record(self, event: Durable) -> None:
        """See `Sink.record`."""
        if isinstance(event, TurnFinished):
            event = event.with_answer(self._answered())
        self._tell(event)
