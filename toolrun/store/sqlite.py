"""How is a store kept in a file of SQLite?"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from toolrun.store import files, owner

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from toolrun.store.contract import Durability
    from toolrun.store.statements import Statements

BUSY_SECONDS = 2.0
"""How long SQLite itself waits for another process that writes, before it is tried again."""


class Sqlite:
    """One file, WAL beside it; for the processes of one machine."""

    begin = "BEGIN IMMEDIATE"

    def __init__(self, path: Path, durability: Durability) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._synchronous = "FULL" if durability == "power" else "NORMAL"

    def connect(self) -> Any:
        """A connection; the file is made where there is none."""
        files.prepare(self.path)
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
        except BaseException:
            connection.close()
            raise
        return connection

    def engine(self) -> Engine:
        """For reading and migrations."""
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import QueuePool

        engine = create_engine(
            "sqlite://", creator=self.connect, poolclass=QueuePool, pool_size=4, max_overflow=4
        )

        def begin(connection: Any) -> None:
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql(self.begin if writes else "BEGIN")

        event.listen(engine, "begin", begin)
        return engine

    def statements(self) -> Statements:
        """All that is said to it."""
        from sqlalchemy import bindparam, func, select
        from sqlalchemy.dialects import sqlite

        from toolrun.store.statements import Statements

        def among(column: Any, name: str) -> Any:
            values = func.json_each(bindparam(name)).table_valued("value")
            return column.in_(select(values.c.value))

        return Statements(sqlite.dialect(paramstyle="qmark"), sqlite.insert, among)

    def listed(self, values: list[str]) -> Any:
        """A list as the parameter of a statement."""
        import msgspec

        return msgspec.json.encode(values).decode()

    def now(self, cursor: Any) -> float:  # noqa: ARG002 - PostgreSQL asks the server
        """By the clock of this boot: all who use the file are on this machine."""
        return owner.now()

    def outlived(self, who: str) -> bool:
        """Dead here, or of an earlier boot: the file is one machine's."""
        found = owner.Owner.of(who)
        other = found is not None and bool(found.boot) and found.boot != owner.boot()
        return other or owner.is_dead(who)

    def is_transient(self, error: BaseException) -> bool:
        """Another process writes, for longer than `BUSY_SECONDS`."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)

    def is_broken(self, connection: Any) -> bool:  # noqa: ARG002
        """A file does not go away."""
        return False

    def advice(self, error: BaseException) -> str:
        """What the codes of SQLite mean to whoever runs it."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return f"{error}{_ADVICE.get(code, '')}"


_ADVICE = {
    sqlite3.SQLITE_FULL: "; make room there, then go on: nothing of it was stored",
    sqlite3.SQLITE_BUSY: "; another process has been writing for long: look who uses the file",
    sqlite3.SQLITE_READONLY: "; let this user write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "; see that the folder is there and that this user may write it",
    sqlite3.SQLITE_CORRUPT: "; restore it from a backup, or save what is whole: sqlite3 .recover",
    sqlite3.SQLITE_NOTADB: "; give another path",
    sqlite3.SQLITE_IOERR: "; look at the disk",
}
