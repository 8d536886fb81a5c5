"""Is damage found, named, and kept to the session that it is in?"""

from __future__ import annotations

import pytest

from tests.unit.store.stories import kept, opened, opening, placed, raw, said
from toolrun import events as ev
from toolrun.errors import StoreError
from toolrun.store.contract import Query

CHANGE = ev.FileChanged(
    call_id="c", path="a.bin", change="deleted", before=b"x" * 20_000, before_size=20_000
)


@pytest.mark.parametrize(
    ("damage", "seq"),
    [
        ("UPDATE events SET body = replace(body, 'message 4', 'message X') WHERE seq = 4", 4),
        ("UPDATE events SET body = '{\"type\"' WHERE seq = 4", 4),
        ("UPDATE events SET checksum = '' WHERE seq = 3", 3),
        ("UPDATE events SET type = 'AssistantMessage' WHERE seq = 2", 2),
        ("UPDATE events SET seq = 9 WHERE seq = 3", 3),
        ("DELETE FROM events WHERE seq = 1", 1),
        ("DELETE FROM events WHERE seq = 4", 4),
        ("DELETE FROM events WHERE seq >= 5", 5),
        ("DELETE FROM blobs", 6),
    ],
)
async def test_damage_is_named_and_what_is_whole_is_read(url: str, damage: str, seq: int) -> None:
    events = [*opening("s"), *said("s", 3, after=2), *placed("s", [CHANGE], after=5)]
    async with opened(url) as store:
        lease = await store.create("s")
        await store.append(lease, events)
        with raw(url) as run:
            run(damage)
        await kept(store, "other")

        with pytest.raises(StoreError, match=rf"'s' is damaged: its event {seq} .*salvage"):
            await store.read("s")
        whole, error = await store.salvage("s")

        assert whole == events[: seq - 1]
        assert f"its event {seq} " in str(error)
        assert await store.read("other") == opening("other")
        assert len(await store.sessions(Query(text="message"))) == 1


async def test_an_event_of_another_session_is_found(url: str) -> None:
    async with opened(url) as store:
        await kept(store, "s", text="mine")
        await kept(store, "other", text="theirs")
        with raw(url) as run:
            body, checksum = run(
                "SELECT body, checksum FROM events WHERE session = 'other' AND seq = 2"
            ).fetchone()
            run(
                "UPDATE events SET body = ?, checksum = ? WHERE session = 's' AND seq = 2",
                body,
                checksum,
            )

        with pytest.raises(StoreError, match="its event 2"):
            await store.read("s")


async def test_an_event_of_a_later_toolrun_is_named(url: str) -> None:
    from toolrun.store.rows import checksum_of

    body = '{"type":"Unheard","session":"s","seq":3}'
    async with opened(url) as store:
        await kept(store, "s")
        with raw(url) as run:
            run(
                "INSERT INTO events (session, seq, type, body, checksum) VALUES (?, ?, ?, ?, ?)",
                *("s", 3, "Unheard", body, checksum_of("s", 3, "Unheard", body)),
            )

        with pytest.raises(StoreError, match="its event 3 is none that this toolrun knows"):
            await store.read("s")


async def test_lists_are_made_anew_from_the_events(url: str) -> None:
    async with opened(url) as store:
        for name in ("a", "b"):
            lease = await kept(store, name, "acme", f"Hello from {name}")
            done = placed(name, [ev.TurnFinished(status="parked")], after=2)
            await store.append(lease, done)
            await store.release(lease)
        before = await store.sessions()
        with raw(url) as run:
            run("DELETE FROM said")
            run("DELETE FROM sessions WHERE id = 'a'")
            run("UPDATE sessions SET status = 'failed', seq = 77, tenant = NULL")
        assert await store.sessions() != before

        assert await store.rebuild() == 2

        assert await store.sessions() == before
        assert [info.id for info in await store.sessions(Query(text="from B"))] == ["b"]
        await store.acquire("a", "acme")


async def test_lists_of_damaged_sessions_are_made_of_what_is_whole(url: str) -> None:
    async with opened(url) as store:
        await kept(store, "s")
        with raw(url) as run:
            run("UPDATE events SET checksum = '' WHERE seq = 2")

        await store.rebuild()

        (info,) = await store.sessions()
        assert (info.title, info.seq) == ("", 2)
        with pytest.raises(StoreError, match="its event 2"):
            await store.read("s")
