"""Does one session of the example service, or one tenant, leave the others alone?

In this process, with a real store; whole workers: `test_service.py`.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from agent_service.approvals import list_all
from agent_service.failures import Failure
from agent_service.follow import Follower
from agent_service.places import START, read_place
from agent_service.sessions import list_all as list_sessions
from agent_service.settings import Settings
from agent_service.sockets import _Line
from agent_service.takeover import TakeOver
from agent_service.watch import Watch
from agent_service.work import Work
from fastapi import WebSocketDisconnect
from msgspec import structs

from toolrun import Runtime, SessionBusy, TurnFinished, UserMessage, tool
from toolrun.store.contract import Query
from toolrun.store.opening import sql_store
from toolrun.testing import ScriptedModel, call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from toolrun.store.store import SqlStore
    from toolrun.stream import EventStream


@tool(trusted=True, approve=True)
async def refund(order: str) -> str:
    """Pay money back."""
    return f"paid {order}"


class Parts:
    """A worker without its HTTP."""

    def __init__(self, runtime: Runtime, store: SqlStore, group: Any) -> None:
        self.runtime, self.store = runtime, store
        self.work = Work(runtime, Settings(), Watch(store, 1), group)


@asynccontextmanager
async def worker(file: Path, *said: Any) -> AsyncIterator[Parts]:
    store = sql_store(f"sqlite:///{file}")
    await store.open()
    model = ScriptedModel(*said)
    try:
        async with (
            Runtime(model=model, tools=[refund], store=store) as runtime,
            anyio.create_task_group() as group,
        ):
            yield Parts(runtime, store, group)
            group.cancel_scope.cancel()
    finally:
        await store.aclose()


async def parked(parts: Parts, name: str, tenant: str = "acme") -> None:
    async with parts.runtime.session(name, tenant=tenant) as session:
        assert (await session.ask("Go.")).status == "parked"


async def left_behind(parts: Parts, name: str) -> None:
    """A session whose worker drained: its turn is parked, and nothing waits for a person."""
    async with parts.runtime.session(name, tenant="acme"):
        pass
    lease = await parts.store.acquire(name)
    (seq,) = [info.seq for info in await parts.store.sessions(Query(text=name))]
    events = [
        structs.replace(each, session=name, seq=seq + at, time=time.time())
        for at, each in enumerate((UserMessage("Go."), TurnFinished("parked")), 1)
    ]
    await parts.store.append(lease, events)
    await parts.store.release(lease)


def damage(file: Path, session: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE events SET body = '{}' WHERE session = ?", (session,))
    connection.close()


async def test_a_damaged_session_keeps_no_other_from_being_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "agents.db"
    async with worker(file, "Done.") as parts:
        await left_behind(parts, "whole")
        await left_behind(parts, "damaged")  # the newest: it is looked at first
        damage(file, "damaged")
        take_over = TakeOver(parts.store, parts.work, 1)
        for _ in range(5):
            await take_over._look()
        with anyio.fail_after(20):
            # Its turn runs in a task of the worker, which nobody here can wait for.
            while not await parts.store.sessions(Query(status=("finished",))):  # noqa: ASYNC110
                await anyio.sleep(0.02)
        assert take_over.count == 1


async def test_what_breaks_where_one_is_taken_over_does_not_end_the_worker(tmp_path: Path) -> None:
    async with worker(tmp_path / "agents.db") as parts:
        await left_behind(parts, "one")

        async def broken(*_: Any) -> None:
            raise OSError("the workspace is gone")

        take_over = TakeOver(parts.store, cast("Any", parts.work), 1)
        parts.work.go_on = broken  # type: ignore[method-assign,assignment]
        for _ in range(5):
            await take_over._look()
        assert take_over.count == 0


async def test_a_damaged_session_hides_no_others_approvals(tmp_path: Path) -> None:
    file = tmp_path / "agents.db"
    async with worker(
        file, call("refund", {"order": "1"}), call("refund", {"order": "2"})
    ) as parts:
        await parked(parts, "whole")
        await parked(parts, "damaged")
        damage(file, "damaged")
        found = await list_all(cast("Any", parts), "acme")
        assert [each["session"] for each in found["approvals"]] == ["whole"]
        # An offset that no database can count to is none that ends in an error either.
        assert await list_sessions(cast("Any", parts), "acme", offset=10**30) == {"sessions": []}


@pytest.mark.parametrize("place", ["2147483648", "999999999999999.1.9f3a01bc"])
def test_a_place_that_no_database_can_count_to_is_none(place: str) -> None:
    with pytest.raises(Failure) as failed:
        read_place(place)
    assert failed.value.status == 400


async def test_a_tenant_does_not_learn_that_anothers_session_is_busy(tmp_path: Path) -> None:
    async with worker(tmp_path / "agents.db", call("refund", {"order": "1"})) as parts:
        await parked(parts, "one")
        begun, go = anyio.Event(), anyio.Event()

        async def begin(_: Any) -> EventStream | None:
            begun.set()
            await go.wait()
            return None

        async def ask(tenant: str) -> None:
            await parts.work._start("one", tenant, begin)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, "acme")
            await begun.wait()
            with pytest.raises(SessionBusy):
                await ask("acme")
            with pytest.raises(Failure) as starting:
                await ask("globex")
            go.set()
        parts.work.lives["one"] = cast("Any", type("Live", (), {"tenant": "acme", "ended": False}))
        with pytest.raises(Failure) as running:
            await ask("globex")
        with pytest.raises(Failure) as none:
            await parts.work._start("none", "globex", begin)
        assert starting.value.body() == running.value.body() == none.value.body()


async def test_a_session_that_cannot_be_let_go_of_does_not_end_the_worker(tmp_path: Path) -> None:
    async with worker(tmp_path / "agents.db", call("refund", {"order": "1"})) as parts:
        await parked(parts, "one")

        async def begin(session: Any) -> EventStream | None:
            close = session.aclose

            async def broken() -> None:
                await close()
                raise OSError("the disk is gone")

            session.aclose = broken
            return None

        assert await parts.work._start("one", "acme", begin) is None
        await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize(
    "error", [WebSocketDisconnect(1006), TimeoutError(), RuntimeError("closed")]
)
async def test_a_client_that_vanishes_while_it_is_told_is_no_fault(
    tmp_path: Path, error: Exception
) -> None:
    class Vanished:
        async def receive_text(self) -> str:
            await anyio.sleep_forever()
            raise AssertionError

        async def send_text(self, _: str) -> None:
            raise error

    async with worker(tmp_path / "agents.db", call("refund", {"order": "1"})) as parts:
        await parked(parts, "one")
        service = cast("Any", SimpleNamespace(settings=Settings(), work=parts.work))
        follower = Follower(parts.store, parts.work, "one", "acme", START)
        await _Line(cast("Any", Vanished()), service, "one", "acme").run(follower)
