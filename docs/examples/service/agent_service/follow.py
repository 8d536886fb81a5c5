"""How does a client hear every event once, whatever it has heard and wherever the turn runs?

Durable events come from the store or, where this worker drives the turn, from its ring, which has
an event only once it is stored. Pieces come from the ring; where that does not reach back, in one
piece. `place` is what the client has: all that is told moves it forward.
"""

from collections.abc import Iterable

import anyio

from agent_service.failures import Failure, unknown
from agent_service.live import Live
from agent_service.places import Place
from agent_service.told import Told, interrupted, told
from agent_service.work import Work
from toolrun import ConfigError, Event
from toolrun.store import Store

LOOK_SECONDS = 15.0
"""Who waits looks again after so long: clocks that differ much hide a change from `Watch`."""


class Over(Exception):
    """No more will be told here: this worker ends, or the session is gone."""


class Follower:
    """One client's way through the events of a session.

    Args:
        store: has the durable ones.
        work: drives the turns of this worker.
        session_id: of the session.
        tenant: whose it must be.
        place: the last event that the client has.
    """

    def __init__(
        self, store: Store, work: Work, session_id: str, tenant: str, place: Place
    ) -> None:
        self.place = place
        self._store = store
        self._work = work
        self._id = session_id
        self._tenant = tenant
        self._live: Live | None = None
        self._number: int | None = None
        """Of the next event in the ring of `_live`; None where that is not known yet."""

    async def check(self) -> None:
        """Pass where there is such a session, and such an event in it.

        Raises:
            Failure: there is not.
        """
        try:
            events = await self._store.read(
                self._id, self._tenant, after=max(self.place.seq - 1, 0)
            )
        except ConfigError as error:
            raise unknown() from error
        if self.place.seq and not events:
            raise Failure(400, "bad_event_id", "The session has no such event.")

    async def more(self, seconds: float | None = None) -> list[Told]:
        """What comes next; nothing where nothing does for so long.

        Raises:
            Over: nothing ever will.
            StoreError: the store cannot be read.
        """
        if seconds is not None:
            with anyio.move_on_after(seconds):
                return await self.more()
            return []
        while True:
            if batch := await self._next():
                return batch

    async def _next(self) -> list[Told]:
        """What can be told at once; nothing after a wait, or where it was not for clients."""
        live = self._work.lives.get(self._id)
        if live is not self._live:
            self._live, self._number = live, None
        if live is None or live.place is None:
            if events := await self._read():
                return self._taken(map(told, events))
            await self._wait(live)
            return []
        if self._number is None:
            self._number = live.number_after(self.place)
        if self._number == live.next:
            if not live.ended:
                await live.changed()
                return []
            await live.closed.wait()
            return [interrupted(self.place, live.failure)] if live.failure else []
        batch = None if self._number is None else live.since(self._number)
        if batch is None:
            return await self._catch_up(live)
        self._number = live.next
        return self._taken(batch)

    async def _catch_up(self, live: Live) -> list[Told]:
        """The durable events up to where a turn stands, then what its step has said so far."""
        events = await self._read()
        head = live.place
        assert head is not None
        batch = self._taken(told(event) for event in events if event.seq <= head.seq)
        if self._work.lives.get(self._id) is not live or self.place.seq < head.seq:
            return batch  # the turn has gone on meanwhile: once more
        if self.place.seq > head.seq:
            await live.changed()  # read before the turn's driver has told it here
            return batch
        if head.sub:
            batch.append(live.so_far())
        self.place, self._number = head, live.next
        return batch

    async def _read(self) -> list[Event]:
        try:
            return [*await self._store.read(self._id, self._tenant, after=self.place.seq)]
        except ConfigError as error:
            raise Over from error

    async def _wait(self, live: Live | None) -> None:
        """Wait for something to happen to a session that no turn of this worker tells of."""
        if self._work.lives.get(self._id) is not live:
            return
        if live is not None:
            await (live.closed.wait() if live.ended else live.changed())
            return
        if self._work.draining:
            raise Over
        with anyio.move_on_after(LOOK_SECONDS):
            await self._work.watch.wait(self._id, self.place.seq)

    def _taken(self, events: Iterable[Told]) -> list[Told]:
        """Those that the client has not, which it now has; without what is not for clients."""
        batch = []
        for each in events:
            if each.place[:2] > self.place[:2]:
                self.place = each.place
                batch.append(each)
        return [each for each in batch if each.data is not None]
