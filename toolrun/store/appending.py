"""How are events stored that may be there already? Each session's after a look at what is there.

It is for the few: a write whose end was not heard of, events that are given again, large files,
a lease that was lost. `batch` is for all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolrun.errors import StoreError, ToolrunError
from toolrun.store.leases import lost
from toolrun.store.projection import PROJECTED, projected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.store.batch import Append
    from toolrun.store.contract import SessionInfo
    from toolrun.store.leases import HeldLease
    from toolrun.store.rows import Row
    from toolrun.store.transaction import Transaction


class _Session:
    """One session in a transaction: how far it is stored, and what comes to that."""

    def __init__(self, lease: HeldLease, stored: int) -> None:
        self.lease = lease
        self.stored = stored
        self.info: SessionInfo = lease.info
        self.rows: list[Row] = []


def append(tx: Transaction, jobs: Sequence[Append]) -> list[_Session]:
    """Store events; what becomes of each job is in its `refused`.

    Args:
        tx: the transaction.
        jobs: in the order in which they were given.

    Returns:
        What to tell the leases once it is committed (`settle`).
    """
    sessions: dict[int, _Session] = {}
    held = _holders(tx, {job.lease.session for job in jobs})
    for job in jobs:
        lease = job.lease
        job.refused = None
        if held.get(lease.session) != (lease.token, lease.owner):
            job.refused = lost(lease)
            continue
        session = sessions.get(id(lease))
        if session is None:
            (stored,) = tx.one(tx.sql.last, id=lease.session)
            session = sessions[id(lease)] = _Session(lease, stored or 0)
        job.refused = _add(tx, session, job)
    _write(tx, [session for session in sessions.values() if session.rows])
    return list(sessions.values())


def settle(sessions: Sequence[_Session], jobs: Sequence[Append]) -> None:
    """Tell jobs and leases what was committed."""
    for session in sessions:
        session.lease.stored = session.stored
        session.lease.info = session.info
    for job in jobs:
        job.error = job.refused
        job.value = None


def _holders(tx: Transaction, ids: set[str]) -> dict[str, tuple[int, str | None]]:
    rows = tx.all(tx.sql.tokens, ids=tx.listed(sorted(ids)))
    return {session: (token, owner) for session, token, owner in rows}


def _add(tx: Transaction, session: _Session, job: Append) -> ToolrunError | None:
    """Put the rows of a job to its session's; what is there already has to be the same."""
    new = [row for row in job.rows if row.seq > session.stored]
    old = job.rows[: len(job.rows) - len(new)]
    if old and (refused := _compared(tx, session, old)):
        return refused
    for seq, row in enumerate(new, session.stored + 1):
        if (row.session, row.seq) != (session.lease.session, seq):
            return StoreError(
                f"session {session.lease.session!r}: event {row.seq} of session {row.session!r}"
                f" cannot be stored where event {seq} is due; this is a fault of toolrun: report it"
            )
    if new:
        session.rows += new
        session.stored = new[-1].seq
        session.info = projected(session.info, job.events[len(old) :])
    return None


def _compared(tx: Transaction, session: _Session, old: Sequence[Row]) -> ToolrunError | None:
    """What was stored before, and given again."""
    lease = session.lease
    stored = dict(tx.all(tx.sql.stored, id=lease.session, first=old[0].seq))
    stored |= {row.seq: row.checksum for row in session.rows}
    if all(stored.get(row.seq) == row.checksum for row in old):
        return None
    return lost(lease)


def _write(tx: Transaction, sessions: Sequence[_Session]) -> None:
    rows = [row for session in sessions for row in session.rows]
    if not rows:
        return
    tx.many(
        tx.sql.add_event,
        [
            {
                "session": row.session,
                "seq": row.seq,
                "type": row.type,
                "body": row.body,
                "checksum": row.checksum,
            }
            for row in rows
        ],
    )
    said = [
        {"session": row.session, "seq": row.seq, "text": row.said}
        for row in rows
        if row.said is not None
    ]
    if said:
        tx.many(tx.sql.add_said, said)
    blobs: list[dict[str, Any]] = [
        {"session": row.session, "sha256": row.blob[0], "body": row.blob[1]}
        for row in rows
        if row.blob is not None
    ]
    if blobs:
        tx.many(tx.sql.add_blob, blobs)
    tx.many(tx.sql.project, [_projection(session.info) for session in sessions])


def _projection(info: SessionInfo) -> dict[str, Any]:
    values = structs.asdict(info)
    return {"id": info.id} | {f"new_{name}": values[name] for name in PROJECTED}
