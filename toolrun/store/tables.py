"""What is stored, and where? The tables, one definition for both databases.

`events` and `blobs` are what a session is; `leases` says who drives it; `sessions` and `said` are
projections of the events for lists and searches, and can be made anew (`projection.py`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

# In SQLite the rows of a session stand together, in order, without a second tree for the key. No
# column that changes with each event is in an index: that would double what an event writes.
metadata: Final = MetaData()

sessions: Final = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text),
    Column("title", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("turns", Integer, nullable=False),
    Index("sessions_by_tenant", "tenant"),
    sqlite_with_rowid=False,
)

events: Final = Table(
    "events",
    metadata,
    Column("session", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("checksum", Text, nullable=False),
    sqlite_with_rowid=False,
)

blobs: Final = Table(
    "blobs",
    metadata,
    Column("session", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

leases: Final = Table(
    "leases",
    metadata,
    Column("session", Text, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("owner", Text),
    Column("until", Double, nullable=False),
    Column("cancel", Boolean, nullable=False),
    Index("leases_by_owner", "owner"),
    sqlite_with_rowid=False,
)

said: Final = Table(
    "said",
    metadata,
    Column("session", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)

remembered: Final = Table(
    "remembered",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("call", Text, primary_key=True),
    Column("step", Text, nullable=False),
    Column("body", LargeBinary),
    Column("size", Integer, nullable=False),
    Column("used", Double, nullable=False),
    Index("remembered_by_use", "used"),
    sqlite_with_rowid=False,
)
"""Steps of clients of `toolrun serve`, by their calls; the row of a step's first call has it."""
