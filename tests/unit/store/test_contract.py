"""Does a store keep what it promises, on both databases?"""

from __future__ import annotations

import os
from socket import gethostname
from typing import get_args

import anyio
import pytest

from tests.unit.store.stories import (
    BEGUN,
    EVERY_KIND,
    kept,
    opened,
    opening,
    placed,
    raw,
    said,
)
from toolrun import events as ev
from toolrun.errors import ConfigError, LeaseLost, SessionBusy, StoreError
from toolrun.events import AnyEvent
from toolrun.store import writer
from toolrun.store.batch import Append
from toolrun.store.contract import Glimpse, Query, Store
from toolrun.store.opening import sql_store
from toolrun.values import Usage


def test_every_durable_event_is_among_those_that_are_tested() -> None:
    durable = {kind for kind in get_args(AnyEvent) if issubclass(kind, ev.Durable)}

    assert {type(event) for event in EVERY_KIND} == durable


async def test_events_come_back_as_they_were(url: str) -> None:
    events = placed("s", EVERY_KIND)
    async with opened(url) as store:
        lease = await store.create("s", "acme")
        for event in events[:4]:
            await store.append(lease, [event])
        await store.append(lease, events[4:])

        assert await store.read("s") == events
        assert await store.read("s", "acme", after=5) == events[5:]
        assert lease.stored == len(events)
    async with opened(url) as again:
        assert await again.read("s") == events


async def test_a_store_is_what_the_contract_says(url: str) -> None:
    store: Store = sql_store(url)

    await store.open()
    await store.open()
    await store.aclose()
    await store.aclose()
    store.close()


async def test_the_same_events_may_be_given_again(url: str) -> None:
    async with opened(url) as store:
        lease = await kept(store, "s")
        events = [*opening("s"), *said("s", 3, after=2)]
        await store.append(lease, events[2:4])

        await store.append(lease, events[2:4])
        await store.append(lease, events)
        await store.append(lease, events[:3])

        assert await store.read("s") == events
        assert (await store.sessions())[0].seq == 5


async def test_another_event_in_the_place_of_one_is_refused(url: str) -> None:
    async with opened(url) as store:
        lease = await kept(store, "s")

        with pytest.raises(LeaseLost, match="'s'"):
            await store.append(lease, placed("s", [ev.UserMessage(content="Other")], after=1))

        assert await store.read("s") == opening("s")


async def test_a_gap_is_refused(url: str) -> None:
    async with opened(url) as store:
        lease = await kept(store, "s")

        with pytest.raises(StoreError, match=r"event 4 .* where event 3 is due"):
            await store.append(lease, said("s", 1, after=3))
        with pytest.raises(StoreError, match="of session 'other'"):
            await store.append(lease, said("other", 1, after=2))

        await store.append(lease, said("s", 1, after=2))
        assert len(await store.read("s")) == 3


async def test_a_name_is_given_once(url: str) -> None:
    async with opened(url) as store:
        await store.create("s")

        with pytest.raises(ConfigError, match="'s' already"):
            await store.create("s")


async def test_who_holds_a_session_holds_it_alone(url: str) -> None:
    async with opened(url) as store, opened(url) as other:
        lease = await kept(store, "s", "acme")

        with pytest.raises(SessionBusy, match=r"held by process \d+ on .* another (29|30) s"):
            await other.acquire("s")
        with pytest.raises(SessionBusy):
            await store.acquire("s")
        with pytest.raises(SessionBusy):
            await other.delete("s")
        await store.release(lease)
        taken = await other.acquire("s", "acme")

        assert taken.token > lease.token
        assert taken.stored == 2
        assert (await store.sessions())[0].holder == f"process {os.getpid()} on {gethostname()}"


async def test_an_old_lease_writes_nothing(url: str) -> None:
    async with opened(url) as store, opened(url) as other:
        old = await kept(store, "s")
        with raw(url) as run:
            run("UPDATE leases SET until = 0 WHERE session = ?", "s")
        new = await other.acquire("s")

        with pytest.raises(LeaseLost):
            await store.append(old, said("s", 1, after=2))
        assert old.lost
        await other.append(new, said("s", 1, after=2))
        with pytest.raises(LeaseLost):
            await store.append(old, said("s", 1, after=3))
        await store.release(old)  # gives nothing back that is not its own
        await other.append(new, said("s", 1, after=3))

        assert await other.read("s") == [*opening("s"), *said("s", 2, after=2)]


async def test_a_lease_of_a_session_that_was_deleted_writes_nothing_into_the_next(url: str) -> None:
    async with opened(url) as store, opened(url) as other:
        old = await kept(store, "s")
        with raw(url) as run:
            run("UPDATE leases SET until = 0 WHERE session = ?", "s")
        await other.delete("s")
        new = await other.create("s")

        with pytest.raises(LeaseLost):
            await store.append(old, said("s", 1, after=2))
        assert await other.read("s") == []
        assert new.stored == 0


async def test_another_tenants_session_is_unknown(url: str) -> None:
    async with opened(url) as store:
        await store.release(await kept(store, "s", "acme"))
        await kept(store, "held", "acme")
        for session in ("s", "held", "nowhere"):
            for refused in (store.read, store.acquire, store.delete, store.request_cancel):
                with pytest.raises(ConfigError, match=f"no session '{session}' in the store"):
                    await refused(session, "other")

        assert len(await store.read("s", "acme")) == 2


@pytest.mark.parametrize("session", ["s\0", "\ud800", "s\n"])
async def test_a_name_that_no_session_can_have_is_unknown(url: str, session: str) -> None:
    async with opened(url) as store:
        for refused in (store.read, store.acquire, store.delete, store.request_cancel):
            with pytest.raises(ConfigError, match=r"no session '.*' in the store"):
                await refused(session)


async def test_a_closed_store_says_so(url: str) -> None:
    store = sql_store(url)
    with pytest.raises(StoreError, match="is not open"):
        await store.create("s")
    await store.open()
    lease = await kept(store, "s")
    await store.aclose()
    with pytest.raises(StoreError, match="is not open"):
        await store.append(lease, said("s", 1, after=2))

    await store.open()
    await store.acquire("s")  # it was given back
    store.close()


async def test_what_comes_after_the_end_of_the_thread_is_refused_not_kept_waiting(url: str) -> None:
    store = sql_store(url)
    await store.open()
    lease = await kept(store, "s")
    thread = store._writer
    assert thread is not None
    await store.aclose()
    late = Append(lease, said("s", 1, after=2))  # type: ignore[arg-type]
    thread.submit(late)

    with anyio.fail_after(5), pytest.raises(StoreError, match="was closed meanwhile"):
        await late.wait()


async def test_who_stops_waiting_for_a_lease_does_not_keep_it(url: str) -> None:
    async with opened(url) as store, opened(url) as other:
        await store.release(await kept(store, "s"))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await store.acquire("s")
        await store.open()
        await store.request_cancel("s")  # whatever was asked for before is done when this is

        await other.acquire("s")


async def test_what_is_asked_of_a_driver_reaches_it_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BEAT", 0.05)
    async with opened(url) as store, opened(url) as other:
        lease = await kept(store, "s", "acme")
        told = anyio.Event()
        store.on_cancel(lease, told.set)

        assert await other.request_cancel("s", "acme")
        with anyio.fail_after(10):
            await told.wait()
        assert lease.cancelled

        lease.cancelled = False
        again = anyio.Event()
        store.on_cancel(lease, again.set)
        with anyio.move_on_after(0.3):  # some looks later nobody has asked again
            await again.wait()
        assert not again.is_set()
        await store.release(lease)
        assert not await other.request_cancel("s", "acme")


async def test_sessions_are_listed_by_what_is_asked_for(url: str) -> None:
    async with opened(url) as store:
        for number, (name, tenant, text) in enumerate(
            [
                ("one", "acme", "How WARM is Tromsø?"),
                ("two", "acme", "100% sure_"),
                ("three", "other", 'a "quoted"\n\n word'),
            ]
        ):
            lease = await kept(store, name, tenant, text)
            done = placed(name, [ev.TurnFinished(status="parked")], after=2 + number)
            await store.append(lease, [*said(name, number, after=2), *done])
            if name != "three":
                await store.release(lease)

        async def names(query: Query) -> list[str]:
            return [info.id for info in await store.sessions(query)]

        assert await names(Query()) == ["three", "two", "one"]
        assert await names(Query(limit=1, offset=1)) == ["two"]
        assert await names(Query(tenant="acme")) == ["two", "one"]
        assert await names(Query(status=("running",))) == []
        assert await names(Query(status=("running", "parked"), text="TROMSØ")) == ["one"]
        assert await names(Query(text="0% sure_")) == ["two"]
        assert await names(Query(text="0%_sure")) == []
        assert await names(Query(text="message 3")) == ["three", "two"]
        assert await names(Query(text="THREE")) == ["three"]
        assert await names(Query(before=BEGUN + 4)) == ["one"]
        assert await names(Query(after=BEGUN + 4)) == ["three"]
        newest = (await store.sessions())[0]
        assert (newest.title, newest.turns, newest.seq) == ('a "quoted" word', 3, 5)
        assert (newest.created, newest.updated) == (BEGUN + 1, BEGUN + 5)
        assert newest.holder is not None
        assert newest.holder.startswith("process ")


async def test_the_status_is_that_of_the_last_turn(url: str) -> None:
    async with opened(url) as store:
        lease = await store.create("s")

        async def status_after(*events: ev.Durable) -> tuple[str, int]:
            await store.append(lease, placed("s", events, after=lease.stored))
            (info,) = await store.sessions()
            return info.status, info.turns

        (info,) = await store.sessions()
        assert (info.status, info.turns, info.title) == ("new", 0, "")
        assert await status_after(EVERY_KIND[0]) == ("new", 0)
        assert await status_after(ev.UserMessage(content="x" * 200)) == ("running", 1)
        assert await status_after(ev.TurnFinished(status="parked")) == ("parked", 1)
        assert await status_after(EVERY_KIND[5]) == ("running", 1)
        assert await status_after(ev.TurnFinished(status="finished")) == ("finished", 1)
        assert await status_after(ev.TurnUndone()) == ("new", 0)
        (info,) = await store.sessions()
        assert info.title == "x" * 79 + "…"


async def test_the_title_is_what_a_session_was_called_last(url: str) -> None:
    async with opened(url) as store:
        lease = await store.create("s")
        called = ev.SessionOpened(version="1", date="2026-01-01", settings={"title": "One\n two"})

        async def title_after(*events: ev.Durable) -> str:
            await store.append(lease, placed("s", events, after=lease.stored))
            (info,) = await store.sessions()
            return info.title

        assert await title_after(called) == "One two"
        assert await title_after(ev.UserMessage(content="Hello")) == "One two"
        assert await title_after(ev.SettingsChanged(settings={"title": "Ünvoices"})) == "Ünvoices"
        assert await title_after(ev.SettingsChanged(settings={"effort": "low"})) == "Ünvoices"
        assert [info.id for info in await store.sessions(Query(text="ünvoices"))] == ["s"]
        await store.rebuild()
        (info,) = await store.sessions()
        assert info.title == "Ünvoices"


async def test_a_glimpse_shows_folder_and_tokens(url: str) -> None:
    async with opened(url) as store:
        begun = ev.SessionOpened(version="1", date="2026-01-01", settings={"folder": "/home/ada"})
        said = ev.AssistantMessage(content="Hi.", usage=Usage(70, 5))
        rests = [begun, ev.UserMessage(content="Hello"), said, ev.TurnFinished(status="finished")]
        for name, events in (("rests", placed("rests", rests)), ("plain", opening("plain"))):
            await store.append(await store.create(name), events)
        found = await store.glimpses(["rests", "plain", "none"])
        assert found == {"rests": Glimpse("/home/ada", 75), "plain": Glimpse()}


async def test_a_deleted_session_leaves_nothing(url: str) -> None:
    async with opened(url) as store:
        large = ev.FileChanged(
            call_id="c", path="a", change="deleted", before=b"x" * 20_000, before_size=20_000
        )
        for name in ("s", "other"):
            lease = await kept(store, name)
            await store.append(lease, placed(name, [large], after=2))
            await store.release(lease)

        await store.delete("s")

        with pytest.raises(ConfigError):
            await store.read("s")
        assert len(await store.read("other")) == 3
    with raw(url) as run:
        for table, column in (
            ("events", "session"),
            ("blobs", "session"),
            ("said", "session"),
            ("leases", "session"),
            ("sessions", "id"),
        ):
            (count,) = run(f"SELECT count(*) FROM {table} WHERE {column} = ?", "s").fetchone()
            assert count == 0, table
            (count,) = run(f"SELECT count(*) FROM {table} WHERE {column} = ?", "other").fetchone()
            assert count > 0, table


async def test_old_sessions_are_purged_but_those_in_use(url: str) -> None:
    async with opened(url) as store:
        for number in range(5):
            lease = await kept(store, f"s{number}")
            if number:
                await store.append(lease, said(f"s{number}", number, after=2))
            if number != 1:
                await store.release(lease)

        removed = await store.purge(Query(before=BEGUN + 5, limit=1))

        assert removed == 2
        assert [info.id for info in await store.sessions()] == ["s4", "s3", "s1"]


async def test_large_contents_stand_apart_and_come_back(url: str) -> None:
    content = bytes(range(256)) * 100
    digest = "9e" * 32
    change = ev.FileChanged(
        call_id="c",
        path="a.bin",
        change="modified",
        before=content,
        before_digest=digest,
        before_size=len(content),
    )
    async with opened(url) as store:
        lease = await store.create("s")
        await store.append(lease, placed("s", [change, change]))
        read = await store.read("s")

        assert [event.before for event in read if isinstance(event, ev.FileChanged)] == [
            content
        ] * 2
        await store.append(lease, placed("s", [change, change]))
    with raw(url) as run:
        assert run("SELECT count(*) FROM blobs").fetchone() == (1,)
        (size,) = run("SELECT max(length(body)) FROM events").fetchone()
        assert size < 1000


async def test_half_a_character_costs_no_session(url: str) -> None:
    async with opened(url) as store:
        lease = await store.create("s")
        await store.append(lease, placed("s", [ev.UserMessage(content="a \ud800 b")]))

        (event,) = await store.read("s")
        assert isinstance(event, ev.UserMessage)
        assert event.content == "a ? b"


async def test_loops_of_several_threads_share_a_store(url: str) -> None:
    async with opened(url) as store:
        failed: list[BaseException] = []

        async def live(name: str) -> None:
            lease = await kept(store, name)
            for each in range(10):
                await store.append(lease, said(name, 1, after=2 + each))
            assert len(await store.read(name)) == 12
            await store.release(lease)

        def run(name: str, backend: str) -> None:
            try:
                anyio.run(live, name, backend=backend)
            except BaseException as error:  # noqa: BLE001 - shown below
                failed.append(error)

        async with anyio.create_task_group() as group:
            for name, backend in (("a", "asyncio"), ("b", "trio"), ("c", "asyncio")):
                group.start_soon(anyio.to_thread.run_sync, run, name, backend)
            await live("d")

        assert failed == []
        assert len(await store.sessions()) == 4
