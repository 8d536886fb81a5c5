"""Who may drive a session, and how does the right pass on?

A session's lease is a row with a token that grows each time it is given. Whoever writes shows the
token and the owner that it was given to: who has been overtaken is refused.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import ConfigError, LeaseLost, SessionBusy
from toolrun.store import owner
from toolrun.store.contract import Lease, SessionInfo
from toolrun.tools.threads import poster

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from toolrun.store.transaction import Transaction

SECONDS: Final = 30.0
"""How long a lease lasts that is not renewed."""
RENEWED_EVERY: Final = 10.0


class HeldLease(Lease):
    """A lease of a store of this process.

    Attributes:
        info: what lists show of the session.
    """

    def __init__(self, token: int, owner: str, info: SessionInfo, stored: int) -> None:
        super().__init__(info.id, token, owner, stored=stored)
        self.info = info
        self._stops: list[tuple[Callable[[Callable[[], Any]], Any], Callable[[], None]]] = []
        self._lock = threading.Lock()

    def listen(self, stop: Callable[[], None]) -> None:
        """Have something called on this loop, once, when the session shall stop or is lost."""
        with self._lock:
            self._stops.append((poster(), stop))
        if self.lost or self.cancelled:
            self.tell()

    def tell(self) -> None:
        """Call what waits for that now; from any thread."""
        with self._lock:
            stops, self._stops = self._stops, []
        for post, stop in stops:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                post(stop)


def unknown(session: str) -> ConfigError:
    """The error for a session that is not there, or is another tenant's."""
    return ConfigError(f"there is no session {session!r} in the store")


def check_can_be(session: str) -> None:
    """Refuse a name that no database takes, before one is asked: nobody has a session of it.

    Raises:
        ConfigError: there is no such session.
    """
    if not session.isprintable():  # NUL, halves of surrogate pairs
        raise unknown(session)


def lost(lease: Lease) -> LeaseLost:
    """The error for whoever has been overtaken."""
    return LeaseLost(
        f"session {lease.session!r} is no longer this process's: its lease was given back, or"
        " another process has it now; nothing more is stored, resume it where it has to go on"
    )


def create(
    tx: Transaction, session: str, tenant: str | None, by: str, mine: Container[str]
) -> HeldLease:
    """Make a session, and hold it.

    Args:
        tx: the transaction.
        session: its id.
        tenant: whose it is.
        by: who will hold it.
        mine: the sessions that it holds already.

    Raises:
        ConfigError: there is one of that name.
    """
    made = time.time()
    info = SessionInfo(session, tenant, "", "new", made, made, 0, 0)
    values = {name: getattr(info, name) for name in info.__struct_fields__[:-1]}
    if not tx.run(tx.sql.add_session, **values):
        found = tx.one(tx.sql.lease, id=session)
        # It may be ours: made by a transaction whose end we did not hear of.
        if found is None or found[1] != by or session in mine:
            raise ConfigError(
                f"there is a session {session!r} already: give another id, or resume that one"
            )
    return HeldLease(_take(tx, session, by), by, info, 0)


def acquire(
    tx: Transaction, session: str, tenant: str | None, by: str, mine: Container[str]
) -> HeldLease:
    """Hold a session that is there.

    Raises:
        ConfigError: there is none of that tenant.
        SessionBusy: somebody else holds it.
    """
    row = locked(tx, session, tenant, by, mine)
    (last,) = tx.one(tx.sql.last, id=session)
    return HeldLease(_take(tx, session, by), by, SessionInfo(*row), last or 0)


def locked(tx: Transaction, session: str, tenant: str | None, by: str, mine: Container[str]) -> Any:
    """The row of a session whose lease is free, and locked for this transaction.

    Raises:
        ConfigError: there is none of that tenant, which does not hear whether it is held either.
        SessionBusy: somebody holds it, and is not known to be dead.
    """
    check_can_be(session)
    found = tx.one(tx.sql.lease, id=session)
    row = tx.one(tx.sql.session, id=session)  # after the lock: it may have been deleted just before
    if row is None or tenant not in (None, row[1]):
        raise unknown(session)
    if found is None or found[1] is None:
        return row
    _, holder, until = found
    left = until - tx.now()
    orphan = holder == by and session not in mine
    if left <= 0 or orphan or tx.outlived(holder):
        return row
    raise SessionBusy(
        f"session {session!r} is held by {owner.shown(holder)}, for another {left:.0f} s at least"
        " unless that gives it back"
    )


def request_cancel(tx: Transaction, session: str, tenant: str | None) -> bool:
    """Ask whoever holds a session to stop its turn; False where nobody does.

    Raises:
        ConfigError: there is no such session of that tenant.
    """
    check_can_be(session)
    row = tx.one(tx.sql.session, id=session)
    if row is None or tenant not in (None, row[1]):
        raise unknown(session)
    found = tx.one(tx.sql.lease, id=session)
    if found is None or found[1] is None or found[2] <= tx.now() or tx.outlived(found[1]):
        return False
    tx.run(tx.sql.cancel, id=session)
    return True


def _take(tx: Transaction, session: str, by: str) -> int:
    found = tx.one(tx.sql.lease, id=session)
    to = tx.now() + SECONDS
    if found is None:
        values = {"session": session, "token": 1, "owner": by, "until": to, "cancel": False}
        if not tx.run(tx.sql.add_lease, **values):
            raise SessionBusy(f"session {session!r} has just been taken by another process")
        return 1
    token = int(found[0]) + 1
    tx.run(tx.sql.take, id=session, new_token=token, by=by, to=to)
    return token
