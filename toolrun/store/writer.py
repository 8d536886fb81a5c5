"""How are things written? By one thread of a store, all that waits in one transaction.

The thread takes what has come while it wrote the last transaction, so that the busier a store is,
the fewer transactions it needs. It renews the leases of its store, too, and hears who is asked to
stop: no event loop is needed for that, and none that is blocked is in the way.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from toolrun.errors import LeaseLost, StoreError, ToolrunError
from toolrun.store import leases, schema
from toolrun.store.appending import append, settle
from toolrun.store.batch import Append, batch_of
from toolrun.store.patience import PATIENCE, pause
from toolrun.store.transaction import Transaction
from toolrun.store.waiting import Job, deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.store.database import Database
    from toolrun.store.leases import HeldLease
    from toolrun.store.statements import Statements

log: Final = structlog.get_logger("toolrun.store")
T = TypeVar("T")

BATCH: Final = 500
"""Jobs that one transaction takes at most."""
BEAT = 1.0
"""Seconds between two looks at who is asked to stop."""


class Ask(Job[T]):
    """Something to do in a transaction of its own.

    Args:
        what: it is, for messages: "could not ...".
        function: does it; may run twice where the end of the first transaction was not heard of.
    """

    def __init__(
        self, what: str, function: Callable[[Transaction], T], *, waited_for: bool = True
    ) -> None:
        super().__init__(waited_for=waited_for)
        self.what = what
        self.function = function
        self.then: Callable[[T], None] | None = None


class _Stop:
    """The last job."""


class Writer:
    """The thread of a store, and what it holds.

    Args:
        database: where to.
        owner: what the store's leases are held by.

    Attributes:
        held: the leases of this store, by session.
        transactions: how many were committed.
    """

    def __init__(self, database: Database, owner: str) -> None:
        self.held: dict[str, HeldLease] = {}
        self.transactions: int = 0
        self._database = database
        self._owner = owner
        self._queue: queue.SimpleQueue[Job[Any] | _Stop] = queue.SimpleQueue()
        self._statements: Statements | None = None
        self._connection: Any = None
        self._cursor: Any = None
        self._renewed = self._looked = 0.0
        self._over = False
        self._thread = threading.Thread(target=self._work, name="toolrun store", daemon=True)
        self._thread.start()

    @property
    def opened(self) -> bool:
        """Whether the database was reached, and has the schema of this toolrun."""
        return self._statements is not None

    def submit(self, job: Job[Any]) -> None:
        """Have something done."""
        self._queue.put(job)
        if self._over:  # between the look at whether the store is open, and this
            self._refuse_rest()

    def hold(self, lease: HeldLease) -> None:
        """Look after a lease from now on; from the thread."""
        if not self.held:
            self._renewed = time.monotonic()
        self.held[lease.session] = lease

    def stop(self) -> None:
        """Have the thread end, once it has done what was asked for before."""
        self._queue.put(_Stop())

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended, or for some seconds."""
        self._thread.join(seconds)

    def _work(self) -> None:
        stopped = False
        while not stopped:
            taken = self._take()
            jobs = [job for job in taken if not isinstance(job, _Stop)]
            stopped = len(jobs) < len(taken)
            try:
                self._do(jobs)
            except BaseException as error:  # noqa: BLE001 - a fault of toolrun: no one may wait for ever
                for job in jobs:
                    job.error = self._explained("go on", error)
                deliver(jobs)
            with contextlib.suppress(Exception):  # it is tried again, and every write finds out
                self._beat()
        self._end()

    def _take(self) -> list[Job[Any] | _Stop]:
        """What waits; empty where nothing comes until it is time to look after the leases."""
        jobs: list[Job[Any] | _Stop] = []
        with contextlib.suppress(queue.Empty):
            jobs.append(self._queue.get(timeout=BEAT if self.held else None))
            while len(jobs) < BATCH and not self._queue.empty():
                jobs.append(self._queue.get_nowait())
        return jobs

    def _do(self, jobs: Sequence[Job[Any]]) -> None:
        appends = [job for job in jobs if isinstance(job, Append)]
        if appends and not self._append_at_once(appends):
            self._append(appends)
        for job in jobs:
            if isinstance(job, Ask):
                self._ask(job)

    def _append_at_once(self, jobs: Sequence[Append]) -> bool:
        """Store events with one statement; False where that did not do, or not for all."""
        try:
            batch = batch_of(jobs)
            if batch is None:
                return False
            self._opened()
            if not self._database.add(self._cursor, batch.rows, batch.shown, self._owner):
                return False
        except Exception:  # noqa: BLE001 - what it was shows when it is tried again
            return False
        self.transactions += 1
        batch.settle()
        for job in jobs:
            job.value = None
        deliver(jobs)
        return True

    def _append(self, jobs: Sequence[Append]) -> None:
        """Store events with a look at what is there; each alone where one of them cannot be."""
        for attempt in count():
            try:
                sessions = self._transacted(lambda tx, jobs=jobs: append(tx, jobs))  # type: ignore[misc]  # a lambda with a default
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                if not self._database.is_transient(error):
                    self._append_each(jobs, error)
                    return
                now = time.monotonic()
                late = [job for job in jobs if now - job.since > PATIENCE]
                self._fail(late, error)
                jobs = [job for job in jobs if job not in late]
                if not jobs:
                    return
                self._pause(attempt, error)
            else:
                settle(sessions, jobs)
                for job in jobs:
                    if isinstance(job.refused, LeaseLost):
                        self._lose(job.lease)
                deliver(jobs)
                return

    def _append_each(self, jobs: Sequence[Append], error: Exception) -> None:
        if len(jobs) == 1:
            self._fail(jobs, error)
            return
        for job in jobs:
            self._append([job])

    def _fail(self, jobs: Sequence[Append], error: Exception) -> None:
        for job in jobs:
            job.error = self._explained(f"store events of session {job.lease.session!r}", error)
        deliver(jobs)

    def _ask(self, job: Ask[Any]) -> None:
        try:
            job.value = self._tried(job.function, job.since)
            if job.then is not None:
                job.then(job.value)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            job.error = self._explained(job.what, error)
        deliver([job])

    def _explained(self, what: str, error: BaseException) -> ToolrunError:
        if isinstance(error, ToolrunError):
            return error
        explained = StoreError(
            f"store {self._database.url}: could not {what}: {self._database.advice(error)}"
        )
        explained.__cause__ = error
        return explained

    def _tried(self, function: Callable[[Transaction], T], since: float) -> T:
        """Run a transaction, again where it fails for now."""
        for attempt in count():
            try:
                return self._transacted(function)
            except Exception as error:
                late = time.monotonic() - since > PATIENCE
                if late or not self._database.is_transient(error):
                    raise
                self._pause(attempt, error)
        raise AssertionError

    def _transacted(self, function: Callable[[Transaction], T]) -> T:
        tx = self._opened()
        try:
            self._cursor.execute(self._database.begin)
            value = function(tx)
            self._cursor.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.transactions += 1
        return value

    def _pause(self, attempt: int, error: Exception) -> None:
        """Wait before the next attempt: each costs a connection."""
        if attempt == 0:
            advice = self._database.advice(error)
            log.warning("the store fails for now", store=self._database.url, error=advice)
        pause(attempt)

    def _opened(self) -> Transaction:
        if self._statements is None:
            try:
                schema.bring_up_to_date(self._database)
            except Exception as error:  # noqa: BLE001 - of two drivers, and of SQLAlchemy
                raise getattr(error, "orig", None) or error from None
            self._statements = self._database.statements()
        if self._connection is None:
            self._connection = self._database.connect()
            self._cursor = self._connection.cursor()
        return Transaction(self._cursor, self._database, self._statements)

    def _roll_back(self) -> None:
        if not getattr(self._connection, "in_transaction", True):
            return  # SQLite has done so by itself
        try:
            self._cursor.execute("ROLLBACK")
        except Exception:  # noqa: BLE001 - the connection is of no use any more
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _beat(self) -> None:
        """Look after the leases: once in a while, and only where some are held."""
        now = time.monotonic()
        if not self.held or now - self._looked < BEAT:
            return
        self._looked = now
        if now - self._renewed >= leases.RENEWED_EVERY:
            self._transacted(self._renew)
            self._renewed = now
        tx = self._opened()
        for session, token in tx.all(tx.sql.cancelled, by=self._owner):
            lease = self.held.get(session)
            if lease is not None and lease.token == token:
                self._hear(lease)

    def _hear(self, lease: HeldLease) -> None:
        """Tell that a turn shall be stopped, once: the next may be meant to run."""
        values = {"id": lease.session, "held": lease.token, "by": lease.owner}
        self._transacted(lambda tx: tx.run(tx.sql.heard, **values))
        lease.cancelled = True
        lease.tell()

    def _renew(self, tx: Transaction) -> None:
        mine = dict(self.held)
        if tx.run(tx.sql.renew, by=self._owner, to=tx.now() + leases.SECONDS) == len(mine):
            return
        still = dict(tx.all(tx.sql.held, by=self._owner))
        for session in still.keys() - mine.keys():  # one that could not be given back
            tx.run(tx.sql.let_go, id=session, held=still[session], by=self._owner)
        for session, lease in mine.items():
            if still.get(session) != lease.token:
                self._lose(lease)

    def _lose(self, lease: HeldLease) -> None:
        if self.held.get(lease.session) is lease:
            del self.held[lease.session]
        lease.lost = True
        lease.tell()

    def _end(self) -> None:
        with contextlib.suppress(Exception):
            if self.held or self._connection is not None:
                self._transacted(lambda tx: tx.run(tx.sql.let_all_go, by=self._owner))
        self._disconnect()
        self._over = True
        self._refuse_rest()

    def _refuse_rest(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._queue.get_nowait()
                if isinstance(job, Job):
                    job.error = StoreError(f"store {self._database.url} was closed meanwhile")
                    deliver([job])
