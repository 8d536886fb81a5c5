"""Which turns does this worker drive, and how do they begin and end?

A session is held for one turn alone: resumed from the store, driven, let go. So any worker can take
the next turn, and what a worker leaves behind when it dies is a session that another resumes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import structlog
from anyio.abc import TaskGroup, TaskStatus

from agent_service.failures import Failure, draining, failure_of, unknown
from agent_service.live import Live
from agent_service.settings import Settings
from agent_service.watch import Watch
from toolrun import (
    ConfigError,
    Decision,
    EventStream,
    Runtime,
    ServerError,
    Session,
    SessionBusy,
    State,
)

BUSY_SECONDS = 2.0
"""What a new turn waits for the one before it to let go of the session, here or elsewhere."""
Begin = Callable[[Session], Awaitable[EventStream | None]]
log = structlog.get_logger("agent_service")


class Work:
    """The turns of this worker.

    Args:
        runtime: resumes sessions.
        settings: of the service.
        watch: is told where a turn begins.
        group: the turns run in it, whoever asked for them and however long that one stays.

    Attributes:
        lives: the turns that run, by session.
        draining: whether no new ones begin.
    """

    def __init__(
        self, runtime: Runtime, settings: Settings, watch: Watch, group: TaskGroup
    ) -> None:
        self.lives: dict[str, Live] = {}
        self.draining = False
        self.watch = watch
        self._runtime = runtime
        self._settings = settings
        self._group = group
        self._starting: set[tuple[str | None, str]] = set()

    async def ask(self, session_id: str, tenant: str, text: str) -> Live:
        """Begin a turn with what a user says.

        Raises:
            Failure: there is no such session, it is busy, or this worker ends.
            ToolrunError: it cannot be resumed.
        """

        async def begin(session: Session) -> EventStream:
            return session.stream(text)

        live = await self._start(session_id, tenant, begin)
        assert live is not None
        return live

    async def go_on(self, session_id: str, tenant: str | None) -> Live | None:
        """Go on with a turn that was left behind; None where nothing of it is left to do."""

        async def begin(session: Session) -> EventStream | None:
            return session.stream_on() if is_left_behind(session.state) else None

        return await self._start(session_id, tenant, begin)

    async def decide(
        self, session_id: str, tenant: str, call_id: str, decision: Decision
    ) -> Live | None:
        """Decide on a call that waits, and go on where no other does.

        Raises:
            Failure: as for `ask`; no such call waits, or edited arguments do not fit.
        """

        async def begin(session: Session) -> EventStream | None:
            if call_id not in session.state.pending:
                raise Failure(409, "not_waiting", "No such call waits for a decision.")
            try:
                await session.decide(call_id, decision)
            except ConfigError as error:
                raise Failure(422, "bad_arguments", str(error)) from error
            return None if session.state.pending else session.stream_on()

        return await self._start(session_id, tenant, begin)

    async def cancel(self, session_id: str, tenant: str) -> bool:
        """Stop the turn of a session, wherever it runs; False where none does.

        Raises:
            Failure: there is no such session.
        """
        live = self.lives.get(session_id)
        if live is not None and live.tenant == tenant:
            live.session.cancel()
            return True
        try:
            return bool(await self._runtime.cancel(session_id, tenant=tenant))
        except ConfigError as error:
            raise unknown() from error

    async def drain(self) -> None:
        """Begin nothing new, have each turn finish its step and park; return when all have."""
        self.draining = True
        self.watch.wake_all()
        await self._runtime.drain(self._settings.drain_seconds)
        with anyio.move_on_after(BUSY_SECONDS):
            for live in [*self.lives.values()]:
                await live.closed.wait()

    async def _start(self, session_id: str, tenant: str | None, begin: Begin) -> Live | None:
        if self.draining:
            raise draining()
        live = self.lives.get(session_id)
        if live is not None and live.tenant != tenant:
            raise unknown()  # not even that it is busy
        if live is not None and live.ended:
            with anyio.move_on_after(BUSY_SECONDS):  # its last event was told a moment ago
                await live.closed.wait()
        mine = tenant, session_id
        if session_id in self.lives or mine in self._starting:
            raise SessionBusy(f"session {session_id} runs a turn in this worker")
        self._starting.add(mine)
        try:
            started: Live | None = await self._group.start(self._drive, session_id, tenant, begin)
        finally:
            self._starting.discard(mine)
        return started

    async def _drive(
        self,
        session_id: str,
        tenant: str | None,
        begin: Begin,
        *,
        task_status: TaskStatus[Live | None],
    ) -> None:
        """Resume a session, run its turn, let go; what goes wrong before it begins is raised."""
        live: Live | None = None
        told = False
        try:
            async with self._held(session_id, tenant) as session:
                stream = await begin(session)
                told = True
                if stream is None:
                    task_status.started(None)
                    return
                live = self.lives[session_id] = Live(session, tenant, self._settings.ring_bytes)
                self.watch.wake(session_id)
                task_status.started(live)
                await _run(live, stream)
        except Exception:  # what it was must not end the worker, and all its other turns
            if not told:
                raise
            log.exception("a session was not let go of", session=session_id)
        finally:
            if live is not None:
                del self.lives[session_id]
                live.closed.set()
            self.watch.wake(session_id)

    @asynccontextmanager
    async def _held(self, session_id: str, tenant: str | None) -> AsyncIterator[Session]:
        """A session, for as long as the block: nobody else drives it."""
        try:
            # What was deployed since has other tools, perhaps: the session goes on with those.
            session = await self._runtime.resume(
                session_id, tenant=tenant, adopt=True, wait=BUSY_SECONDS
            )
        except ConfigError as error:
            raise unknown() from error
        try:
            yield session
        finally:
            await session.aclose()


async def _run(live: Live, stream: EventStream) -> None:
    """Tell of a turn to its end; what stops it is for the log, and for those who listen."""
    try:
        await stream.into(live)
    except ServerError as error:
        log.warning("a turn failed", session=live.session.id, error=repr(error))
    except Exception as error:
        live.failure = failure_of(error).code
        log.exception("a turn was stopped", session=live.session.id)
    finally:
        live.end()


def is_left_behind(state: State) -> bool:
    """Whether a turn waits for nothing but somebody to drive it: its worker died, or drained."""
    finished = state.finished
    parked = finished is not None and finished.status == "parked" and not state.pending
    return state.running or parked
