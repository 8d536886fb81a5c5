"""Does a store keep the steps of clients as long, and as many, as it should?"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from structlog.testing import capture_logs

from tests.unit.store.stories import opened, raw
from toolrun.serve import stored
from toolrun.serve.memory import Step
from toolrun.serve.stored import Stored
from toolrun.store.writer import Ask
from toolrun.values import ToolCall

if TYPE_CHECKING:
    import pytest


def step(*ids: str, reasoning: str = "Why.") -> Step:
    return Step(reasoning, None, tuple(ToolCall(each, "look", "{}") for each in ids))


def rows(url: str, what: str = "count(*)", where: str = "1 = 1") -> Any:
    with raw(url) as run:
        return run(f"SELECT {what} FROM remembered WHERE {where}").fetchone()[0]


async def test_a_step_is_found_by_any_of_its_calls_and_by_its_owner_alone(url: str) -> None:
    async with opened(url) as store:
        memory = Stored(store)
        await memory.remember("a", step("1", "2", reasoning="Of a: \u00e9\U0001f600"))
        await memory.remember("a", step("1", "2", reasoning="Of a: \u00e9\U0001f600"))
        await memory.remember("b", step("1", reasoning="Of b."))
        await memory.remember("b", step())

    async with opened(url) as another:
        memory = Stored(another)
        assert await memory.recall("a", "1") == await memory.recall("a", "2")
        assert await memory.recall("a", "2") == step("1", "2", reasoning="Of a: \u00e9\U0001f600")
        assert await memory.recall("b", "1") == step("1", reasoning="Of b.")
        assert await memory.recall("b", "2") is None
        assert await memory.recall("c", "1") is None
    assert rows(url) == 3


async def test_steps_that_nobody_uses_expire(url: str) -> None:
    def age(seconds: float) -> None:
        with raw(url) as run:
            run(f"UPDATE remembered SET used = used - {seconds}")

    async with opened(url) as store:
        memory = Stored(store, seconds=100)
        await memory.remember("a", step("1"))
        age(60)
        assert await memory.recall("a", "1") is not None, "used: it stays"
        age(60)
        assert await memory.recall("a", "1") is not None
        age(101)
        assert await memory.recall("a", "1") is None
        # It goes with what somebody else is remembered for.
        await Stored(store, seconds=100).remember("b", step("2"))
    assert rows(url) == 1


async def test_of_a_key_that_has_too_many_the_oldest_go(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_TRIMMED_EVERY", 1)
    async with opened(url) as store:
        many, large = Stored(store, steps=3), Stored(store, size=3000)
        await many.remember("b", step("other"))
        for number in range(5):
            await many.remember("a", step(f"{number}", f"{number}+"))
        left = [n for n in range(5) if await many.recall("a", f"{n}+") is not None]
        assert left == [2, 3, 4]
        assert await many.recall("b", "other") is not None

        for number in range(5):
            await large.remember("c", step(f"{number}", reasoning="x" * 600))
        left = [n for n in range(5) if await large.recall("c", f"{n}") is not None]
        assert left == [3, 4]
        await large.remember("c", step("huge", reasoning="x" * 4000))
        assert await large.recall("c", "huge") is None


async def test_a_store_that_fails_holds_no_request_up(url: str) -> None:
    async with opened(url) as store:
        memory = Stored(store)
        await memory.remember("a", step("1"))
        with raw(url) as run:
            run("DROP TABLE remembered")
        with capture_logs() as logged:
            await memory.remember("a", step("2"))
            assert await memory.recall("a", "1") is None
    assert [line["event"] for line in logged if "could not" in line["event"]] == [
        "could not remember a step",
        "could not recall a step",
    ]


async def test_a_store_that_does_not_answer_is_waited_for_only_so_long(url: str) -> None:
    let_go = threading.Event()
    async with opened(url) as store:
        writer = store._running()
        writer.submit(Ask("block", lambda _: let_go.wait(20), waited_for=False))
        try:
            with capture_logs() as logged:
                assert await Stored(store, patience=0.1).recall("a", "1") is None
        finally:
            let_go.set()
    assert any("has not answered for 0.1 s" in line.get("error", "") for line in logged)


async def test_a_store_of_the_version_before_gets_the_table(url: str) -> None:
    async with opened(url):
        pass
    with raw(url) as run:
        run("DROP TABLE remembered")
        run("UPDATE toolrun_schema SET version_num = '0001'")
    async with opened(url) as store:
        await Stored(store).remember("a", step("1"))
    assert rows(url) == 1
