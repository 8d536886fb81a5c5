"""Where is a conversation kept? In a store that is opened late, and only once something was said.

The packages of a store take half a second to import: nobody is to wait for them before the first
word. And who opens `toolrun chat` and says nothing leaves no session behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from toolrun.errors import ConfigError, StoreError
from toolrun.events import SessionOpened, SettingsChanged
from toolrun.store.contract import Lease, Query, SessionInfo
from toolrun.store.projection import projected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import Durable
    from toolrun.store.contract import Glimpse
    from toolrun.store.store import SqlStore

HERE = "memory"
"""The URL of what is kept in this process alone."""


class Early(Lease):
    """The right to drive a session that is in no database yet.

    Attributes:
        tenant: whose it is.
        events: what no database has of it.
        real: that of the database, once it is there.
    """

    def __init__(self, session: str, tenant: str | None) -> None:
        self.tenant = tenant
        self.events: list[Durable] = []
        self.stops: list[Callable[[], None]] = []
        self.real: Lease | None = None
        super().__init__(session, 0, HERE)

    @property
    def lost(self) -> bool:
        """See `Lease`."""
        return self.real is not None and self.real.lost

    @lost.setter
    def lost(self, lost: bool) -> None:
        if self.real is not None:
            self.real.lost = lost

    @property
    def cancelled(self) -> bool:
        """See `Lease`."""
        return self.real is not None and self.real.cancelled

    @cancelled.setter
    def cancelled(self, cancelled: bool) -> None:
        if self.real is not None:
            self.real.cancelled = cancelled


class Keeping:
    """A store as a conversation wants it; see `toolrun.store.contract.Store`. One loop uses it.

    Args:
        url: of the database; None: everything stays in this process, and ends with it.
        must: whether what is said has to be stored: where the database cannot be used, a message
            fails. Else the conversation goes on in this process, and `failed` says why.

    Attributes:
        failed: why nothing is stored, though it should be.
    """

    def __init__(self, url: str | None, *, must: bool = False) -> None:
        from toolrun.store.urls import masked

        self.url: str = HERE if url is None else masked(url)
        self.failed: StoreError | None = None
        self._database = url
        self._must = must
        self._store: SqlStore | None = None
        self._opening = anyio.Lock()
        self._early: dict[str, Early] = {}

    @property
    def keeps(self) -> bool:
        """Whether what is said outlives this process."""
        return self._database is not None and self.failed is None

    async def warm(self) -> None:
        """Open the database now; what goes wrong is in `failed`, or raised where it is needed."""
        try:
            await self._opened()
        except StoreError as error:
            self.failed = self.failed or (None if self._must else error)

    async def open(self) -> None:
        """See `Store.open`; it is opened when it is needed."""

    async def aclose(self) -> None:
        """See `Store.aclose`."""
        store, self._store = self._store, None
        if store is not None:
            await store.aclose()

    def close(self) -> None:
        """See `Store.close`."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    async def create(self, session: str, tenant: str | None = None) -> Lease:
        """A session that is in the database once something was said in it."""
        if session in self._early:
            raise ConfigError(f"there is a session {session!r} already: give another id")
        self._early[session] = early = Early(session, tenant)
        return early

    async def check_free(self, session: str) -> None:
        """Refuse the id of a session that is there.

        Raises:
            ConfigError: it is.
            StoreError: nobody can say.
        """
        store = await self._opened()
        if store is None:
            return
        try:
            await store.read(session)
        except ConfigError:
            return
        raise ConfigError(
            f"there is a session {session!r} already: give another --id, or go on with it by"
            f" --resume {session}"
        )

    async def acquire(self, session: str, tenant: str | None = None) -> Lease:
        """See `Store.acquire`."""
        if (early := self._early.get(session)) is not None and early.real is None:
            return early
        return await (await self._real()).acquire(session, tenant)

    async def release(self, lease: Lease) -> None:
        """See `Store.release`; what is in no database stays here, and can be acquired again."""
        real = self._let_go(lease)
        if real is not None:
            await (await self._real()).release(real)

    def forget(self, lease: Lease) -> None:
        """See `Store.forget`."""
        real = self._let_go(lease)
        if real is not None and self._store is not None:
            self._store.forget(real)

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        """See `Store.append`; the first thing that is said takes all before it along."""
        if not isinstance(lease, Early):
            await (await self._real()).append(lease, events)
            return
        if lease.real is None and not (any(map(_speaks, events)) and await self._found()):
            lease.events += events
            return
        store = await self._real()
        if lease.real is None:
            try:
                lease.real = await store.create(lease.session, lease.tenant)
            except ConfigError as error:
                raise StoreError(str(error)) from error  # what `append` may raise
            for stop in lease.stops:
                store.on_cancel(lease.real, stop)
        await store.append(lease.real, [*lease.events, *events])
        lease.events = []

    async def read(
        self, session: str, tenant: str | None = None, *, after: int = 0
    ) -> list[Durable]:
        """See `Store.read`."""
        if (early := self._early.get(session)) is not None and early.real is None:
            return early.events[after:]
        return await (await self._real()).read(session, tenant, after=after)

    async def salvage(
        self, session: str, tenant: str | None = None
    ) -> tuple[list[Durable], StoreError | None]:
        """See `SqlStore.salvage`."""
        if (early := self._early.get(session)) is not None and early.real is None:
            return list(early.events), None
        return await (await self._real()).salvage(session, tenant)

    async def sessions(self, query: Query | None = None) -> list[SessionInfo]:
        """See `Store.sessions`; where there is no database, those of this process."""
        if (store := await self._opened()) is not None:
            return await store.sessions(query)
        found = [_shown(each) for each in self._early.values() if any(map(_speaks, each.events))]
        found.sort(key=lambda each: each.updated, reverse=True)
        query = query or Query()
        return found[query.offset : query.offset + query.limit]

    async def glimpses(self, ids: Sequence[str]) -> dict[str, Glimpse]:
        """See `SqlStore.glimpses`; of those of this process nothing more is known."""
        store = await self._opened()
        return {} if store is None else await store.glimpses(ids)

    async def delete(self, session: str, tenant: str | None = None) -> None:
        """See `Store.delete`."""
        if (early := self._early.pop(session, None)) is None or early.real is not None:
            await (await self._real()).delete(session, tenant)

    async def purge(self, query: Query) -> int:
        """See `Store.purge`."""
        return await (await self._real()).purge(query)

    async def request_cancel(self, session: str, tenant: str | None = None) -> bool:
        """See `Store.request_cancel`."""
        return await (await self._real()).request_cancel(session, tenant)

    def on_cancel(self, lease: Lease, stop: Callable[[], None]) -> None:
        """See `Store.on_cancel`."""
        real = lease.real if isinstance(lease, Early) else lease
        if real is None:
            assert isinstance(lease, Early)
            lease.stops.append(stop)
        elif self._store is not None:
            self._store.on_cancel(real, stop)

    def _let_go(self, lease: Lease) -> Lease | None:
        """The lease of the database that is to be given back, if any."""
        if not isinstance(lease, Early):
            return lease
        if lease.real is not None:
            self._early.pop(lease.session, None)
        lease.stops = []
        return lease.real

    async def _found(self) -> bool:
        """Whether there is a database; where there has to be one, and is not, it is raised."""
        await self.warm()
        return self.keeps

    async def _real(self) -> SqlStore:
        """The database.

        Raises:
            ConfigError: there is none.
            StoreError: it cannot be used.
        """
        store = await self._opened()
        if store is None:
            why = f": {self.failed}" if self.failed is not None else ""
            raise ConfigError(f"nothing is stored here{why}; there is no such session")
        return store

    async def _opened(self) -> SqlStore | None:
        """The database, open; None where nothing is stored.

        Raises:
            StoreError: it cannot be used.
        """
        if not self.keeps:
            return None
        async with self._opening:
            if self._store is None:
                assert self._database is not None
                make = await anyio.to_thread.run_sync(_imported)
                store = make(self._database)
                await store.open()
                self._store = store
        return self._store


def _imported() -> Callable[[str], SqlStore]:
    """What makes stores, and with it the packages of the database."""
    import toolrun.store.reading  # noqa: F401 - for the first list
    from toolrun.store.opening import sql_store

    return sql_store


def _speaks(event: Durable) -> bool:
    """Whether an event is more than how a session is set up."""
    return not isinstance(event, SessionOpened | SettingsChanged)


def _shown(early: Early) -> SessionInfo:
    """What lists show of a session of this process."""
    empty = SessionInfo(early.session, early.tenant, "", "new", 0.0, 0.0, 0, 0)
    return projected(empty, early.events)
