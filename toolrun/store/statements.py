"""What is said to a database? Statements of SQLAlchemy Core, compiled once, run by the driver.

Core builds and compiles; running a compiled text costs a fifth of running it through Core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    bindparam,
    delete,
    false,
    func,
    literal_column,
    null,
    select,
    true,
    update,
)

from toolrun.store.projection import PROJECTED
from toolrun.store.tables import blobs, events, leases, remembered, said, sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect, Insert, Table
    from sqlalchemy.sql import ClauseElement

_ID: Any = bindparam("id")
_MINE = (leases.c.session == _ID) & (leases.c.token == bindparam("held"))
_MINE &= leases.c.owner == bindparam("by")


class Sql:
    """A statement as its driver takes it: the text, and its parameters in order."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text: str = str(compiled)
        self._names: list[str] = list(compiled.positiontup or ())  # type: ignore[attr-defined]  # the dialect's
        self._given: dict[str, Any] = dict(compiled.params)

    def args(self, values: dict[str, Any]) -> list[Any]:
        """The parameters of one run, in order."""
        return [values[name] if name in values else self._given[name] for name in self._names]


class Statements:
    """All of them, for one kind of database.

    Args:
        dialect: of SQLAlchemy, with a positional style of parameters.
        insert: its own INSERT, which knows ON CONFLICT.
        among: makes "this column is among the values of that parameter", a list.
    """

    def __init__(
        self,
        dialect: Dialect,
        insert: Callable[[Table], Insert],
        among: Callable[[Any, str], Any],
    ) -> None:
        self._dialect = dialect
        self._insert = insert
        self._among = among
        self._say_appending()
        self._say_leases()
        self._say_remembered()
        self._say_removing()

    def _sql(self, statement: ClauseElement) -> Sql:
        return Sql(statement, self._dialect)

    def _added(self, table: Table) -> Sql:
        """A row is added, where there is none of its key."""
        return self._sql(self._insert(table).on_conflict_do_nothing())  # type: ignore[attr-defined]  # the dialect's

    def _say_appending(self) -> None:
        """What appends events."""
        self.tokens: Sql = self._sql(
            select(leases.c.session, leases.c.token, leases.c.owner)
            .where(self._among(leases.c.session, "ids"))
            .with_for_update(read=True)
        )
        self.add_event: Sql = self._sql(self._insert(events))
        self.add_said: Sql = self._added(said)
        self.add_blob: Sql = self._added(blobs)
        self.project: Sql = self._sql(
            update(sessions)
            .where(sessions.c.id == _ID)
            .values({name: bindparam(f"new_{name}") for name in PROJECTED})
        )
        self.stored: Sql = self._sql(
            select(events.c.seq, events.c.checksum)
            .where(events.c.session == _ID, events.c.seq >= bindparam("first"))
            .order_by(events.c.seq)
        )
        self.last: Sql = self._sql(select(func.max(events.c.seq)).where(events.c.session == _ID))

    def _say_leases(self) -> None:
        """What gives, takes and keeps leases."""
        self.add_session: Sql = self._added(sessions)
        self.session: Sql = self._sql(select(sessions).where(sessions.c.id == _ID))
        self.lease: Sql = self._sql(
            select(leases.c.token, leases.c.owner, leases.c.until)
            .where(leases.c.session == _ID)
            .with_for_update()
        )
        self.add_lease: Sql = self._added(leases)
        self.take: Sql = self._sql(
            update(leases)
            .where(leases.c.session == _ID)
            .values(
                token=bindparam("new_token"),
                owner=bindparam("by"),
                until=bindparam("to"),
                cancel=false(),
            )
        )
        self.let_go: Sql = self._sql(
            update(leases)
            .where(_MINE)
            .values(owner=null(), until=literal_column("0"), cancel=false())
        )
        self.let_all_go: Sql = self._sql(
            update(leases)
            .where(leases.c.owner == bindparam("by"))
            .values(owner=null(), until=literal_column("0"), cancel=false())
        )
        self.renew: Sql = self._sql(
            update(leases).where(leases.c.owner == bindparam("by")).values(until=bindparam("to"))
        )
        self.held: Sql = self._sql(
            select(leases.c.session, leases.c.token).where(leases.c.owner == bindparam("by"))
        )
        self.cancelled: Sql = self._sql(
            select(leases.c.session, leases.c.token).where(
                leases.c.owner == bindparam("by"), leases.c.cancel == true()
            )
        )
        self.cancel: Sql = self._sql(
            update(leases).where(leases.c.session == _ID).values(cancel=true())
        )
        self.heard: Sql = self._sql(update(leases).where(_MINE).values(cancel=false()))

    def _say_remembered(self) -> None:
        """What keeps what clients of the front forget."""
        one, first = remembered.alias("one"), remembered.alias("first")
        owner: Any = bindparam("owner")
        its_step: Any = bindparam("step")
        self.add_remembered: Sql = self._added(remembered)
        self.remembered: Sql = self._sql(
            select(first.c.body, first.c.step, first.c.used).where(
                one.c.owner == owner,
                one.c.call == bindparam("call"),
                first.c.owner == one.c.owner,
                first.c.call == one.c.step,
            )
        )
        self.use_remembered: Sql = self._sql(
            update(remembered)
            .where(remembered.c.owner == owner, remembered.c.step == its_step)
            .values(used=bindparam("now"))
        )
        self.expire_remembered: Sql = self._sql(
            delete(remembered).where(remembered.c.used < bindparam("since"))
        )
        self.remembered_of: Sql = self._sql(
            select(remembered.c.step, remembered.c.size)
            .where(remembered.c.owner == owner, remembered.c.call == remembered.c.step)
            .order_by(remembered.c.used.desc())
        )
        self.forget_remembered: Sql = self._sql(
            delete(remembered).where(remembered.c.owner == owner, remembered.c.step == its_step)
        )

    def _say_removing(self) -> None:
        """What removes sessions, and makes their projections anew."""
        self.remove: list[Sql] = [
            self._sql(delete(table).where(column == _ID))
            for table, column in (
                (events, events.c.session),
                (blobs, blobs.c.session),
                (said, said.c.session),
                (leases, leases.c.session),
                (sessions, sessions.c.id),
            )
        ]
        self.remove_projection: list[Sql] = [
            self._sql(delete(said).where(said.c.session == _ID)),
            self._sql(delete(sessions).where(sessions.c.id == _ID)),
        ]
        self.ids: Sql = self._sql(select(events.c.session).distinct())
        self.rows: Sql = self._sql(
            select(events.c.seq, events.c.type, events.c.body, events.c.checksum)
            .where(events.c.session == _ID)
            .order_by(events.c.seq)
        )
