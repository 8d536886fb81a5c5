"""Do sessions live through an outage of their database, a full disk, a clock that jumps?"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest

from tests.chaos import story
from tests.chaos.checks import check_deeds, check_events, check_story, messages, shape
from tests.chaos.killing import Killer
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import Proxy
from tests.chaos.scene import Scene
from tests.rig import postgres as rig
from toolrun import Runtime, StoreError
from toolrun.store.opening import open_store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.chaos.worker import Plan, Workers
    from tests.rig.mock import MockServer
    from toolrun.events import Durable
    from toolrun.store.contract import Lease, Store

pytestmark = pytest.mark.timeout(600)
"""The long ones on a busy machine; each case in them has a time of its own."""

AT_ONCE: Final = 4
SLOW: Final = 0.15
"""Seconds that a tool works before and after its deed, so that an outage comes in between."""


@pytest.fixture(scope="module")
def server() -> Iterator[rig.Postgres]:
    """A PostgreSQL that these tests stop and kill."""
    # Safe: with synchronous_commit=off a kill takes what was committed, and nobody can help that.
    with rig.new(safe=True) as found:
        yield found


def disturbed(scene: Scene, name: str, disturb: Callable[[], None]) -> Plan:
    """Have a worker drive sessions, and something happen while they run; all must be well."""
    names = [f"{name}-{number}" for number in range(AT_ONCE)]
    plan = scene.plan(*names, work=SLOW)
    pid = scene.workers.start(plan)
    until = time.monotonic() + 30
    while not all(_seen(scene, plan, each) >= 4 for each in names):
        assert time.monotonic() < until, scene.said(plan)
        time.sleep(0.01)  # another process: its files tell how far it is
    before = [_seen(scene, plan, each) for each in names]
    disturb()
    status = scene.workers.wait(pid)
    assert status == 0, (status, scene.said(plan))
    after = [_seen(scene, plan, each) for each in names]
    assert all(then < now for then, now in zip(before, after, strict=True)), "it was over already"
    scene.check(names, [plan])
    return plan


def _seen(scene: Scene, plan: Plan, name: str) -> int:
    return len((scene.left(plan, f"seen-{name}") or b"").splitlines())


@pytest.mark.load
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_postgres_is_restarted(
    server: rig.Postgres, workers: Workers, mock: MockServer, tmp_path: Path, how: str
) -> None:
    story.tell(mock)
    scene = Scene(workers, server.database(), mock.url, tmp_path)
    scene.undisturbed()

    def restart() -> None:
        getattr(server, how)()
        time.sleep(random.uniform(0, 0.5))  # how long it is away
        server.start()

    for number in range(2):
        disturbed(scene, f"{how}-{number}", restart)


def networked(server: rig.Postgres, proxy: Proxy) -> str:
    """A new database of the server, seen through the proxy."""
    name = server.database().partition("?")[0].rpartition("/")[2]
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}"


@pytest.mark.load
@pytest.mark.parametrize("how", ["cut", "hang", "hang and cut"])
def test_the_network_is_cut(
    server: rig.Postgres, workers: Workers, mock: MockServer, tmp_path: Path, how: str
) -> None:
    story.tell(mock)
    with Proxy(f"{server.folder}/.s.PGSQL.5432") as proxy:
        scene = Scene(workers, networked(server, proxy), mock.url, tmp_path)
        scene.undisturbed()

        def disturb() -> None:
            if "hang" in how:
                proxy.hang()
                time.sleep(0.5)  # as long as nothing comes through
            if "cut" in how:
                proxy.cut()
                time.sleep(0.5)  # as long as nobody gets through
            proxy.mend()

        for number in range(2):
            disturbed(scene, f"network-{number}", disturb)
        assert bool(proxy.cuts) == ("cut" in how)


class Full:
    """A store of SQLite whose disk is full from the n-th write on, until there is room again."""

    def __init__(self, store: Store, number: int) -> None:
        self.full = False
        self._store: Any = store
        self._left = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        self._left -= 1
        if not self._left:
            self.full = True
            self._pages(1)  # SQLite takes what the file has already
        await self._store.append(lease, events)

    def make_room(self) -> None:
        self._pages(1 << 30)

    def _pages(self, most: int) -> None:
        connection: sqlite3.Connection = self._store._writer._connection
        connection.execute(f"PRAGMA max_page_count={most}")


FILLING: Final = "f" * 20_000
"""So long that no page which the file has takes it."""


@pytest.mark.parametrize("numbers", [(5,), pytest.param((2, 5, 8), marks=pytest.mark.load)])
async def test_a_disk_is_full(
    request: pytest.FixtureRequest, tmp_path: Path, mock: MockServer, numbers: tuple[int, ...]
) -> None:
    story.tell(mock)
    ledger = Ledger(tmp_path / "ledger")
    tools = story.tools(ledger, Killer("", tmp_path))
    store = open_store(f"sqlite:///{tmp_path / 'sessions.db'}")
    await store.open()
    request.addfinalizer(store.close)
    for number in numbers:
        name = f"full-{number}"
        full = Full(store, number)
        with anyio.fail_after(60):
            async with (
                Runtime(base_url=mock.url, store=full, tools=tools) as runtime,
                runtime.session(name, instructions=FILLING) as session,
            ):
                said = ""
                with suppress(StoreError):
                    try:
                        while True:  # until no page has room
                            await session.ask(f"{story.PROMPT} {FILLING}")
                    except StoreError as error:
                        said = str(error)
                        raise
                assert "make room" in said, said
                assert full.full
                full.make_room()
                await session.ask(story.PROMPT)
                live = shape(session.state)
            events = await store.read(name)
            assert shape(check_events(events)) == live
            check_deeds(events, ledger)
    await store.aclose()


class Jumping:
    """A clock that jumps a day ahead, or back, each time that it is looked at."""

    def __init__(self) -> None:
        self._chance = random.Random(9)

    def time(self) -> float:
        """See `Clock.time`."""
        return time.time() + self._chance.choice((-86_400, 0, 86_400))

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await anyio.sleep(seconds)


async def test_the_clock_jumps(
    request: pytest.FixtureRequest, tmp_path: Path, mock: MockServer
) -> None:
    story.tell(mock)
    ledger = Ledger(tmp_path / "ledger")
    tools = story.tools(ledger, Killer("", tmp_path))
    store = open_store(f"sqlite:///{tmp_path / 'sessions.db'}")
    await store.open()
    request.addfinalizer(store.close)
    gold: list[Any] = []
    for name, clock in (("steady", {}), ("jumping", {"clock": Jumping()})):
        with anyio.fail_after(30):
            async with Runtime(
                base_url=mock.url,
                store=store,
                tools=tools,
                **clock,  # type: ignore[arg-type]
            ) as runtime:
                async with runtime.session(name) as session:
                    await story.to_the_end(session, ledger)
                async with runtime.resume(name) as session:
                    assert await story.to_the_end(session, ledger) is None
        events = await store.read(name)
        check_story(events, ledger)
        gold = gold or messages(check_events(events))
        assert messages(check_events(events)) == gold
    times = [event.time for event in await store.read("jumping")]
    assert times != sorted(times), "it did not jump"
    assert {each.id for each in await store.sessions()} == {"steady", "jumping"}
    await store.aclose()
