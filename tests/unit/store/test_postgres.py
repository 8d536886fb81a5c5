"""What is a store in PostgreSQL safe from, and what does it say where it is not?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.rig import postgres as rig
from tests.unit.store.stories import kept, opened, opening, said
from toolrun.errors import ConfigError, StoreError
from toolrun.store import postgres as pg
from toolrun.store import writer
from toolrun.store.opening import sql_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.store.store import SqlStore

SESSIONS = 8
ROUNDS = 25


@pytest.fixture(scope="module")
def server() -> Iterator[rig.Postgres]:
    """One that may be killed; it fsyncs."""
    with rig.new(safe=True) as found:
        yield found


async def live(store: SqlStore, name: str, count: int) -> None:
    lease = await kept(store, name)
    for each in range(count):
        await store.append(lease, said(name, 1, after=2 + each))


@pytest.mark.load
async def test_a_server_that_is_killed_while_sessions_write_loses_and_doubles_nothing(
    server: rig.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 90)  # a busy machine takes long to start a server
    async with opened(server.schema()) as store:
        async with anyio.create_task_group() as group:
            for number in range(SESSIONS):
                group.start_soon(live, store, f"s{number}", ROUNDS)
            for _ in range(2):
                while store.transactions < 10:  # noqa: ASYNC110 - sessions are writing
                    await anyio.sleep(0.005)
                await anyio.to_thread.run_sync(server.kill)
                await anyio.to_thread.run_sync(server.start)

        for number in range(SESSIONS):
            name = f"s{number}"
            assert await store.read(name) == [*opening(name), *said(name, ROUNDS, after=2)]
        assert {info.seq for info in await store.sessions()} == {ROUNDS + 2}


async def test_a_connection_that_is_cut_is_made_anew(server: rig.Postgres) -> None:
    async with opened(server.schema()) as store:
        lease = await kept(store, "s")
        for each in range(3):
            server.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'toolrun'"
            )
            await store.append(lease, said("s", 1, after=2 + each))
            assert len(await store.read("s")) == 3 + each


async def test_a_server_that_says_nothing_is_given_up(
    server: rig.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pg, "WRITE_SECONDS", 0.5)
    monkeypatch.setattr(pg, "READ_SECONDS", 0.5)
    monkeypatch.setattr(pg, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(writer, "PATIENCE", 0.2)
    monkeypatch.setattr("toolrun.store.reading.PATIENCE", 0.2)
    async with opened(server.schema()) as store:
        lease = await kept(store, "s")
        server.freeze()
        try:
            why = r"could not store .* see that the server runs"
            with anyio.fail_after(30), pytest.raises(StoreError, match=why):
                await store.append(lease, said("s", 1, after=2))
        finally:
            server.thaw()

        await store.append(lease, said("s", 1, after=2))
        assert await store.read("s") == [*opening("s"), *said("s", 1, after=2)]


async def test_a_server_that_is_not_there_is_named_without_the_password(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.1)
    store = sql_store(f"postgresql://agent:hunter2@/sessions?host={tmp_path}&password=hunter3")
    with pytest.raises(
        StoreError, match=r"agent:\*\*\*@.*could not open it.*see that the"
    ) as error:
        await store.open()
    await store.aclose()

    shown = f"{error.value}{error.value!r}{error.value.__cause__}{store!r}{store.url}"
    assert "hunter" not in shown


async def test_a_database_that_is_not_there_is_said_at_once(server: rig.Postgres) -> None:
    store = sql_store(server.url("nowhere"))
    with anyio.fail_after(8), pytest.raises(StoreError, match='"nowhere" does not exist'):
        await store.open()
    await store.aclose()


def test_a_url_that_is_none_does_not_repeat_its_password() -> None:
    with pytest.raises(ConfigError, match="is no URL of PostgreSQL") as error:
        sql_store("postgresql://agent:hun%zz2@host/name")
    assert "hun" not in f"{error.value}{error.value.__cause__}"


async def test_power_is_asked_of_the_server(server: rig.Postgres) -> None:
    async with opened(server.schema(), "power") as store:
        connection = store._writer._connection  # type: ignore[union-attr]
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
