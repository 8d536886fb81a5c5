"""What of many sessions goes into one statement? Events that follow on what is known to be stored.

Whatever else is asked for (events that are given again, large files) is left to `appending`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolrun.store.projection import projected
from toolrun.store.rows import row_of
from toolrun.store.waiting import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.errors import ToolrunError
    from toolrun.events import Durable
    from toolrun.store.contract import SessionInfo
    from toolrun.store.leases import HeldLease
    from toolrun.store.rows import Row


class Append(Job[None]):
    """Events that somebody wants stored."""

    def __init__(self, lease: HeldLease, events: Sequence[Durable]) -> None:
        super().__init__()
        self.lease = lease
        self.events = events
        self.rows: list[Row] = [row_of(event) for event in events]
        self.refused: ToolrunError | None = None


class Batch:
    """Rows for one statement.

    Attributes:
        rows: session, token, seq, type, body, checksum, what was said (or None) of each event.
        shown: id, tenant, title, status, created, updated, seq, turns of each session.
    """

    def __init__(self, rows: list[tuple[Any, ...]], ahead: dict[str, _Ahead]) -> None:
        self.rows = rows
        self.shown: list[tuple[object, ...]] = [
            (
                info.id,
                info.tenant,
                info.title,
                info.status,
                info.created,
                info.updated,
                info.seq,
                info.turns,
            )
            for _, _, info in ahead.values()
        ]
        self._ahead = ahead

    def settle(self) -> None:
        """It is stored: let the leases know."""
        for lease, stored, info in self._ahead.values():
            lease.stored, lease.info = stored, info


_Ahead = tuple["HeldLease", int, "SessionInfo"]


def batch_of(jobs: Sequence[Append]) -> Batch | None:
    """These jobs as one; None where one of them has to be looked at closely."""
    ahead: dict[str, _Ahead] = {}
    rows: list[tuple[Any, ...]] = []
    for job in jobs:
        lease = job.lease
        mine, stored, info = ahead.get(lease.session) or (lease, lease.stored, lease.info)
        if mine is not lease or lease.lost:
            return None
        for session, seq, kind, body, checksum, said, blob in job.rows:
            stored += 1
            if seq != stored or session != lease.session or blob is not None:
                return None
            rows.append((session, lease.token, seq, kind, body, checksum, said))
        ahead[lease.session] = lease, stored, projected(info, job.events)
    return Batch(rows, ahead)
