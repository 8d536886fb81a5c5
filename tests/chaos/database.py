"""How does a test change what is in a store behind its back? By SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final

import psycopg

STOLEN: Final = "UPDATE leases SET token = token + 1, owner = 'a thief', until = {later}"
FREE: Final = "UPDATE leases SET owner = NULL, until = 0"
RUN_OUT: Final = "UPDATE leases SET until = 1"
"""As if the holder had not been heard of for long, or the clock had jumped ahead."""


def change(url: str, statement: str, session: str) -> int:
    """Run an UPDATE of one session's lease; how many rows it changed."""
    text = f"{statement.format(later='1e12')} WHERE session = "
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as database:
            changed = database.execute(f"{text}?", (session,)).rowcount
            database.commit()
            return changed
    with psycopg.connect(url) as server:
        return server.execute(f"{text}%s", (session,)).rowcount
