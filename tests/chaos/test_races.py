"""Does one process alone drive a session: where two race for it, one is overtaken, one wakes up?"""

from __future__ import annotations

import os
import signal
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest

from tests.chaos import story
from tests.chaos.checks import check_story, messages
from tests.chaos.database import FREE, RUN_OUT, STOLEN, change
from tests.chaos.killing import Killer
from tests.chaos.ledger import Ledger
from tests.chaos.races import race
from toolrun import LeaseLost, Runtime
from toolrun.state import fold
from toolrun.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.scene import Scene
    from tests.rig.mock import MockServer
    from toolrun.events import Durable
    from toolrun.store.contract import Lease, Store

pytestmark = pytest.mark.timeout(600)
"""The long ones on a busy machine; each case in them has a time of its own."""

ASLEEP: Final = (
    "append:4",
    "appended:4",
    "intent:1",
    "deed:1",
    "append:5",
    "appended:5",
    "append:6",
    "appended:6",
)
"""Places where a worker is stopped: none of them while a tool runs that may not run again."""


def test_two_resumers_race(scene: Scene, tmp_path: Path) -> None:
    assert race(scene, tmp_path, 3)["won"] == 3


@pytest.mark.load
def test_two_resumers_race_a_hundred_times(scene: Scene, tmp_path: Path) -> None:
    came = race(scene, tmp_path, 100)
    assert came["won"] == 100
    assert came["busy"] > 20, "they were never there at once"


def wake_a_zombie(scene: Scene, place: str) -> None:
    """Stop a worker at a place, let its lease run out, let another finish, wake it up."""
    name = f"zombie-{place.replace(':', '-')}"
    zombie = scene.plan(name, kill=place, stops=True)
    pid = scene.workers.start(zombie)
    until = time.monotonic() + 30
    while not _is_stopped(pid):
        assert time.monotonic() < until, (place, scene.said(zombie))
        time.sleep(0.005)  # another process: nothing tells that it is stopped
    assert scene.left(zombie, "killed") == f"{place}\n".encode()
    assert change(scene.url, RUN_OUT, name) == 1
    other = scene.plan(name)
    scene.ends(other)
    before = scene.read([name])

    os.kill(pid, signal.SIGCONT)

    assert scene.workers.wait(pid) == 1
    assert "LeaseLost" in scene.said(zombie)
    assert scene.read([name]) == before, "the zombie wrote"
    scene.check([name], [other])


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_zombie_writes_nothing(scene: Scene) -> None:
    wake_a_zombie(scene, "appended:6")


@pytest.mark.load
def test_a_zombie_writes_nothing_wherever_it_slept(scene: Scene) -> None:
    for place in ASLEEP:
        wake_a_zombie(scene, place)


class Robbed:
    """A store whose lease is stolen just before the n-th write."""

    def __init__(self, store: Store, url: str, number: int) -> None:
        self._store = store
        self._url = url
        self._left = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        self._left -= 1
        if not self._left:
            assert change(self._url, STOLEN, lease.session) == 1
        await self._store.append(lease, events)


async def steal(
    url: str, mock: MockServer, folder: Path, numbers: Sequence[int], gold: list[dict[str, Any]]
) -> None:
    """Steal the lease before some writes; who was robbed stops, whoever comes next finishes."""
    ledger, killer = Ledger(folder / "ledger"), Killer("", folder)
    tools = story.tools(ledger, killer)
    store = open_store(url)
    await store.open()
    for number in numbers:
        name = f"robbed-{number}"
        with anyio.fail_after(30):
            async with Runtime(
                base_url=mock.url, store=Robbed(store, url, number), tools=tools
            ) as runtime:
                session = await runtime.session(name).__aenter__()
                async with aclosing(session):
                    with pytest.raises(LeaseLost):
                        await story.to_the_end(session, ledger)
                    left = await store.read(name)
                    assert len(left) < number, "it wrote without a lease"
                    for again in (session.ask("more"), session.go_on(), session.undo()):
                        with pytest.raises(LeaseLost):
                            await again
            assert await store.read(name) == left
            assert change(url, FREE, name) == 1
            async with (
                Runtime(base_url=mock.url, store=store, tools=tools) as runtime,
                runtime.resume(name) as session,
            ):
                await story.to_the_end(session, ledger)
            events = await store.read(name)
            check_story(events, ledger)
            assert messages(fold(events)) == gold
    await store.aclose()


@pytest.mark.parametrize("numbers", [(4, 9), pytest.param(range(2, 22), marks=pytest.mark.load)])
def test_a_lease_is_stolen(
    scene: Scene, mock: MockServer, tmp_path: Path, numbers: Sequence[int], anyio_backend: str
) -> None:
    _, gold = scene.undisturbed()
    anyio.run(steal, scene.url, mock, tmp_path, numbers, gold, backend=anyio_backend)
