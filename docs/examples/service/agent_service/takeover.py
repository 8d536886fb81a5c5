"""Who goes on with the turns that a worker leaves behind when it dies, or drains?

Every worker looks for them; the store's leases see to it that one of them gets each.
"""

import time

import anyio
import structlog
from msgspec import structs

from agent_service.failures import Failure
from agent_service.work import Work, is_left_behind
from toolrun import SessionBusy, ToolrunError, fold
from toolrun.store import Query, SessionInfo, Store

LOOK_BACK = 3600.0
"""Seconds: what has been left for longer is nobody's any more, until its user says something."""
MARGIN = 60.0
"""Seconds that each later look reaches back: clocks differ, and a lease may still be held."""
PAGE = 500
ATTEMPTS = 3
"""How often a worker goes on from the same event: what ends it each time is not tried for ever."""
log = structlog.get_logger("agent_service")


class TakeOver:
    """Looks for turns that were left behind.

    Args:
        store: knows of them.
        work: goes on with them.
        seconds: between two looks.

    Attributes:
        count: how many this worker went on with.
    """

    def __init__(self, store: Store, work: Work, seconds: float) -> None:
        self.count = 0
        self._store = store
        self._work = work
        self._seconds = seconds
        self._attempts: dict[tuple[str, int], int] = {}
        self._waiting: set[tuple[str, int]] = set()
        self._parked_since = time.time() - LOOK_BACK

    async def run(self) -> None:
        """Look for ever."""
        while not self._work.draining:
            await anyio.sleep(self._seconds)
            try:
                await self._look()
            except ToolrunError as error:
                log.warning("looking for turns failed", error=repr(error))

    async def _look(self) -> None:
        now = time.time()
        running = await self._all(Query(status=("running",), after=now - LOOK_BACK))
        # Those that wait for people may be many: after the first look only the newest are seen.
        parked = await self._all(Query(status=("parked",), after=self._parked_since))
        self._parked_since = now - MARGIN
        free = [info for info in (*running, *parked) if info.holder is None]
        places = {(info.id, info.seq) for info in free}
        self._waiting &= places
        found = {info.id for info in (*running, *parked)}
        self._attempts = {at: n for at, n in self._attempts.items() if at[0] in found}
        for info in free:
            if info.id not in self._work.lives:
                await self._look_at(info)

    async def _all(self, query: Query) -> list[SessionInfo]:
        found: list[SessionInfo] = []
        while True:
            page = await self._store.sessions(structs.replace(query, limit=PAGE, offset=len(found)))
            found += page
            if len(page) < PAGE:
                return found

    async def _look_at(self, info: SessionInfo) -> None:
        """Go on with one that is ours; what is wrong with it keeps none of the others waiting."""
        try:
            if await self._is_ours(info):
                await self._take(info)
        except Exception as error:
            place = info.id, info.seq
            self._attempts[place] = self._attempts.get(place, 0) + 1
            known = isinstance(error, ToolrunError)
            log.exception("a turn could not be looked at", session=info.id, exc_info=not known)

    async def _is_ours(self, info: SessionInfo) -> bool:
        """Whether a turn is to be gone on with; one that waits for a person is not."""
        place = info.id, info.seq
        if place in self._waiting or self._attempts.get(place, 0) >= ATTEMPTS:
            return False
        if info.status == "parked" and not is_left_behind(fold(await self._store.read(info.id))):
            self._waiting.add(place)
            return False
        return True

    async def _take(self, info: SessionInfo) -> None:
        place = info.id, info.seq
        self._attempts[place] = self._attempts.get(place, 0) + 1
        try:
            if await self._work.go_on(info.id, info.tenant) is None:
                return
        except (SessionBusy, Failure):
            return  # another worker was faster
        except ToolrunError as error:
            log.warning("a turn could not be taken over", session=info.id, error=repr(error))
            return
        self.count += 1
        log.info("a turn was taken over", session=info.id, after=info.seq)
