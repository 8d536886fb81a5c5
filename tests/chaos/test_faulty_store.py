"""Is anything lost, or done twice, where a write to the store fails, tears, or is not heard of?"""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.chaos import story
from tests.chaos.checks import check_deeds, check_events, check_story, messages, shape
from tests.chaos.faulty import WAYS, Faulty, Way
from tests.chaos.killing import Killer
from tests.chaos.ledger import Ledger
from toolrun import Runtime, StoreError
from toolrun.store.opening import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer
    from toolrun import Session
    from toolrun.events import Durable
    from toolrun.store.contract import Store

pytestmark = pytest.mark.timeout(600)
"""The long ones on a busy machine; each case in them has a time of its own."""

WRITES = 21
"""How many an undisturbed session makes."""
SOME = (2, 4, 13)
CASE_S = 30.0
"""Seconds after which a case hangs."""


class Case:
    """A session whose n-th write goes wrong in some way."""

    def __init__(self, folder: Path, mock: MockServer, store: Store) -> None:
        self.ledger = Ledger(folder / "ledger")
        self.store = store
        self._killer = Killer("", folder)
        self._url = mock.url

    def runtime(self, store: Store) -> Runtime:
        tools = story.tools(self.ledger, self._killer)
        return Runtime(base_url=self._url, store=store, tools=tools)

    async def events(self, session: str) -> list[Durable]:
        return await self.store.read(session)

    async def fails_once(self, name: str, way: Way, number: int) -> Faulty:
        """The session itself goes on, as often as it must."""
        faulty = Faulty(self.store, way, number)
        async with self.runtime(faulty) as runtime, runtime.session(name) as session:
            await self._go_on(session)
            live = shape(session.state)
        events = await self.events(name)
        check_deeds(events, self.ledger)
        if number == WRITES and way == "tears":  # its end was to be stored at its close, and tore
            assert check_events(events).running
        else:
            assert live == shape(check_events(events)), "what was seen live is not what is stored"
        return faulty

    async def fails_for_good(self, name: str, way: Way, number: int) -> Faulty:
        """The process ends with what it could store; another goes on."""
        faulty = Faulty(self.store, way, number, for_good=True)
        async with self.runtime(faulty) as runtime:
            with suppress(StoreError):
                async with runtime.session(name) as session:
                    await story.to_the_end(session, self.ledger)
        async with (
            self.runtime(self.store) as runtime,
            aclosing(await story.begun(runtime, name)) as resumed,
        ):
            await story.to_the_end(resumed, self.ledger)
            live = shape(resumed.state)
        events = await self.events(name)
        check_story(events, self.ledger)
        assert live == shape(check_events(events))
        return faulty

    async def _go_on(self, session: Session) -> None:
        for _ in range(5):
            with suppress(StoreError):
                await story.to_the_end(session, self.ledger)
                return
        raise AssertionError("it fails again and again")


async def run_cases(
    folder: Path, mock: MockServer, way: Way, numbers: range | tuple[int, ...]
) -> None:
    story.tell(mock)
    store = open_store(f"sqlite:///{folder / 'sessions.db'}")
    await store.open()
    case = Case(folder, mock, store)
    try:
        with anyio.fail_after(CASE_S):
            faulty = await case.fails_once("gold", way, 1000)
        gold = messages(check_events(await case.events("gold")))
        assert (faulty.writes, faulty.faults) == (WRITES, 0)
        for number in numbers:
            with anyio.fail_after(CASE_S):
                name = f"once-{number}"
                if number > 1:  # the first opens the session: there is none to go on with
                    faulty = await case.fails_once(name, way, number)
                    assert faulty.faults == (1 if way != "tears" else 2), name
                name = f"good-{number}"
                faulty = await case.fails_for_good(name, way, number)
                assert faulty.faults >= 1, name
                assert messages(check_events(await case.events(name))) == gold, name
    finally:
        await store.aclose()


@pytest.mark.parametrize("way", WAYS)
async def test_some_writes_go_wrong(tmp_path: Path, mock: MockServer, way: Way) -> None:
    await run_cases(tmp_path, mock, way, SOME)


@pytest.mark.load
@pytest.mark.parametrize("way", WAYS)
async def test_each_write_goes_wrong(tmp_path: Path, mock: MockServer, way: Way) -> None:
    await run_cases(tmp_path, mock, way, range(1, WRITES + 1))
