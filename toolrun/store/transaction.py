"""What runs in one transaction of the writer: statements on its cursor, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.store.database import Database
    from toolrun.store.statements import Sql, Statements


class Transaction:
    """A cursor inside a transaction, and all that can be said."""

    def __init__(self, cursor: Any, database: Database, statements: Statements) -> None:
        self._cursor = cursor
        self._database = database
        self.sql = statements

    def run(self, sql: Sql, **values: Any) -> int:
        """Run a statement; how many rows it touched."""
        self._cursor.execute(sql.text, sql.args(values))
        return int(self._cursor.rowcount)

    def many(self, sql: Sql, rows: Sequence[dict[str, Any]]) -> None:
        """Run a statement for each row."""
        self._cursor.executemany(sql.text, [sql.args(row) for row in rows])

    def all(self, sql: Sql, **values: Any) -> list[Any]:
        """The rows that a statement gives."""
        self._cursor.execute(sql.text, sql.args(values))
        rows: list[Any] = self._cursor.fetchall()
        return rows

    def one(self, sql: Sql, **values: Any) -> Any:
        """The first of them; None where there is none."""
        self._cursor.execute(sql.text, sql.args(values))
        return self._cursor.fetchone()

    def listed(self, values: list[str]) -> Any:
        """A list as a parameter."""
        return self._database.listed(values)

    def now(self) -> float:
        """Seconds, by the clock that leases run out by."""
        return self._database.now(self._cursor)

    def outlived(self, owner: str) -> bool:
        """Whether the owner of a lease is known to be dead."""
        return self._database.outlived(owner)
