"""What does the URL of a store say, and how is it shown without its password?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from toolrun.errors import ConfigError

WHAT: Final = (
    'a store is "sqlite:///sessions.db", "sqlite:////var/lib/agent/sessions.db" or'
    ' "postgresql://user:password@host/database"'
)
_POSTGRES: Final = ("postgresql", "postgres", "postgresql+psycopg")
_SECRET: Final = re.compile(r"((?:ssl)?password=)[^&]*")


def masked(url: str) -> str:
    """A URL as it may be shown: what is, or could be, a password is not."""
    scheme, sep, rest = url.partition("://")
    if not sep:  # no URL, such as "host=db password=..." or "user:password@host"
        scheme, rest = "", url
    before, at, after = rest.rpartition("@")
    user, colon, _ = before.partition(":")
    shown = f"{user}{':***' if colon else ''}{at}{after}"
    return scheme + sep + _SECRET.sub(r"\1***", shown)


def is_postgres(url: str) -> bool:
    """Whether it names a database of PostgreSQL."""
    return url.partition("://")[0] in _POSTGRES


def for_libpq(url: str) -> str:
    """A URL of PostgreSQL as its own library reads it."""
    return "postgresql://" + url.partition("://")[2]


def sqlite_path(url: str) -> Path:
    """The file of a URL of SQLite, from the root of the file system on.

    Raises:
        ConfigError: it is no URL of a store.
    """
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite" or not rest.startswith("/"):
        raise ConfigError(f"store {masked(url)!r} is none: {WHAT}")
    name = rest[1:]
    if name in ("", ":memory:"):
        raise ConfigError(f"store {url!r} would be gone with the process: {WHAT}")
    if "?" in name:
        raise ConfigError(f"store {url!r}: SQLite takes no options after a question mark")
    return Path(name).absolute()
