"""Is reasoning kept for the key that it is of, for so long, and for no other?"""

from __future__ import annotations

from toolrun.serve.memory import CALL_ID, Recent, Step, new_call_id
from toolrun.values import ToolCall


def step(*ids: str, reasoning: str = "Hm.") -> Step:
    return Step(reasoning, None, tuple(ToolCall(each, "f", "{}") for each in ids))


async def test_a_step_is_found_by_each_of_its_calls() -> None:
    memory = Recent()
    await memory.remember("a", step("1", "2"))
    assert await memory.recall("a", "1") == await memory.recall("a", "2") == step("1", "2")
    assert await memory.recall("a", "3") is None


async def test_another_key_finds_nothing() -> None:
    memory = Recent()
    await memory.remember("a", step("1"))
    await memory.remember("b", step("1", reasoning="Of b."))
    assert await memory.recall("a", "1") == step("1")
    assert await memory.recall("c", "1") is None


async def test_a_step_is_forgotten_some_time_after_its_last_use() -> None:
    now = 0.0
    memory = Recent(seconds=10, clock=lambda: now)
    await memory.remember("a", step("1"))
    now = 9.0
    assert await memory.recall("a", "1")
    now = 18.0
    assert await memory.recall("a", "1")
    now = 28.1
    assert await memory.recall("a", "1") is None
    assert len(memory) == 0


async def test_what_is_over_is_forgotten_of_keys_that_never_come_back_too() -> None:
    now = 0.0
    memory = Recent(seconds=10, clock=lambda: now)
    await memory.remember("a", step("1"))
    now = 10.1
    await memory.remember("b", step("2"))
    assert len(memory) == 1


async def test_the_steps_used_longest_ago_give_way_to_others_of_their_key() -> None:
    memory = Recent(steps=2)
    await memory.remember("b", step("of b"))
    for each in ("1", "2"):
        await memory.remember("a", step(each, f"{each}'"))
    await memory.recall("a", "1")
    await memory.remember("a", step("3"))
    assert await memory.recall("a", "2") is await memory.recall("a", "2'") is None
    assert await memory.recall("a", "1")
    assert await memory.recall("a", "3")
    assert await memory.recall("b", "of b")


async def test_the_bytes_of_a_key_are_bounded() -> None:
    memory = Recent(size=100_000)
    await memory.remember("a", step("huge", reasoning="x" * 200_000))
    assert len(memory) == 0
    for number in range(100):
        await memory.remember("a", step(str(number), reasoning="x" * 9_600))
    assert len(memory) == 9
    assert await memory.recall("a", "99")


def test_ids_are_long_and_different() -> None:
    ids = {new_call_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(CALL_ID.fullmatch(each) and len(each) <= 40 for each in ids)
