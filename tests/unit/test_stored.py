"""Does a session whose store fails lose nothing, and who hears of what, when, in which order?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from msgspec import structs

from tests.rig.mock import MockServer, Step
from tests.unit.test_resume import Ledger, runtime, stored
from tests.unit.test_turn import call
from toolrun import Runtime, StoreError, ToolOutput, UserMessage
from toolrun.journal import Journal
from toolrun.store.contract import Lease
from toolrun.store.opening import sql_store
from toolrun.store.sink import StoreSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolrun.events import Durable, Event
    from toolrun.store.store import SqlStore


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sessions.db"


class Failing:
    """A store that refuses the n-th append, and as many after it as it is told."""

    def __init__(self, store: SqlStore, at: int, times: int = 1, *, after: bool = False) -> None:
        self._store = store
        self._left = at
        self._times = times
        self._after = after
        self.appended: list[list[int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        self._left -= 1
        fails = self._left <= 0 < self._times
        if fails:
            self._times -= 1
        if not fails or self._after:
            await self._store.append(lease, events)
            self.appended.append([event.seq for event in events])
        if fails:
            raise StoreError("the disk is full")


PAYS = Step("I pay.", tool_calls=(call("pay", "a", amount=1), call("pay", "b", amount=2)))


@pytest.mark.parametrize("after", [False, True], ids=["not-stored", "stored-and-not-said"])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("at", range(2, 9, 2))
async def test_after_any_failure_of_the_store_the_turn_goes_on_and_nothing_is_lost(
    mock: MockServer,
    sqlite: str,
    at: int,
    times: int,
    after: bool,  # noqa: FBT001
) -> None:
    mock.script(PAYS, Step("So.", content="All paid."))
    ledger = Ledger()
    store = sql_store(sqlite)
    failing = Failing(store, at, times, after=after)
    async with Runtime(
        model=mock.model, base_url=mock.url, tools=ledger.tools(on_crash="key"), store=failing
    ) as shared:
        async with shared.session("s") as chat:
            with pytest.raises(StoreError, match="the disk is full"):
                await chat.ask("Pay.")
            answer = None
            while answer is None:
                with contextlib.suppress(StoreError):
                    answer = await chat.go_on()
            assert answer.status == "finished"
            seen = chat.messages()
            last = chat._journal.seq
        async with shared.resume("s") as again:
            assert again.messages() == seen
    events = await store.read("s")
    assert [event.seq for event in events] == list(range(1, last + 1))
    assert set(ledger.done) <= {"s.1.1.a", "s.1.1.b"}  # not those whose intent was not stored
    await store.aclose()


class Hearing:
    """A sink that writes down what it hears, and takes its time."""

    observes = True

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []

    def observe(self, event: Event) -> None:
        self.heard.append((event.seq, event.sub))

    async def record(self, event: Durable) -> None:
        await anyio.lowlevel.checkpoint()
        self.heard.append((event.seq, event.sub))


class Shuffling:
    """A store that wakes those who wait for one transaction in the wrong order."""

    url = "shuffling"

    def __init__(self) -> None:
        self.waiting: list[anyio.Event] = []

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        woken = anyio.Event()
        self.waiting.append(woken)
        await woken.wait()

    async def commit(self) -> None:
        waiting, self.waiting = self.waiting, []
        for each in reversed(waiting):
            each.set()
            await anyio.wait_all_tasks_blocked()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


async def test_sinks_behind_a_store_hear_in_order_and_of_nothing_before_it_is_stored() -> None:
    store, before, behind = Shuffling(), Hearing(), Hearing()
    sink = StoreSink(store, "s")
    sink.lease = Lease("s", 1, "me")
    journal = Journal("s", [before, sink, behind])
    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(journal.record, UserMessage(str(number)))
            await anyio.wait_all_tasks_blocked()
            journal.observe(ToolOutput("a", "stdout", "so"))
        every = [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
        assert (before.heard, behind.heard) == (every, [])
        await store.commit()
    assert behind.heard == every
    journal.observe(ToolOutput("a", "stdout", "at once"))
    assert behind.heard[-1] == (3, 2)


async def test_who_comes_later_hears_of_nothing_that_was_on_its_way() -> None:
    store, late = Shuffling(), Hearing()
    sink = StoreSink(store, "s")
    sink.lease = Lease("s", 1, "me")
    journal = Journal("s", [sink])
    async with anyio.create_task_group() as group:
        group.start_soon(journal.record, UserMessage("before"))
        await anyio.wait_all_tasks_blocked()
        journal.add(late)
        group.start_soon(journal.record, UserMessage("after"))
        await anyio.wait_all_tasks_blocked()
        await store.commit()
    assert late.heard == [(2, 0)]


async def test_a_session_that_fails_to_open_leaves_its_name_free_or_resumable(
    mock: MockServer, sqlite: str
) -> None:
    store = sql_store(sqlite)
    failing = Failing(store, 1, 2)
    mock.script(Step(content="Hello."))
    async with Runtime(model=mock.model, base_url=mock.url, store=failing) as shared:
        with pytest.raises(StoreError):
            async with shared.session("s"):
                pass
        async with shared.resume("s") as chat:
            assert (await chat.ask("Hello?")).text == "Hello."
    await store.aclose()


async def test_a_session_that_nobody_closed_is_given_back(mock: MockServer, sqlite: str) -> None:
    import gc

    async with runtime(mock, sqlite, []) as shared:

        async def opened() -> None:
            await shared.session("s").__aenter__()

        async def collected() -> None:
            await opened()
            gc.collect()

        with pytest.warns(ResourceWarning, match="never closed"):
            await collected()
        async with shared.resume("s", wait=20) as chat:
            assert chat.id == "s"
    assert structs.asdict((await stored(sqlite, "s"))[0])["seq"] == 1
