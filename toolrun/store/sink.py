"""How do the events of a session get into its store? `StoreSink`: in order, and none twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import structlog

from toolrun.errors import ConfigError, LeaseLost, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import Durable, Event
    from toolrun.store.contract import Lease, Store


class StoreSink:
    """Stores the durable events of one session. See `journal.Sink`.

    What could not be stored stays here, and is given again, in order, with the next event: after a
    StoreError a session that goes on loses nothing.

    Args:
        store: where to.
        session: the id of the session.
        tenant: whose it is.

    Attributes:
        lease: the right to write; None before the session is open, and after it was given back.
        collecting: whether events only come together here until they are stored as one.
    """

    observes = False

    def __init__(self, store: Store, session: str, tenant: str | None = None) -> None:
        self.store = store
        self.lease: Lease | None = None
        self.collecting = False
        self._session = session
        self._tenant = tenant
        self._left: list[Durable] = []

    def observe(self, event: Event) -> None:
        """See `Sink.observe`: a store has durable events alone."""

    async def create(self) -> None:
        """Make the session, and hold it.

        One that was made before and never opened is taken: nothing was ever said in it.

        Raises:
            ConfigError: there is one of that name.
            StoreError: the store can't be used.
        """
        session, tenant = self._session, self._tenant
        await self.store.open()
        try:
            self.lease = await self.store.create(session, tenant)
        except ConfigError:
            if await self._was_opened():
                raise
            self.lease = await self.store.acquire(session, tenant)

    async def _was_opened(self) -> bool:
        try:
            return bool(await self.store.read(self._session, self._tenant))
        except ConfigError:  # it is another tenant's
            return True

    async def record(self, event: Durable) -> None:
        """Return when an event is stored, and all before it.

        Raises:
            LeaseLost: another process drives the session now.
            StoreError: it could not be stored.
        """
        if self.collecting:
            self._left.append(event)
        else:
            await self.record_all((event,))

    async def record_all(self, events: Sequence[Durable] = ()) -> None:
        """The same of several and of what is left, of which either all are stored or none.

        Raises:
            LeaseLost, StoreError: as `record`.
        """
        lease = self.lease
        if lease is None:
            raise StoreError(
                f"{self.store.url}: session {self._session} is not held by this process: it is "
                "closed, or was never opened"
            )
        given = [*self._left, *events]
        self._left = []
        try:
            # What is on its way gets there: whoever is told of events is told of all.
            with anyio.CancelScope(shield=True):
                await self.store.append(lease, given)
        except LeaseLost:
            raise
        except BaseException:
            self._left = _in_order(self._left, given)
            raise

    def watch(self, tell: Callable[[LeaseLost | None], None]) -> None:
        """Have somebody told, on the loop that runs now, of what others want of the session.

        Args:
            tell: is given None where its turn shall be stopped, an error where it was lost.
        """
        lease = self.lease
        if lease is None:
            return

        def told() -> None:
            if self.lease is not lease:  # it was closed meanwhile
                return
            if lease.lost:
                tell(
                    LeaseLost(
                        f"another process drives session {self._session} now: nothing more of it "
                        "is done here"
                    )
                )
                return
            lease.cancelled = False
            tell(None)
            self.store.on_cancel(lease, told)

        self.store.on_cancel(lease, told)

    def forget(self) -> None:
        """Let others hold a session that nobody closed."""
        if (lease := self.lease) is not None:
            self.lease = None
            self.store.forget(lease)

    async def release(self) -> None:
        """Store what is left, and let others hold the session; never raises."""
        lease = self.lease
        if lease is None:
            return
        log = structlog.get_logger("toolrun").bind(session=self._session, store=self.store.url)
        try:
            if self._left and not lease.lost:
                await self.record_all()
        except (StoreError, LeaseLost) as error:
            log.error("events were lost: not stored", error=str(error))  # noqa: TRY400 - no fault
        self.lease = None
        try:
            await self.store.release(lease)
        except (StoreError, LeaseLost) as error:
            log.warning(
                "a session could not be given back; it is free in a while", error=str(error)
            )


def _in_order(some: Sequence[Durable], others: Sequence[Durable]) -> list[Durable]:
    """Events of both, each once: of calls that ran at once, several may have failed."""
    by_number = {event.seq: event for event in (*some, *others)}
    return [by_number[seq] for seq in sorted(by_number)]
