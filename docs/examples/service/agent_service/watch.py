"""How does a worker learn what others did to sessions that its clients watch?

One question to the store for all of them, asked again and again while somebody waits.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import structlog

from toolrun import StoreError
from toolrun.store import Query, Store

_BACK = 10.0
"""Seconds that each question looks back: workers' clocks differ, and writes take time."""
_PAGE = 500
log = structlog.get_logger("agent_service")


class Watch:
    """Those who wait for a session to change, wherever that happens.

    Args:
        store: knows of all changes.
        seconds: between two questions.
    """

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._waiting: dict[str, set[_Waiter]] = {}

    async def wait(self, session: str, seq: int) -> None:
        """Return when a session has an event after this one, or may have: look again then."""
        waiter = _Waiter(seq)
        with self._listed(session, waiter):
            await waiter.event.wait()

    @contextmanager
    def _listed(self, session: str, waiter: "_Waiter") -> Iterator[None]:
        self._waiting.setdefault(session, set()).add(waiter)
        try:
            yield
        finally:
            if others := self._waiting.get(session):
                others.discard(waiter)
                if not others:
                    del self._waiting[session]

    def wake(self, session: str, seq: int | None = None) -> None:
        """Let those who wait for a session look again; with `seq`: for an event up to it."""
        for waiter in self._waiting.get(session, ()):
            if seq is None or waiter.seq < seq:
                waiter.event.set()

    def wake_all(self) -> None:
        """Let everybody look again."""
        for session in [*self._waiting]:
            self.wake(session)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await anyio.sleep(self._seconds)
            if not self._waiting:
                continue
            try:
                await self._ask()
            except StoreError as error:
                log.warning("watching failed", error=repr(error))

    async def _ask(self) -> None:
        offset = 0
        while True:
            query = Query(after=time.time() - _BACK, limit=_PAGE, offset=offset)
            infos = await self._store.sessions(query)
            for info in infos:
                self.wake(info.id, info.seq)
            offset += _PAGE
            if len(infos) < _PAGE:
                return


class _Waiter:
    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.event = anyio.Event()
