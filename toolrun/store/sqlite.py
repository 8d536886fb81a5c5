"""How is a store kept in a file of SQLite?"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.store import files
from toolrun.store import owner as owners

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy import Engine

    from toolrun.store.contract import Durability
    from toolrun.store.statements import Statements

_encode = msgspec.json.Encoder().encode


def _parts(*places: int) -> str:
    return ", ".join(f"json_extract(given.value, '$[{at}]')" for at in places)


# CROSS JOIN: in the order that is written. SQLite would look through all leases, and through all
# rows for each of them.
_ADD_EVENTS: Final = f"""
INSERT INTO events (session, seq, type, body, checksum)
SELECT {_parts(0, 2, 3, 4, 5)} FROM json_each(?) AS given
CROSS JOIN leases
ON leases.session = {_parts(0)} AND leases.token = {_parts(1)} AND leases.owner = ?
"""  # noqa: S608 - of constants
_ADD_SAID: Final = f"""
INSERT INTO said (session, seq, text)
SELECT {_parts(0, 2, 6)} FROM json_each(?) AS given WHERE {_parts(6)} IS NOT NULL
"""  # noqa: S608 - of constants
_SHOW: Final = """
UPDATE sessions SET tenant = ?, title = ?, status = ?, created = ?, updated = ?, seq = ?, turns = ?
WHERE id = ?
"""
_SHOW_ALL: Final = f"""
INSERT INTO sessions (id, tenant, title, status, created, updated, seq, turns)
SELECT {_parts(0, 1, 2, 3, 4, 5, 6, 7)} FROM json_each(?) AS given WHERE true
ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, title = excluded.title,
    status = excluded.status, created = excluded.created, updated = excluded.updated,
    seq = excluded.seq, turns = excluded.turns
"""  # noqa: S608 - of constants
WAL_BYTES: Final = 64 << 20
"""What stays of the file beside the database once all in it is in the database."""
BUSY_SECONDS: Final = 2.0
"""How long SQLite itself waits for another process that writes, before it is tried again."""


class Sqlite:
    """One file, WAL beside it; for the processes of one machine."""

    begin = "BEGIN IMMEDIATE"

    def __init__(self, path: Path, durability: Durability) -> None:
        self.path = path
        self.url: str = f"sqlite:///{path}"
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
            connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection

    def engine(self, *, patient: bool = False) -> Engine:  # noqa: ARG002 - a file answers
        """For reading, and for migrations."""
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

    def add(
        self,
        cursor: Any,
        rows: Sequence[tuple[Any, ...]],
        shown: Sequence[tuple[Any, ...]],
        owner: str,
    ) -> bool:
        """A statement a table: each that is run costs a change of threads."""
        given = _encode(rows).decode()
        cursor.execute(self.begin)
        try:
            cursor.execute(_ADD_EVENTS, (given, owner))
            whole: bool = cursor.rowcount == len(rows)
            if whole:
                if any(row[6] is not None for row in rows):
                    cursor.execute(_ADD_SAID, (given,))
                for each in shown if len(shown) == 1 else ():
                    cursor.execute(_SHOW, (*each[1:], each[0]))
                if len(shown) > 1:
                    cursor.execute(_SHOW_ALL, (_encode(shown).decode(),))
            cursor.execute("COMMIT" if whole else "ROLLBACK")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # some errors roll back by themselves
                cursor.execute("ROLLBACK")
            raise
        return whole

    def listed(self, values: list[str]) -> Any:
        """A list as the parameter of a statement."""
        return _encode(values).decode()

    def now(self, cursor: Any) -> float:  # noqa: ARG002 - PostgreSQL asks the server
        """By the clock of this boot: all who use the file are on this machine."""
        return owners.now()

    def outlived(self, who: str) -> bool:
        """Dead here, or of an earlier boot: the file is one machine's."""
        found = owners.Owner.of(who)
        other = found is not None and bool(found.boot) and found.boot != owners.boot()
        return other or owners.is_dead(who)

    def is_transient(self, error: BaseException) -> bool:
        """Another process writes, for longer than `BUSY_SECONDS`."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)

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
