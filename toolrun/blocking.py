"""How does code without an event loop hold a session? Through one portal thread."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from toolrun.errors import ConfigError
from toolrun.portal import refuse_to_block
from toolrun.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from concurrent.futures import Future
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path
    from types import TracebackType
    from typing import Unpack

    from toolrun.answer import Answer
    from toolrun.cancel import CancelToken
    from toolrun.decisions import Decision
    from toolrun.events import AssistantMessage, Compacted, Event
    from toolrun.models.proof import Proof
    from toolrun.options import Options
    from toolrun.state import State
    from toolrun.stream import EventStream
    from toolrun.transcript import Message
    from toolrun.values import Json, Rule


class BlockingSession:
    """A `Session` whose methods block; a context manager. See `Session` for each method.

    Any thread may use it, one turn at a time. Ctrl-C in a blocking call cancels the turn. In a
    notebook a cell waits for its turns, as for any other call.

    Args:
        id: its name; a random one where None.
        resume: see `Session.sync`.
        adopt: see `Session.sync`.
        wait: see `Session.sync`.
        **options: see `Options`.
    """

    def __init__(
        self,
        id: str | None = None,  # noqa: A002 - what users call it
        *,
        resume: str | None = None,
        adopt: bool = False,
        wait: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        if resume is None:
            session = Session(None, id, **options)
            self._hold(session.id, session, None)
        elif id is not None:
            raise ConfigError("a session that is resumed has its id: give resume alone")
        else:
            self._hold(resume, _resumed(resume, options, adopt=adopt, wait=wait), None)

    def _hold(
        self,
        id: str,  # noqa: A002 - as above
        opening: AbstractAsyncContextManager[Session],
        shared: BlockingPortal | None,
    ) -> None:
        self._opening = opening
        self._held = opening if isinstance(opening, Session) else None
        self._shared = shared
        self._stack = contextlib.ExitStack()
        self._portal: BlockingPortal | None = None
        self.id = id

    @property
    def _session(self) -> Session:
        if self._held is None:
            raise ConfigError("the session is not open; use it in a with statement")
        return self._held

    def __enter__(self) -> Self:
        """Start the thread and open the session.

        Raises:
            ConfigError: called inside a running event loop, which it would block; a notebook's own
                loop waits for its cells anyway.
        """
        refuse_to_block("Session.sync", "Session")
        with contextlib.ExitStack() as stack:
            self._portal = self._shared or stack.enter_context(start_blocking_portal())
            opened = self._portal.wrap_async_context_manager(self._opening)
            self._held = stack.enter_context(opened)
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
    def tenant(self) -> str | None:
        """See `Session.tenant`."""
        return self._session.tenant

    @property
    def state(self) -> State:
        """See `Session.state`."""
        return self._session.state

    @property
    def transcript(self) -> list[Message]:
        """The messages so far, in order."""
        return self._session.transcript

    @property
    def trace_path(self) -> Path | None:
        """See `Session.trace_path`."""
        return self._session.trace_path

    def messages(self) -> list[dict[str, Json]]:
        """See `Session.messages`."""
        return self._session.messages()

    def ask(
        self,
        text: str,
        *,
        output: object = None,
        seconds: float | None = None,
        cancel: CancelToken | None = None,
    ) -> Answer:
        """See `Session.ask`."""
        session = self._session
        return self._waited(
            partial(session.ask, text, output=output, seconds=seconds, cancel=cancel)
        )

    def go_on(
        self,
        *,
        output: object = None,
        seconds: float | None = None,
        cancel: CancelToken | None = None,
    ) -> Answer:
        """See `Session.go_on`."""
        session = self._session
        return self._waited(partial(session.go_on, output=output, seconds=seconds, cancel=cancel))

    def undo(self) -> str:
        """See `Session.undo`."""
        return self._thread().call(self._session.undo)

    def compact(self, *, keep_turns: int | None = None) -> Compacted | None:
        """See `Session.compact`."""
        return self._thread().call(partial(self._session.compact, keep_turns=keep_turns))

    def fork(self, id: str | None = None, **options: Unpack[Options]) -> BlockingSession:  # noqa: A002 - as `Session.fork`
        """See `Session.fork`; it lives in this session's thread, and has to end before it."""
        portal = self._thread()
        other = object.__new__(BlockingSession)
        session = portal.call(partial(self._session.fork, id, **options))
        other._hold(session.id, session, portal)
        return other

    def decide(self, call_id: str, decision: Decision) -> None:
        """See `Session.decide`."""
        self._thread().call(self._session.decide, call_id, decision)

    def context_length(self) -> int | None:
        """See `Session.context_length`."""
        return self._thread().call(self._session.context_length)

    @property
    def allowed(self) -> list[Rule]:
        """See `Session.allowed`."""
        return self._session.allowed

    def allow(self, *rules: Rule) -> None:
        """See `Session.allow`."""
        self._thread().call(partial(self._session.allow, *rules))

    def disallow(self, *rules: Rule) -> None:
        """See `Session.disallow`."""
        self._thread().call(partial(self._session.disallow, *rules))

    def prove(self, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """See `Session.prove`."""
        return self._thread().call(self._session.prove, step, later)

    def cancel(self, reason: str = "") -> None:
        """See `Session.cancel`; from any thread."""
        self._thread().call(self._session.cancel, reason)

    def stream(
        self,
        text: str,
        *,
        output: object = None,
        seconds: float | None = None,
        cancel: CancelToken | None = None,
    ) -> AbstractContextManager[Iterator[Event]]:
        """See `Session.stream`: `with session.stream(text) as events: for event in events: ...`."""
        return self._watched(
            self._session.stream(text, output=output, seconds=seconds, cancel=cancel)
        )

    def stream_on(
        self,
        *,
        output: object = None,
        seconds: float | None = None,
        cancel: CancelToken | None = None,
    ) -> AbstractContextManager[Iterator[Event]]:
        """See `Session.stream_on`."""
        return self._watched(self._session.stream_on(output=output, seconds=seconds, cancel=cancel))

    @contextlib.contextmanager
    def _watched(self, stream: EventStream) -> Iterator[Iterator[Event]]:
        portal = self._thread()

        def events() -> Iterator[Event]:
            while True:
                try:
                    yield portal.call(stream.__anext__)
                except StopAsyncIteration:
                    return

        with portal.wrap_async_context_manager(stream):
            yield events()

    def _waited(self, run: Callable[[], Awaitable[Answer]]) -> Answer:
        """Run a turn; an interruption of the wait cancels the turn, and waits for its end."""
        portal = self._thread()
        turn: Future[Answer] | None = None
        try:
            # An interruption may come while the turn is being started, too.
            turn = portal.start_task_soon(run)
            return turn.result()
        except BaseException:
            if turn is None or not turn.done():
                portal.call(self._stop)
            raise

    async def _stop(self) -> None:
        self._session.cancel()
        await self._session._running.wait()  # noqa: SLF001 - the same room

    def _thread(self) -> BlockingPortal:
        if self._portal is None:
            raise ConfigError("the session is not open; use it in a with statement")
        return self._portal


@contextlib.asynccontextmanager
async def _resumed(
    id: str,  # noqa: A002 - as above
    options: Options,
    *,
    adopt: bool,
    wait: float | None,
) -> AsyncIterator[Session]:
    """A session that another process has left, with a runtime of its own."""
    from toolrun.runtime import Runtime
    from toolrun.sandbox.pool import Boxes

    async with (
        Runtime(boxes=Boxes()) as runtime,
        runtime.resume(id, adopt=adopt, wait=wait, **options) as session,
    ):
        yield session
