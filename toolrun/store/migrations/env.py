"""What does Alembic run the steps on? On the connection that it is handed, in its transaction."""

from __future__ import annotations

from alembic import context

from toolrun.store.schema import VERSION_TABLE
from toolrun.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
with context.begin_transaction():
    context.run_migrations()
