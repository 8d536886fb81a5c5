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


class Sql:
    """A statement as its driver takes it: the text, and its parameters in order."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text: str = str(compiled)
        self._names: list[str] = list(compiled.positiontup or ())  # type: ignore[attr-defined]
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
        def sql(statement: ClauseElement) -> Sql:
            return Sql(statement, dialect)

        def added(table: Table) -> Sql:
            return sql(insert(table).on_conflict_do_nothing())  # type: ignore[attr-defined]

        id_: Any = bindparam("id")
        mine = (leases.c.session == id_) & (leases.c.token == bindparam("held"))
        mine &= leases.c.owner == bindparam("by")

        # Appending
        self.tokens: Sql = sql(
            select(leases.c.session, leases.c.token, leases.c.owner)
            .where(among(leases.c.session, "ids"))
            .with_for_update(read=True)
        )
        self.add_event: Sql = sql(insert(events))
        self.add_said: Sql = added(said)
        self.add_blob: Sql = added(blobs)
        self.project: Sql = sql(
            update(sessions)
            .where(sessions.c.id == id_)
            .values({name: bindparam(f"new_{name}") for name in PROJECTED})
        )
        self.stored: Sql = sql(
            select(events.c.seq, events.c.checksum)
            .where(events.c.session == id_, events.c.seq >= bindparam("first"))
            .order_by(events.c.seq)
        )
        self.last: Sql = sql(select(func.max(events.c.seq)).where(events.c.session == id_))

        # Leases
        self.add_session: Sql = added(sessions)
        self.session: Sql = sql(select(sessions).where(sessions.c.id == id_))
        self.lease: Sql = sql(
            select(leases.c.token, leases.c.owner, leases.c.until)
            .where(leases.c.session == id_)
            .with_for_update()
        )
        self.add_lease: Sql = added(leases)
        self.take: Sql = sql(
            update(leases)
            .where(leases.c.session == id_)
            .values(
                token=bindparam("new_token"),
                owner=bindparam("by"),
                until=bindparam("to"),
                cancel=false(),
            )
        )
        self.let_go: Sql = sql(
            update(leases)
            .where(mine)
            .values(owner=null(), until=literal_column("0"), cancel=false())
        )
        self.let_all_go: Sql = sql(
            update(leases)
            .where(leases.c.owner == bindparam("by"))
            .values(owner=null(), until=literal_column("0"), cancel=false())
        )
        self.renew: Sql = sql(
            update(leases).where(leases.c.owner == bindparam("by")).values(until=bindparam("to"))
        )
        self.held: Sql = sql(
            select(leases.c.session, leases.c.token).where(leases.c.owner == bindparam("by"))
        )
        self.cancelled: Sql = sql(
            select(leases.c.session, leases.c.token).where(
                leases.c.owner == bindparam("by"), leases.c.cancel == true()
            )
        )
        self.cancel: Sql = sql(update(leases).where(leases.c.session == id_).values(cancel=true()))
        self.heard: Sql = sql(update(leases).where(mine).values(cancel=false()))

        # What clients of the front forget
        one, first = remembered.alias("one"), remembered.alias("first")
        owner: Any = bindparam("owner")
        its_step: Any = bindparam("step")
        self.add_remembered: Sql = added(remembered)
        self.remembered: Sql = sql(
            select(first.c.body, first.c.step, first.c.used).where(
                one.c.owner == owner,
                one.c.call == bindparam("call"),
                first.c.owner == one.c.owner,
                first.c.call == one.c.step,
            )
        )
        self.use_remembered: Sql = sql(
            update(remembered)
            .where(remembered.c.owner == owner, remembered.c.step == its_step)
            .values(used=bindparam("now"))
        )
        self.expire_remembered: Sql = sql(
            delete(remembered).where(remembered.c.used < bindparam("since"))
        )
        self.remembered_of: Sql = sql(
            select(remembered.c.step, remembered.c.size)
            .where(remembered.c.owner == owner, remembered.c.call == remembered.c.step)
            .order_by(remembered.c.used.desc())
        )
        self.forget_remembered: Sql = sql(
            delete(remembered).where(remembered.c.owner == owner, remembered.c.step == its_step)
        )

        # Removing
        self.remove: list[Sql] = [
            sql(delete(table).where(column == id_))
            for table, column in (
                (events, events.c.session),
                (blobs, blobs.c.session),
                (said, said.c.session),
                (leases, leases.c.session),
                (sessions, sessions.c.id),
            )
        ]
        self.remove_projection: list[Sql] = [
            sql(delete(said).where(said.c.session == id_)),
            sql(delete(sessions).where(sessions.c.id == id_)),
        ]
        self.ids: Sql = sql(select(events.c.session).distinct())
        self.rows: Sql = sql(
            select(events.c.seq, events.c.type, events.c.body, events.c.checksum)
            .where(events.c.session == id_)
            .order_by(events.c.seq)
        )
