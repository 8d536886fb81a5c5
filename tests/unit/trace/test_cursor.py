"""Do those who wait for a recorded event go on in its turn, and does nobody wait for ever?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.unit.trace.journals import ONE_CALL
from toolrun.errors import ReplayMismatch
from toolrun.events import ToolCallFinished, ToolCallStarted
from toolrun.trace.cursor import Cursor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STARTED, FINISHED = 7, 9


def at(position: int, *, lines: tuple[int, ...] = ()) -> Cursor:
    """A replay that has come so far."""
    cursor = Cursor(ONE_CALL, lines)
    for _ in range(position):
        cursor.advance()
    return cursor


async def waiting(
    wait: Callable[[], Awaitable[Any]], then: Callable[[], None], done: list[str]
) -> None:
    """Do something while somebody waits, who has not gone on before."""

    async def run() -> None:
        await wait()
        done.append("went on")

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            for _ in range(5):
                await checkpoint()
            assert done == []
            then()


async def test_an_event_of_a_call_waits_for_its_turn() -> None:
    cursor, done = at(5), list[str]()

    def move() -> None:
        while cursor.position < STARTED:
            cursor.advance()

    await waiting(lambda: cursor.turn_of(ToolCallStarted, "c1"), move, done)
    assert done == ["went on"]
    assert cursor.position == STARTED


async def test_one_that_was_about_to_happen_waits_for_the_stop_of_its_turn() -> None:
    cursor, done, stopped = at(STARTED), list[str](), list[bool]()
    cursor.stop_at = FINISHED
    cursor.interrupt = lambda: stopped.append(True)

    def move() -> None:
        cursor.advance()
        cursor.advance()

    await waiting(lambda: cursor.turn_of(ToolCallFinished, "c1"), move, done)
    assert done == ["went on"]
    assert stopped == [True]


async def test_one_that_is_recorded_nowhere_is_not_held() -> None:
    cursor = at(STARTED)
    await cursor.turn_of(ToolCallFinished, "another")
    cursor.stop_at = 3  # a stop that is over
    await cursor.turn_of(ToolCallFinished, "another")
    assert cursor.position == STARTED


async def test_where_something_differs_nobody_waits_any_longer() -> None:
    first, second = ReplayMismatch("first"), ReplayMismatch("second")
    cursor, done = at(STARTED), list[str]()

    def differ() -> None:
        cursor.break_off(first)
        cursor.break_off(second)

    async def stop() -> None:
        with pytest.raises(ReplayMismatch, match="first"):
            await cursor.stop()

    await waiting(stop, differ, done)
    assert done == ["went on"]
    assert cursor.mismatch is first
    await stop()


async def test_a_turn_fails_as_the_recorded_one_did() -> None:
    cursor, done = at(STARTED), list[str]()
    cursor.stop_at, cursor.failure = FINISHED, LookupError("gone")

    def move() -> None:
        cursor.advance()
        cursor.advance()

    async def stop() -> None:
        with pytest.raises(LookupError, match="gone"):
            await cursor.stop()

    await waiting(stop, move, done)
    assert done == ["went on"]


def test_behind_the_last_event_is_the_line_behind_it() -> None:
    end = len(ONE_CALL)
    assert at(end).place == f"line {end + 2}"
    lines = tuple(range(2, 2 + 2 * end, 2))
    assert at(1, lines=lines).place == "line 4 (UserMessage, turn 0, step 0)"
    assert at(end, lines=lines).place == f"line {lines[-1] + 1}"
