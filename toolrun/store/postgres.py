"""How is a store kept in PostgreSQL?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.errors import ConfigError
from toolrun.extras import need
from toolrun.store import owner as owners
from toolrun.store import urls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from toolrun.store.contract import Durability
    from toolrun.store.statements import Statements

CONNECT_SECONDS: Final = 5
WRITE_SECONDS: Final = 10.0
"""After which a server that says nothing is taken to be out of reach; also one that is stopped."""
READ_SECONDS: Final = 60.0
_DEFAULTS: Final = {
    "connect_timeout": str(CONNECT_SECONDS),
    "application_name": "toolrun",
    # A network that is cut says nothing: who hears nothing for long takes it for cut.
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_encode = msgspec.json.Encoder().encode

# The lock on the leases comes first: who takes one over waits until these events are stored, or
# these wait, and are not stored then. Only sessions whose lease it still is are touched at all.
_ADD: Final = """
WITH given AS MATERIALIZED (
    SELECT value ->> 0 AS session, (value ->> 1)::bigint AS token, (value ->> 2)::int AS seq,
        value ->> 3 AS type, value ->> 4 AS body, value ->> 5 AS checksum, value ->> 6 AS text
    FROM json_array_elements(%s::json)
), mine AS MATERIALIZED (
    SELECT session FROM leases
    WHERE owner = %s AND (session, token) IN (SELECT session, token FROM given)
    FOR SHARE
), added AS (
    INSERT INTO events (session, seq, type, body, checksum)
    SELECT session, seq, type, body, checksum FROM given JOIN mine USING (session)
    RETURNING seq
), spoken AS (
    INSERT INTO said (session, seq, text)
    SELECT session, seq, text FROM given JOIN mine USING (session) WHERE text IS NOT NULL
), shown AS (
    UPDATE sessions
    SET tenant = value ->> 1, title = value ->> 2, status = value ->> 3,
        created = (value ->> 4)::float8, updated = (value ->> 5)::float8,
        seq = (value ->> 6)::int, turns = (value ->> 7)::int
    FROM json_array_elements(%s::json)
    WHERE id = value ->> 0 AND id IN (SELECT session FROM mine)
)
SELECT count(*) FROM added
"""
_LATER: Final = ("08", "40", "53", "57")
"""Classes of SQLSTATE that pass: the connection, serialization, resources, the operator."""
_DISK_FULL: Final = "53100"
_FOR_GOOD: Final = (_DISK_FULL, "57014")


class Postgres:
    """One database of a server."""

    begin = "BEGIN"

    def __init__(self, url: str, durability: Durability) -> None:
        self.url: str = urls.masked(url)
        self._psycopg = need("psycopg", "postgres", "a store in PostgreSQL")
        self._power = durability == "power"
        try:
            given = self._psycopg.conninfo.conninfo_to_dict(url)
        except self._psycopg.Error:
            # Not the driver's words: they repeat parts of the URL, such as a password.
            raise ConfigError(
                f"store {self.url!r} is no URL of PostgreSQL: postgresql://user:password@host/name,"
                " with %-escapes for what is no letter or digit"
            ) from None
        self._conninfo: dict[str, Any] = {**_DEFAULTS, **given}

    def connect(self) -> Any:
        """A connection, that commits each statement unless told otherwise."""
        connection = self._connect(WRITE_SECONDS, autocommit=True)
        if self._power:
            connection.execute("SET synchronous_commit = on")
        return connection

    def _connect(self, seconds: float | None, *, autocommit: bool) -> Any:
        from toolrun.store import bounded

        return bounded.connect(self._psycopg, self._conninfo, seconds, autocommit=autocommit)

    def engine(self, *, patient: bool = False) -> Engine:
        """For reading, and for migrations."""
        from sqlalchemy import create_engine

        def connect() -> Any:
            return self._connect(None if patient else READ_SECONDS, autocommit=False)

        return create_engine(
            "postgresql+psycopg://",
            creator=connect,
            isolation_level="REPEATABLE READ",
            pool_pre_ping=True,
            pool_size=4,
            max_overflow=4,
        )

    def statements(self) -> Statements:
        """All that is said to it."""
        from sqlalchemy import ARRAY, Text, any_, bindparam
        from sqlalchemy.dialects import postgresql
        from sqlalchemy.dialects.postgresql import psycopg

        from toolrun.store.statements import Statements

        def among(column: Any, name: str) -> Any:
            return column == any_(bindparam(name, type_=ARRAY(Text)))

        dialect: Any = psycopg.dialect
        return Statements(dialect(paramstyle="format"), postgresql.insert, among)

    def add(
        self,
        cursor: Any,
        rows: Sequence[tuple[Any, ...]],
        shown: Sequence[tuple[Any, ...]],
        owner: str,
    ) -> bool:
        """One statement, and one way to the server and back."""
        cursor.execute(_ADD, (_encode(rows).decode(), owner, _encode(shown).decode()))
        return bool(cursor.fetchone()[0] == len(rows))

    def listed(self, values: list[str]) -> Any:
        """A list as the parameter of a statement."""
        return values

    def now(self, cursor: Any) -> float:
        """By the server's clock."""
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(cursor.fetchone()[0])

    def outlived(self, who: str) -> bool:
        """Dead on this machine: of others nothing is known."""
        return owners.is_dead(who)

    def is_transient(self, error: BaseException) -> bool:
        """The connection is gone, or the server asks to be tried again."""
        if not isinstance(error, self._psycopg.Error):
            return isinstance(error, ConnectionError)
        state = error.sqlstate
        if state is None:
            return isinstance(error, self._psycopg.OperationalError) and not _refused(str(error))
        return state.startswith(_LATER) and state not in _FOR_GOOD

    def advice(self, error: BaseException) -> str:
        """What the server or the driver says, and what to do."""
        text = " ".join(str(error).split())
        state = getattr(error, "sqlstate", None)
        if state == _DISK_FULL:
            return f"{text}; make room on the server's disk, then go on: nothing of it was stored"
        if state is not None and state.startswith("42501"):
            return f"{text}; give the user the rights to make and write tables"
        if state is None or state.startswith("08"):
            return f"{text}; see that the server runs and can be reached from here"
        return text


def _refused(text: str) -> bool:
    """Whether a connection could not be made for a reason that stays; libpq gives words alone."""
    return any(
        words in text
        for words in (
            "authentication failed",
            "does not exist",
            "could not translate host name",
            "no pg_hba.conf entry",
            "failed to resolve host",
            "no password supplied",
        )
    )
