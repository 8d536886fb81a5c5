"""How does code without an event loop hold a session? Through one portal thread."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self

import sniffio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from toolrun.errors import ConfigError
from toolrun.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType
    from typing import Unpack

    from toolrun.answer import Answer
    from toolrun.decisions import Decision
    from toolrun.events import Event
    from toolrun.options import Options
    from toolrun.transcript import Message


class BlockingSession:
    """A `Session` whose methods block; a context manager. See `Session` for each method.

    Ctrl-C in a blocking call cancels the turn.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        self._session = Session(**options)
        self._stack = contextlib.ExitStack()
        self._portal: BlockingPortal | None = None
        self.id = self._session.id

    def __enter__(self) -> Self:
        """Start the thread and open the session.

        Raises:
            ConfigError: called inside a running event loop, which it would block.
        """
        with contextlib.suppress(sniffio.AsyncLibraryNotFoundError):
            raise ConfigError(
                f"Session.sync would block the running {sniffio.current_async_library()} loop; "
                "use `async with Session(...)` here"
            )
        with contextlib.ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal())
            stack.enter_context(self._portal.wrap_async_context_manager(self._session))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._portal = None

    @property
    def transcript(self) -> list[Message]:
        """The messages so far, in order."""
        return self._session.transcript

    def messages(self) -> list[dict[str, Any]]:
        """See `Session.messages`."""
        return self._session.messages()

    def ask(self, text: str) -> Answer:
        """See `Session.ask`."""
        return self._waited(self._session.ask, text)

    def go_on(self) -> Answer:
        """See `Session.go_on`."""
        return self._waited(self._session.go_on)

    def decide(self, call_id: str, decision: Decision) -> None:
        """See `Session.decide`."""
        self._thread().call(self._session.decide, call_id, decision)

    def cancel(self) -> None:
        """See `Session.cancel`; from any thread."""
        self._thread().call(self._session.cancel)

    @contextlib.contextmanager
    def stream(self, text: str) -> Iterator[Iterator[Event]]:
        """See `Session.stream`: `with session.stream(text) as events: for event in events: ...`."""
        portal = self._thread()
        stream = self._session.stream(text)

        def events() -> Iterator[Event]:
            while True:
                try:
                    yield portal.call(stream.__anext__)
                except StopAsyncIteration:
                    return

        with portal.wrap_async_context_manager(stream):
            yield events()

    def _waited(self, run: Callable[..., Awaitable[Answer]], *arguments: str) -> Answer:
        """Run a turn; an interruption of the wait cancels the turn, and waits for its end."""
        portal = self._thread()
        turn = portal.start_task_soon(run, *arguments)
        try:
            return turn.result()
        except BaseException:
            if not turn.done():
                portal.call(self._session.cancel)
                turn.exception()
            raise

    def _thread(self) -> BlockingPortal:
        if self._portal is None:
            raise ConfigError("the session is not open; use it in a with statement")
        return self._portal
