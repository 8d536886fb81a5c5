"""What does a store do for sessions? The contract, on a database."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, TypeVar

import anyio

from toolrun.errors import StoreError
from toolrun.store import forks, leases, removing
from toolrun.store.batch import Append
from toolrun.store.contract import Query
from toolrun.store.leases import HeldLease
from toolrun.store.owner import Owner
from toolrun.store.writer import Ask, Writer
from toolrun.tools.threads import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from toolrun.events import Durable
    from toolrun.store.contract import Glimpse, Lease, SessionInfo
    from toolrun.store.database import Database
    from toolrun.store.reading import Reader
    from toolrun.store.transaction import Transaction

T = TypeVar("T")


class SqlStore:
    """Durable events in SQLite or PostgreSQL; see `toolrun.store.contract.Store`.

    Args:
        database: where.
    """

    def __init__(self, database: Database) -> None:
        self.url: str = database.url
        self._database = database
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._owner = ""
        self._forked = False

    def __repr__(self) -> str:
        return f"<Store {self.url}>"

    @property
    def transactions(self) -> int:
        """How many were committed since it was opened."""
        return self._writer.transactions if self._writer is not None else 0

    async def open(self) -> None:
        """Connect, and bring an older schema up to date."""
        self._start()
        if self._running().opened:
            return
        try:
            await self._do("open it", lambda _: None)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Write what waits, give every lease back, and let go of the database."""
        if (stopped := self._stop()) is not None:
            with anyio.CancelScope(shield=True):
                await Work[None](lambda _: stopped()).run()

    def close(self) -> None:
        """The same where no event loop can be waited on."""
        if (stopped := self._stop()) is not None:
            stopped()

    async def create(self, session: str, tenant: str | None = None) -> Lease:
        """Make a session, and hold it."""
        return await self._hold(f"create session {session!r}", leases.create, session, tenant)

    async def acquire(self, session: str, tenant: str | None = None) -> Lease:
        """Hold a session; at once where its holder is known to be dead."""
        return await self._hold(f"resume session {session!r}", leases.acquire, session, tenant)

    async def release(self, lease: Lease) -> None:
        """Let others hold it."""
        await self._do(f"give session {lease.session!r} back", self._releasing(lease))

    def forget(self, lease: Lease) -> None:
        """The same where nothing can be waited for."""
        if self._writer is not None:
            self._writer.submit(
                Ask("give a session back", self._releasing(lease), waited_for=False)
            )

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        """Return when events are stored."""
        assert isinstance(lease, HeldLease)
        job = Append(lease, events)
        self._running().submit(job)
        await job.wait()

    async def read(
        self, session: str, tenant: str | None = None, *, after: int = 0
    ) -> list[Durable]:
        """The events of a session after one, in order; whoever holds it."""
        from toolrun.store import reading

        return await self._read(
            f"read session {session!r}",
            lambda connection: reading.read(connection, session, tenant, after),
        )

    async def salvage(
        self, session: str, tenant: str | None = None
    ) -> tuple[list[Durable], StoreError | None]:
        """The events of a session up to the first that is damaged, and what is wrong with that.

        Raises:
            ConfigError, StoreError: as `read`, but for the damage.
        """
        from toolrun.store import reading

        return await self._read(
            f"read session {session!r}",
            lambda connection: reading.salvage(connection, session, tenant),
        )

    async def sessions(self, query: Query | None = None) -> list[SessionInfo]:
        """The sessions that are meant; the newest hundred where nothing is said."""
        from toolrun.store import reading

        query = query or Query()

        def listed(connection: Connection) -> list[SessionInfo]:
            cursor = connection.connection.cursor()
            try:
                now = self._database.now(cursor)
            finally:
                cursor.close()
            return reading.listed(connection, query, now, self._database.outlived)

        return await self._read("list sessions", listed)

    async def glimpses(self, ids: Sequence[str]) -> dict[str, Glimpse]:
        """What else is seen of sessions, by id; those that are not there are left out."""
        from toolrun.store import glimpses

        return await self._read(
            "list sessions", lambda connection: glimpses.glimpses(connection, ids)
        )

    async def delete(self, session: str, tenant: str | None = None) -> None:
        """Remove a session and all that belongs to it."""
        writer = self._running()
        remove = removing.removing(session, tenant, self._owner, writer.held)
        await self._do(f"delete session {session!r}", remove)

    async def purge(self, query: Query) -> int:
        """Remove the sessions that are meant and nobody holds; says how many.

        All of them, however many: `limit` and `offset` are for lists.
        """
        from toolrun.store import reading

        writer, owner = self._running(), self._owner
        found = await self._read(
            "look for sessions to remove", lambda connection: reading.ids(connection, query)
        )
        removed = 0
        for at in range(0, len(found), removing.AT_ONCE):
            some = found[at : at + removing.AT_ONCE]
            removed += await self._do(
                "remove sessions",
                lambda tx, some=some: removing.purge(tx, some, owner, writer.held),  # type: ignore[misc]  # a lambda with a default
            )
        return removed

    async def rebuild(self) -> int:
        """Make what lists and searches use anew from the events; says of how many sessions.

        For a store whose tables `sessions` or `said` were lost or damaged.
        """
        found = await self._do("list sessions", lambda tx: tx.all(tx.sql.ids))
        for (session,) in found:
            await self._do(
                f"rebuild session {session!r}",
                lambda tx, session=session: removing.rebuild(tx, session),  # type: ignore[misc]  # a lambda with a default
            )
        return len(found)

    async def request_cancel(self, session: str, tenant: str | None = None) -> bool:
        """Ask whoever drives a session to stop its turn; False where nobody does."""
        return await self._do(
            f"cancel session {session!r}", lambda tx: leases.request_cancel(tx, session, tenant)
        )

    def on_cancel(self, lease: Lease, stop: Callable[[], None]) -> None:
        """Have `stop` called, on the loop that runs now, where that is asked for or it is lost."""
        assert isinstance(lease, HeldLease)
        lease.listen(stop)

    async def _hold(
        self,
        what: str,
        function: Callable[..., HeldLease],
        session: str,
        tenant: str | None,
    ) -> Lease:
        writer, owner = self._running(), self._owner

        def hold(tx: Transaction) -> HeldLease:
            return function(tx, session, tenant, owner, writer.held)

        job = Ask(what, hold)
        job.then = writer.hold
        writer.submit(job)
        try:
            return await job.wait()
        except anyio.get_cancelled_exc_class():
            # Nobody has the lease: it is given back once the thread has got it.
            def undo(tx: Transaction) -> None:
                if job.error is None:
                    self._releasing(job.value)(tx)

            writer.submit(Ask(what, undo, waited_for=False))
            raise

    def _releasing(self, lease: Lease) -> Callable[[Transaction], None]:
        writer = self._running()

        def release(tx: Transaction) -> None:
            if writer.held.get(lease.session) is lease:
                del writer.held[lease.session]
            tx.run(tx.sql.let_go, id=lease.session, held=lease.token, by=lease.owner)

        return release

    async def transact(self, what: str, function: Callable[[Transaction], T]) -> T:
        """What comes of a transaction on the store's thread, for what keeps more than sessions.

        Args:
            what: it is, for messages: "could not ...".
            function: does it; may run twice where the end of the first time was not heard of.

        Raises:
            StoreError: the database can't be used.
        """
        return await self._do(what, function)

    async def _do(self, what: str, function: Callable[[Transaction], T]) -> T:
        job = Ask(what, function)
        self._running().submit(job)
        return await job.wait()

    async def _read(self, what: str, function: Callable[[Connection], T]) -> T:
        self._running()
        if self._reader is None:
            from toolrun.store.reading import Reader

            self._reader = Reader(self._database)
            weakref.finalize(self, Reader.close, self._reader).atexit = False
        reader = self._reader
        return await Work[T](lambda _: reader.run(what, function)).run()

    def leave(self) -> object:
        """In a fork: be closed, and give out what is the parent's."""
        parents = self._writer, self._reader
        self._forked = self._writer is not None
        self._writer = self._reader = None
        return parents

    def _start(self) -> None:
        if self._writer is None:
            self._owner = str(Owner.here())
            self._writer = Writer(self._database, self._owner)
            forks.opened(self, self._writer)
            # Not waited for: it may be the thread itself that lets go of the store.
            weakref.finalize(self, Writer.stop, self._writer).atexit = False

    def _stop(self) -> Callable[[], None] | None:
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        if writer is None:
            return None

        def stopped() -> None:
            writer.stop()
            writer.join()
            if reader is not None:
                reader.close()

        return stopped

    def _running(self) -> Writer:
        if self._writer is None and self._forked:
            raise StoreError(
                f"store {self.url} was opened by the process that this one was forked from:"
                " await store.open() opens it here, too"
            )
        if self._writer is None:
            raise StoreError(f"store {self.url} is not open: await store.open() first")
        return self._writer
