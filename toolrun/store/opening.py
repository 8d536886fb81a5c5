"""Which store does a URL name?"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from toolrun.errors import ConfigError
from toolrun.store import urls
from toolrun.store.contract import Durability

if TYPE_CHECKING:
    from toolrun.store.contract import Store
    from toolrun.store.store import SqlStore


def open_store(url: str, *, durability: Durability = "process") -> Store:
    """The store at a URL; nothing is connected yet: `await store.open()`.

    Args:
        url: "sqlite:///sessions.db" (beside what runs), "sqlite:////var/lib/agent/sessions.db" or
            "postgresql://user:password@host/database", with what libpq takes after a "?".
        durability: what a durable event survives: "process" (kill -9), or "power" too.

    Raises:
        ConfigError: it is no such URL.
        MissingExtra: it is PostgreSQL's, and `toolrun[postgres]` is not installed.
    """
    return sql_store(url, durability=durability)


def sql_store(url: str, *, durability: Durability = "process") -> SqlStore:
    """The same, with what only databases have; see `open_store`."""
    from toolrun.store.store import SqlStore

    if durability not in get_args(Durability):
        raise ConfigError(f"durability is process or power, not {durability!r}")
    if urls.is_postgres(url):
        from toolrun.store.postgres import Postgres

        return SqlStore(Postgres(urls.for_libpq(url), durability))
    from toolrun.store.sqlite import Sqlite

    return SqlStore(Sqlite(urls.sqlite_path(url), durability))
