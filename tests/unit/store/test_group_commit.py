"""Do sessions that write at once share transactions?"""

from __future__ import annotations

import anyio

from tests.unit.store.stories import kept, opened, opening, placed, said
from toolrun import events as ev
from toolrun.errors import LeaseLost, StoreError

SESSIONS = 200
ROUNDS = 3


async def test_two_hundred_sessions_need_few_transactions(url: str) -> None:
    async with opened(url) as store:
        leases = [await store.create(f"s{number}") for number in range(SESSIONS)]
        before = store.transactions

        async def live(number: int) -> None:
            for each in range(ROUNDS):
                await store.append(leases[number], said(f"s{number}", 1, after=each))

        async with anyio.create_task_group() as group:
            for number in range(SESSIONS):
                group.start_soon(live, number)

        # All wait at once, while the one before is written: a few for each round.
        assert store.transactions - before < SESSIONS * ROUNDS / 10
        for number in (0, SESSIONS // 2, SESSIONS - 1):
            assert await store.read(f"s{number}") == said(f"s{number}", ROUNDS)
        infos = await store.sessions()
        assert {info.seq for info in infos} == {ROUNDS}


async def test_what_fails_for_one_fails_for_no_other(url: str) -> None:
    async with opened(url) as store, opened(url) as other:
        leases = [await kept(store, f"s{number}") for number in range(4)]
        # The first is another's by now, the second gives what cannot be, the third a second time.
        from tests.unit.store.stories import raw

        with raw(url) as run:
            run("UPDATE leases SET until = 0 WHERE session = 's0'")
        await other.acquire("s0")
        failed: dict[int, BaseException] = {}

        async def give(number: int, events: list[ev.Durable]) -> None:
            try:
                await store.append(leases[number], events)
            except (LeaseLost, StoreError) as error:
                failed[number] = error

        async with anyio.create_task_group() as group:
            group.start_soon(give, 0, said("s0", 1, after=2))
            group.start_soon(give, 1, said("s1", 1, after=7))
            group.start_soon(give, 2, [*opening("s2"), *said("s2", 1, after=2)])
            group.start_soon(give, 3, placed("s3", [ev.TurnFinished(status="failed")], after=2))

        assert {number: type(error) for number, error in failed.items()} == {
            0: LeaseLost,
            1: StoreError,
        }
        assert [len(await store.read(f"s{number}")) for number in range(4)] == [2, 2, 3, 3]
