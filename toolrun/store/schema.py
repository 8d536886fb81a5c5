"""Is the schema of a database the one of this toolrun? An older one is migrated, a newer refused.

What needs no change is found with one SELECT; Alembic is imported for the rest alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from toolrun.store.database import Database

VERSIONS: Final = ("0001", "0002")
"""The versions that there were, in order: the names of the steps in `migrations/versions`."""
VERSION_TABLE: Final = "toolrun_schema"
_LOCK: Final = 0x746F6F6C72756E  # "toolrun", for PostgreSQL's advisory locks


def bring_up_to_date(database: Database) -> None:
    """Make the tables, or change those of an older version; one process at a time.

    Raises:
        StoreError: they are those of a newer toolrun.
        Exception: the driver's.
    """
    engine = database.engine(patient=True)
    try:
        with engine.connect() as connection:
            if _is_current(connection, database):
                return
        writing = engine.execution_options(writes=True)
        if engine.dialect.name == "postgresql":
            # What another process did while this one waited for the lock has to be seen.
            writing = writing.execution_options(isolation_level="READ COMMITTED")
        with writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            if not _is_current(connection, database):  # it may have been done meanwhile
                _migrate(connection)
    finally:
        engine.dispose()


def _is_current(connection: Connection, database: Database) -> bool:
    from sqlalchemy import column, inspect, select, table

    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    version: Any = column("version_num")
    found = connection.scalars(select(version).select_from(table(VERSION_TABLE, version))).all()
    _refuse_newer(found, database)
    return list(found) == [VERSIONS[-1]]


def _refuse_newer(found: Sequence[Any], database: Database) -> None:
    if newer := [version for version in found if version not in VERSIONS]:
        raise StoreError(
            f"store {database.url} has schema {newer[0]}, which is newer than this toolrun's"
            f" ({VERSIONS[-1]}): upgrade toolrun, or give another store"
        )


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
