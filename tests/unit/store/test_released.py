"""Do stores of every schema that was released open, migrate and read?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.unit.store.stories import opened, raw, said
from toolrun.events import AnyEvent, Durable
from toolrun.store import schema

if TYPE_CHECKING:
    from tests.rig.postgres import Postgres

FOLDERS = sorted(path for path in (Path(__file__).parents[2] / "stores").iterdir() if path.is_dir())


@pytest.fixture(params=FOLDERS, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> str:
    """A copy of a released store."""
    if request.param == "sqlite":
        shutil.copy(folder / "sessions.db", tmp_path)
        return f"sqlite:///{tmp_path}/sessions.db"
    server: Postgres = request.getfixturevalue("postgres")
    found = server.database()
    server.load(found, (folder / "sessions.sql").read_text())
    return found


def written(folder: Path) -> dict[str, list[Durable]]:
    decoder = msgspec.json.Decoder(AnyEvent)
    sessions: dict[str, list[Durable]] = {}
    for event in decoder.decode_lines((folder / "events.jsonl").read_bytes()):
        assert isinstance(event, Durable)
        sessions.setdefault(event.session, []).append(event)
    return sessions


def test_there_is_one_of_the_first_version() -> None:
    assert FOLDERS[0].name == "schema-0001"


async def test_a_released_store_is_read_to_the_last_event(url: str, folder: Path) -> None:
    with raw(url) as run:
        found = run(f"SELECT version_num FROM {schema.VERSION_TABLE}").fetchall()
        assert found == [(folder.name.removeprefix("schema-"),)]
    expected = written(folder)
    async with opened(url) as store:
        infos = {info.id: info for info in await store.sessions()}
        assert infos.keys() == expected.keys()
        for session, events in expected.items():
            read = await store.read(session, "acme")
            for event, was in zip(read, events, strict=True):
                given = msgspec.to_builtins(event)
                assert given | msgspec.to_builtins(was) == given
            assert infos[session].seq == len(events)
            lease = await store.acquire(session, "acme")
            await store.append(lease, said(session, 1, after=len(events)))
        assert infos["parked"].status == "parked"
        assert infos["crashed"].status == "running"
    with raw(url) as run:
        found = run(f"SELECT version_num FROM {schema.VERSION_TABLE}").fetchall()
        assert found == [(schema.VERSIONS[-1],)]
