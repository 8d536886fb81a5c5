"""Where does a worker die? At the n-th time that it passes a place, by a signal of its own."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from toolrun.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolrun.events import Durable
    from toolrun.store.contract import Lease, Store
    from toolrun.store.transaction import Transaction

PLACES: Final = (
    "create",  # the session is about to get its row
    "created",  # it has one, and no event
    "append",  # events are about to be handed to the store
    "commit",  # the database's transaction is complete but for its commit, or is one statement
    "committed",  # it is committed, and nobody has heard of it
    "appended",  # the session is about to hear of it
    "intent",  # a tool is about to do its work: the intent is stored
    "deed",  # it has done it, and nobody has heard of it
)


class Killer:
    """Counts the places that are passed, and dies at one of them.

    Args:
        where: `PLACE:N`; "" to live.
        folder: gets a file `killed` that says where, on the disk before the signal.
        stops: the process is stopped there, and may wake up as a zombie.
    """

    def __init__(self, where: str, folder: Path, *, stops: bool = False) -> None:
        self.passed: Counter[str] = Counter()
        self._place, _, number = where.partition(":")
        self._number = int(number or 0)
        self._folder = folder
        self._signal = signal.SIGSTOP if stops else signal.SIGKILL

    def at(self, place: str) -> None:
        """A place is passed."""
        self.passed[place] += 1
        if (place, self.passed[place]) == (self._place, self._number):
            with (self._folder / "killed").open("a") as file:
                file.write(f"{place}:{self._number}\n")
                file.flush()
                os.fsync(file.fileno())
            os.kill(os.getpid(), self._signal)


class Watched:
    """A store that tells a `Killer` of what passes through it."""

    def __init__(self, store: Store, killer: Killer) -> None:
        self._store = store
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def create(self, session: str, tenant: str | None = None) -> Lease:
        self._killer.at("create")
        lease = await self._store.create(session, tenant)
        self._killer.at("created")
        return lease

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        self._killer.at("append")
        await self._store.append(lease, events)
        self._killer.at("appended")


class Cursor:
    """A cursor of the writer's thread that tells a `Killer` of the commits that hold events."""

    def __init__(self, cursor: Any, killer: Killer) -> None:
        self._cursor = cursor
        self._killer = killer
        self._wrote = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def executemany(self, statement: str, rows: Any) -> Any:
        self._wrote |= "INTO events" in statement
        return self._cursor.executemany(statement, rows)

    def execute(self, statement: str, *args: Any) -> Any:
        writes = "INTO events" in statement
        if writes and self._is_alone():
            self._wrote = True
        elif statement != "COMMIT":
            self._wrote |= writes
            return self._cursor.execute(statement, *args)
        wrote, self._wrote = self._wrote, False
        if wrote:
            self._killer.at("commit")
        done = self._cursor.execute(statement, *args)
        if wrote:
            self._killer.at("committed")
        return done

    def _is_alone(self) -> bool:
        """Whether a statement is a transaction by itself: PostgreSQL commits it at once."""
        info = getattr(self._cursor.connection, "info", None)
        return info is not None and info.transaction_status.name == "IDLE"


def watch_commits(killer: Killer) -> None:
    """Have the writers of this process, from now on, pass their commits to a `Killer`."""
    opened = Writer._opened

    def watched(writer: Writer) -> Transaction:
        fresh = writer._connection is None
        found = opened(writer)
        if fresh:
            writer._cursor = Cursor(writer._cursor, killer)
            found = opened(writer)
        return found

    Writer._opened = watched  # type: ignore[method-assign,assignment]
