"""How are sessions read and listed, while others write?"""

from __future__ import annotations

import hashlib
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import structs
from sqlalchemy import and_, func, or_, select

from toolrun.errors import StoreError, ToolrunError
from toolrun.events import FileChanged
from toolrun.store import owner, rows
from toolrun.store.contract import SessionInfo
from toolrun.store.leases import check_can_be, unknown
from toolrun.store.patience import PATIENCE, pause
from toolrun.store.tables import blobs, events, leases, said, sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

    from toolrun.events import Durable
    from toolrun.store.contract import Query
    from toolrun.store.database import Database

T = TypeVar("T")


class Reader:
    """Connections that only read; any thread may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    def run(self, what: str, function: Callable[[Connection], T]) -> T:
        """Read; again where that fails for now.

        Raises:
            StoreError: it cannot be read.
        """
        until = time.monotonic() + PATIENCE
        attempt = 0
        while True:
            try:
                with self._opened().connect() as connection:
                    return function(connection)
            except ToolrunError:
                raise
            except Exception as error:  # noqa: BLE001 - of two drivers, and of SQLAlchemy
                cause = getattr(error, "orig", None) or error
                if not self._database.is_transient(cause) or time.monotonic() > until:
                    raise StoreError(
                        f"store {self._database.url}: could not {what}:"
                        f" {self._database.advice(cause)}"
                    ) from cause
            pause(attempt)
            attempt += 1

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._database.engine()
            return self._engine


def read(connection: Connection, session: str, tenant: str | None, after: int) -> list[Durable]:
    """The events of a session after one of them.

    Raises:
        ConfigError: there is no such session of that tenant.
        StoreError: what is stored is damaged.
    """
    events, damage = _read(connection, session, tenant, after)
    if damage is not None:
        raise damage
    return events


def salvage(
    connection: Connection, session: str, tenant: str | None
) -> tuple[list[Durable], StoreError | None]:
    """What is whole before the first event that is damaged, and what is wrong with that.

    Raises:
        ConfigError: there is no such session of that tenant.
    """
    return _read(connection, session, tenant, 0)


def _read(
    connection: Connection, session: str, tenant: str | None, after: int
) -> tuple[list[Durable], StoreError | None]:
    last = _last(connection, session, tenant)
    found = connection.execute(
        select(events.c.seq, events.c.type, events.c.body, events.c.checksum)
        .where(events.c.session == session, events.c.seq > after)
        .order_by(events.c.seq)
    ).all()
    read: list[Durable] = []
    try:
        for seq, row in enumerate(found, after + 1):
            read.append(_whole(connection, rows.event_of(session, row, seq)))
        if after + len(read) < last:
            raise rows.damaged(session, after + len(read) + 1, "is missing")
    except StoreError as damage:
        return read, damage
    return read, None


def _last(connection: Connection, session: str, tenant: str | None) -> int:
    check_can_be(session)
    row = connection.execute(
        select(sessions.c.tenant, sessions.c.seq).where(sessions.c.id == session)
    ).one_or_none()
    if row is None or tenant not in (None, row.tenant):
        raise unknown(session)
    return int(row.seq)


def _whole(connection: Connection, event: Durable) -> Durable:
    """An event with what `blobs` holds of it."""
    if (
        not isinstance(event, FileChanged)
        or event.before is not None
        or event.before_size <= rows.LARGE
    ):
        return event
    body = connection.execute(
        select(blobs.c.body).where(
            blobs.c.session == event.session, blobs.c.sha256 == event.before_digest
        )
    ).scalar()
    if body is None or hashlib.sha256(body).hexdigest() != event.before_digest:
        what = f"has lost what {event.path} held before"
        raise rows.damaged(event.session, event.seq, what)
    return structs.replace(event, before=bytes(body))


def ids(connection: Connection, query: Query) -> list[str]:
    """All sessions that are meant, whatever the `limit`; the oldest first."""
    found = connection.scalars(
        select(sessions.c.id).where(*conditions(query)).order_by(sessions.c.updated)
    )
    return list(found)


def listed(
    connection: Connection, query: Query, now: float, outlived: Callable[[str], bool]
) -> list[SessionInfo]:
    """The sessions that are meant.

    Args:
        connection: to read on.
        query: which.
        now: the time that leases run out by.
        outlived: whether an owner of leases is known to be dead.
    """
    found = connection.execute(
        select(sessions, leases.c.owner, leases.c.until)
        .outerjoin(leases, leases.c.session == sessions.c.id)
        .where(*conditions(query))
        .order_by(sessions.c.updated.desc(), sessions.c.id)
        .limit(query.limit)
        .offset(query.offset)
    )
    # The sessions of a worker have one owner: it is asked once whether that lives.
    once = cache(outlived)
    return [_info(row, now, once) for row in found]


def conditions(query: Query) -> Sequence[Any]:
    """What a session has to fulfil."""
    wanted: list[Any] = []
    if query.tenant is not None:
        wanted.append(sessions.c.tenant == query.tenant)
    if query.status:
        wanted.append(sessions.c.status.in_(query.status))
    if query.before is not None:
        wanted.append(sessions.c.updated < query.before)
    if query.after is not None:
        wanted.append(sessions.c.updated > query.after)
    if query.text:
        text = rows.folded(query.text)
        spoken = select(said.c.session).where(
            and_(said.c.session == sessions.c.id, said.c.text.contains(text, autoescape=True))
        )
        wanted.append(
            or_(
                func.lower(sessions.c.id).contains(text, autoescape=True),
                func.lower(sessions.c.title).contains(text, autoescape=True),
                spoken.exists(),
            )
        )
    return wanted


def _info(row: Any, now: float, outlived: Callable[[str], bool]) -> SessionInfo:
    holder, until = row[-2:]
    held = holder is not None and until > now and not outlived(holder)
    info = SessionInfo(*row[:-2])
    return structs.replace(info, holder=owner.shown(holder)) if held else info
