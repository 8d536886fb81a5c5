"""How does a session go, with all that belongs to it? And how are projections made anew?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.errors import ConfigError, SessionBusy, StoreError
from toolrun.store import leases
from toolrun.store.contract import SessionInfo
from toolrun.store.projection import PROJECTED, projected
from toolrun.store.rows import event_of, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from toolrun.events import Durable
    from toolrun.store.transaction import Transaction

AT_ONCE: Final = 100
"""Sessions that one transaction removes at most: others want to write, too."""


def removing(
    session: str, tenant: str | None, by: str, mine: Container[str]
) -> Callable[[Transaction], None]:
    """What removes a session; it may be run again where it was not heard whether it was.

    Raises:
        ConfigError: there is no such session of that tenant.
        SessionBusy: somebody holds it.
    """
    seen = False

    def remove(tx: Transaction) -> None:
        nonlocal seen
        try:
            leases.locked(tx, session, tenant, by, mine)
        except ConfigError:
            if seen:
                return
            raise
        seen = True
        _remove(tx, session)

    return remove


def purge(tx: Transaction, sessions: Sequence[str], by: str, mine: Container[str]) -> int:
    """Remove those of some sessions that nobody holds; how many there were."""
    removed = 0
    for session in sessions:
        try:
            leases.locked(tx, session, None, by, mine)
        except (ConfigError, SessionBusy):
            continue  # gone, or taken up again meanwhile
        removed += _remove(tx, session)
    return removed


def _remove(tx: Transaction, session: str) -> int:
    """The row of `sessions` goes last: whether there was one."""
    count = 0
    for sql in tx.sql.remove:
        count = tx.run(sql, id=session)
    return count


def rebuild(tx: Transaction, session: str) -> None:
    """Make what lists show of a session, and what is searched, from its events.

    Of damaged events nothing is shown. Whoever drives the session waits meanwhile.
    """
    tx.one(tx.sql.lease, id=session)  # locks it
    rows = tx.all(tx.sql.rows, id=session)
    events = [event for row in rows if (event := _whole(session, row)) is not None]
    for sql in tx.sql.remove_projection:
        tx.run(sql, id=session)
    begun = events[0].time if events else 0.0
    info = projected(SessionInfo(session, None, "", "new", begun, begun, 0, 0), events)
    last = max((int(row[0]) for row in rows), default=0)
    shown = {name: getattr(info, name) for name in PROJECTED} | {"seq": last}
    tx.run(tx.sql.add_session, id=session, **shown)
    for row in map(row_of, events):
        if row.said is not None:
            tx.run(tx.sql.add_said, session=session, seq=row.seq, text=row.said)


def _whole(session: str, row: Sequence[object]) -> Durable | None:
    try:
        return event_of(session, row, int(str(row[0])))
    except StoreError:
        return None
