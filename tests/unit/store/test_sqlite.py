"""What is a store in a file safe from, and what does it say where it is not?"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from tests.unit.store.stories import kept, opened, opening, placed, raw, said
from toolrun import events as ev
from toolrun.errors import StoreError
from toolrun.store import writer
from toolrun.store.opening import sql_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


async def looked_into(url: str) -> None:
    async with opened(url):
        pass


async def test_only_the_owner_reads_the_files(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "sessions.db"
    async with opened(f"sqlite:///{path}") as store:
        await kept(store, "s")

        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert files == dict.fromkeys(("sessions.db", "sessions.db-wal", "sessions.db-shm"), 0o600)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_was_open_to_others_is_closed_to_them(path: Path, url: str) -> None:
    path.touch(0o644)
    path.chmod(0o644)
    anyio.run(looked_into, url)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_belongs_to_others_is_refused(
    path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.touch()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(StoreError, match="belongs to another user"):
        anyio.run(looked_into, url)


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_what_another_user_puts_beside_the_file_is_refused(
    path: Path, url: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anyio.run(looked_into, url)
    beside = path.with_name(path.name + end)
    beside.touch()
    real = Path.lstat

    def lstat(self: Path) -> os.stat_result:
        found = real(self)
        if self != beside:
            return found
        return os.stat_result((*found[:4], found.st_uid + 1, *found[5:]))

    monkeypatch.setattr(Path, "lstat", lstat)
    with pytest.raises(StoreError, match=f"{end}.*belongs to another user|another user.*{end}"):
        anyio.run(looked_into, url)


def test_a_link_of_another_user_is_refused(
    path: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "target.db").touch()
    path.symlink_to(tmp_path / "target.db")
    anyio.run(looked_into, url)  # one's own will do
    if os.geteuid() != 0:
        pytest.skip("only root can give a link away")
    os.lchown(path, 12345, 12345)
    with pytest.raises(StoreError, match="is a link that belongs to another user"):
        anyio.run(looked_into, url)


@pytest.mark.parametrize("content", [b"This is no database, whatever its name says." * 50])
def test_another_file_is_refused(path: Path, url: str, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"not a database; give another path"):
        anyio.run(looked_into, url)
    assert path.read_bytes() == content


def test_a_folder_is_refused(path: Path, url: str) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="is no file; give another path"):
        anyio.run(looked_into, url)


async def test_a_full_disk_loses_nothing_that_was_stored(path: Path, url: str) -> None:
    async with opened(url) as store:
        lease = await kept(store, "s")
        run = store._writer._cursor.execute  # type: ignore[union-attr]
        (pages,) = run("PRAGMA page_count").fetchone()
        run(f"PRAGMA max_page_count = {pages + 1}")
        large = placed("s", [ev.UserMessage(content="x" * 100_000)], after=2)
        with pytest.raises(StoreError, match=rf"{path}: could not store .*full; make room"):
            await store.append(lease, large)
        assert lease.stored == 2
        small = said("s", 1, after=2)
        await store.append(lease, small)  # for that there is room
        large = placed("s", [ev.UserMessage(content="x" * 100_000)], after=3)
        with pytest.raises(StoreError, match="make room"):
            await store.append(lease, large)

        run(f"PRAGMA max_page_count = {pages + 1000}")
        await store.append(lease, large)

        assert await store.read("s") == [*opening("s"), *small, *large]


async def test_another_process_that_writes_is_waited_for(url: str) -> None:
    async with opened(url) as store:
        lease = await kept(store, "s")
        with raw(url) as run:
            run("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as group:
                group.start_soon(store.append, lease, said("s", 1, after=2))
                await anyio.sleep(0.1)  # it is being tried
                assert lease.stored == 2
                run("COMMIT")

        assert lease.stored == 3


async def test_who_writes_for_too_long_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.2)
    async with opened(url) as store:
        lease = await kept(store, "s")
        store._writer._cursor.execute("PRAGMA busy_timeout = 50")  # type: ignore[union-attr]
        with raw(url) as run:
            run("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked; another process has been writing"):
                await store.append(lease, said("s", 1, after=2))
            run("COMMIT")

        await store.append(lease, said("s", 1, after=2))
        assert len(await store.read("s")) == 3


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
async def test_power_is_what_fsync_is_for(url: str, durability: str, level: int) -> None:
    async with opened(url, durability) as store:  # type: ignore[arg-type]
        cursor = store._writer._cursor  # type: ignore[union-attr]
        assert cursor.execute("PRAGMA synchronous").fetchone() == (level,)
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)


FORKING = """
import os, sys, anyio
from tests.unit.store.stories import kept, said
from toolrun.errors import StoreError
from toolrun.store.opening import sql_store

store = sql_store(sys.argv[1])

async def parent():
    await store.open()
    return await kept(store, "s")

lease = anyio.run(parent)

async def child():
    try:
        await store.append(lease, said("s", 1, after=2))
    except StoreError as error:
        assert "forked" in str(error), error
    else:
        os._exit(1)
    await store.open()
    await store.release(await kept(store, "of-the-child"))
    assert [info.id for info in await store.sessions()] == ["of-the-child", "s"]
    await store.aclose()

pid = os.fork()
if pid == 0:
    try:
        anyio.run(child)
    except BaseException as error:
        print("child:", repr(error), flush=True)
        os._exit(2)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0

async def after():
    await store.append(lease, said("s", 1, after=2))
    assert len(await store.read("s")) == 3
    assert len(await store.sessions()) == 2

anyio.run(after)
print("done")
# Not closed: what is held is given back at the end of the process.
"""


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.load)])
def test_a_fork_opens_its_own(url: str, kind: str, request: pytest.FixtureRequest) -> None:
    place: str = url if kind == "sqlite" else request.getfixturevalue("postgres_url")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, place],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=60,
        check=False,
    )
    assert (ran.stdout, ran.returncode) == ("done\n", 0), ran.stdout + ran.stderr

    async def taken() -> None:
        async with opened(place) as store:
            (info, *_) = await store.sessions()
            assert info.holder is None
            assert (await store.acquire("s")).token == 2

    anyio.run(taken)
    with raw(place) as run:
        (free,) = run("SELECT count(*) FROM leases WHERE owner IS NULL").fetchone()
        assert free == 2


def test_a_store_that_nobody_closed_gives_its_sessions_back(url: str) -> None:
    async def left() -> None:
        store = sql_store(url)
        await store.open()
        await kept(store, "s")
        await store.read("s")

    anyio.run(left)

    async def taken() -> None:
        async with opened(url) as store:
            with anyio.fail_after(5):
                while (await store.sessions())[0].holder:  # noqa: ASYNC110 - another thread's work
                    await anyio.sleep(0.01)
            await store.acquire("s")

    anyio.run(taken)
