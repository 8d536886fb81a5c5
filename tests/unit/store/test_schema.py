"""Does every database come to the schema of this toolrun, once, and is a later one left alone?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.unit.store.stories import kept, opened, raw
from toolrun.errors import StoreError
from toolrun.store import schema
from toolrun.store.opening import sql_store
from toolrun.store.tables import metadata

ROOT = Path(__file__).parents[3]
OPENING = """
import sys, anyio
from toolrun.store.opening import sql_store

async def main():
    store = sql_store(sys.argv[1])
    sys.stdin.readline()
    await store.open()
    await store.release(await store.create(sys.argv[2]))
    await store.aclose()

anyio.run(main)
"""


def test_the_versions_are_those_of_the_steps() -> None:
    scripts = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))

    assert tuple(step.revision for step in scripts.walk_revisions())[::-1] == schema.VERSIONS


async def test_the_steps_make_what_the_code_expects(url: str) -> None:
    async with opened(url) as store:
        engine = store._database.engine()
        try:
            with engine.connect() as connection:
                context = MigrationContext.configure(
                    connection,
                    opts={"version_table": schema.VERSION_TABLE, "compare_type": True},
                )
                assert compare_metadata(context, metadata) == []
                if connection.dialect.name == "sqlite":
                    text = connection.exec_driver_sql(
                        "SELECT count(*) FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'"
                    )
                    assert text.scalar() == len(metadata.tables)
        finally:
            engine.dispose()


async def test_a_newer_schema_is_refused(url: str) -> None:
    async with opened(url) as store:
        await kept(store, "s")
    with raw(url) as run:
        run(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    store = sql_store(url)
    with pytest.raises(StoreError, match=r"schema 9999, which is newer .* upgrade toolrun"):
        await store.open()
    with pytest.raises(StoreError, match="not open"):
        await store.create("t")
    with raw(url) as run:
        assert run("SELECT count(*) FROM events").fetchone() == (2,)


@pytest.mark.load
def test_of_processes_that_start_at_once_one_makes_the_tables(url: str) -> None:
    command = [sys.executable, "-c", OPENING, url]
    processes = [
        subprocess.Popen(
            [*command, f"s{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        for number in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], said

    async def look() -> None:
        async with opened(url) as store:
            assert len(await store.sessions()) == 2

    anyio.run(look)
