"""What becomes of boxes whose pool is closed while they start, or that nobody wants for long?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from toolrun.sandbox import Sandbox, load_profile, pool
from toolrun.sandbox.box import Box
from toolrun.sandbox.pool import Pool
from toolrun.sandbox.view import View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = "import os; print(os.readlink('/proc/self/ns/pid'))"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    boxes = Pool()
    async with Sandbox(load_profile("pure"), pool=boxes) as made:
        yield made
        await boxes.aclose()


async def test_nothing_is_warmed_in_a_pool_that_is_closed() -> None:
    async def make() -> Box:
        raise AssertionError

    boxes = Pool()
    await boxes.aclose()
    await boxes.warm("a kind", None, make)

    assert boxes.idle == 0


async def test_a_box_that_has_started_in_a_pool_that_was_closed_is_gone(sandbox: Sandbox) -> None:
    kind, started = sandbox._calls.kind(View(()), {}), list[Box]()

    async def make() -> Box:
        started.append(await kind.start())
        await sandbox._pool.aclose()
        return started[0]

    await sandbox._pool.warm(kind, None, make)

    assert sandbox._pool.idle == 0
    assert started[0].gone


async def test_a_box_that_nobody_wants_for_long_is_ended(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sandbox.run(HERE, tenant="one")
    waiting = sandbox._pool._idle[0].box
    monkeypatch.setattr(pool, "_IDLE_SECONDS", 0)
    await sandbox.run(HERE, tenant="two")

    assert not waiting.alive
    assert [each.tenant for each in sandbox._pool._idle] == ["two"]


def test_a_box_that_cannot_be_killed_keeps_no_other_alive_where_no_loop_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boxes = Pool()
    sandbox = Sandbox(load_profile("pure"), pool=boxes)

    async def used() -> None:
        await sandbox.open()
        for tenant in ("one", "two", "three"):
            await sandbox.run(HERE, tenant=tenant)

    anyio.run(used)
    stuck, *others = (each.box for each in boxes._idle)
    wait = Box.wait_blocking

    def refuse(box: Box) -> None:
        if box is stuck:
            raise RuntimeError("cannot be killed")
        wait(box)

    monkeypatch.setattr(Box, "wait_blocking", refuse)
    with pytest.raises(RuntimeError, match="cannot be killed"):
        boxes.close()
    assert [box.gone for box in others] == [True, True]
    wait(stuck)
    sandbox.close()
