"""What happens to boxes where something runs out, is closed too early, or is forked?"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec
import pytest

from tests.unit.sandbox.forked import Forked
from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Boxes, Sandbox, cgroup, load_profile
from toolrun.sandbox.box import Box
from toolrun.sandbox.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WHERE = "import os; print(os.readlink('/proc/self/ns/pid'))"


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[str]:
    found: set[str] = set()
    for thread in Path("/proc/self/task").iterdir():
        found.update((thread / "children").read_text().split())
    return found


@contextlib.contextmanager
def at_most(files: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_too_few_descriptors_at_any_moment() -> None:
    refused, ran = 0, 0
    pool = Pool(Boxes(idle=0))
    async with Sandbox(load_profile("pure"), pool=pool) as sandbox:
        await sandbox.run(WHERE)
        await pool.aclose()
        before, others = descriptors(), children()
        for files in range(before - 1, before + 18):
            with at_most(files):
                try:
                    done = await sandbox.run(WHERE)
                except SandboxUnavailable as error:
                    refused += 1
                    said = str(error)
                else:
                    ran += done.status == "ok"
            await pool.aclose()
            assert descriptors() == before
            assert children() == others
    assert refused > 5
    assert ran
    assert "Too many open files" in said
    assert "ulimit -n" in said


async def test_a_pool_that_is_closed_while_a_call_runs() -> None:
    pool = Pool()
    async with Sandbox(load_profile("pure"), pool=pool) as sandbox:
        await sandbox.run(WHERE)
        await pool.aclose()
        before, others = descriptors(), children()
        with pytest.raises(ZeroDivisionError):
            await call_in_closed(sandbox, pool, lambda *_: 1 / 0)
        await call_in_closed(sandbox, pool, lambda *_: None)
        assert descriptors() == before
        assert children() == others


async def call_in_closed(sandbox: Sandbox, pool: Pool, tell: object) -> None:
    """The pool is closed by the time the call has begun."""

    def begun(stream: str, text: str) -> None:
        pool.close()
        assert callable(tell)
        tell(stream, text)

    pool._closed = False
    done = await sandbox.run(WHERE, tenant="one", on_output=begun)
    assert done.status == "ok"


async def test_a_job_that_cannot_be_handed_over_is_given_to_another_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = Box.send
    failed: list[Box] = []
    ran: list[Box] = []

    def fail_once(box: Box, given: Sequence[int]) -> None:
        if box.jobs == 1 and not failed:
            failed.append(box)
            raise OSError(errno.ETOOMANYREFS, "Too many references")
        send(box, given)
        ran.append(box)

    monkeypatch.setattr(Box, "send", fail_once)
    async with Sandbox(load_profile("pure")) as sandbox:
        first = await sandbox.run(WHERE, tenant="one")
        began = time.monotonic()
        second = await sandbox.run(WHERE, tenant="one")
    assert (first.status, second.status) == ("ok", "ok")
    assert first.stdout.startswith(b"pid:[")
    assert second.stdout.startswith(b"pid:[")
    # The number of a namespace that is gone is given again, and so does not tell boxes apart.
    assert failed == ran[:1]
    assert len(ran) == 2
    assert ran[0] is not ran[1]
    assert time.monotonic() - began < load_profile("pure").wall_seconds / 2


async def test_nothing_is_warmed_where_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Box] = []
    init = Box.__init__

    def count(box: Box, *given: object) -> None:
        started.append(box)
        init(box, *given)  # type: ignore[arg-type]

    pool = Pool(Boxes(idle=0, spare=1))
    async with Sandbox(load_profile("pure"), pool=pool) as sandbox:
        monkeypatch.setattr(Box, "__init__", count)
        await sandbox.warm()
        assert not started
        for tenant in ("one", "two", None):
            await sandbox.run(WHERE, tenant=tenant)
        await anyio.sleep(0.05)
        await pool.aclose()
    assert len(started) == 3


async def test_a_time_that_is_no_number_is_no_time_without_end() -> None:
    profile = msgspec.structs.replace(load_profile("pure"), wall_seconds=0.5)
    async with Sandbox(profile) as sandbox:
        with anyio.fail_after(30):
            done = await sandbox.run("import time; time.sleep(60)", timeout=math.nan)
            none = await sandbox.run("import time; time.sleep(60)", timeout=0)
    assert (done.status, none.status) == ("timeout", "timeout")


def test_closing_without_a_loop_where_descriptors_are_many() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2_048:
        pytest.skip("this machine allows no descriptor above 1,023")
    taken: list[int] = []
    with at_most(max(soft, 2_048)):
        try:
            while not taken or taken[-1] < 1_100:
                taken.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
            before = children()
            pool = Pool()
            sandbox = Sandbox(load_profile("pure"), pool=pool)
            assert anyio.run(used, sandbox)
            assert children() - before
            pool.close()
            assert children() == before
        finally:
            sandbox.close()
            for each in taken:
                os.close(each)


async def used(sandbox: Sandbox) -> bytes:
    """The box that a call of one tenant had; it is kept."""
    if not sandbox._calls.may_run:
        await sandbox.open()
    return (await sandbox.run(WHERE, tenant="one")).stdout


def test_boxes_stay_with_the_process_that_started_them() -> None:
    sandbox = Sandbox(load_profile("pure"))
    try:
        mine = anyio.run(used, sandbox)
        assert anyio.run(used, sandbox) == mine  # in another loop, too
        read, write = os.pipe2(os.O_CLOEXEC)

        def theirs() -> None:
            os.write(write, anyio.run(used, sandbox))
            sandbox.close()

        child = Forked(theirs)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            childs = pipe.read()
        assert child.wait() == 0
        assert childs.startswith(b"pid:")
        assert childs != mine
        assert anyio.run(used, sandbox) == mine
    finally:
        sandbox.close()


async def test_a_box_that_cannot_be_killed_keeps_no_other_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Pool()
    async with Sandbox(load_profile("pure"), pool=pool) as sandbox:
        await pool.aclose()
        before = children()
        pool._closed = False
        for tenant in ("one", "two", "three"):
            await sandbox.run(WHERE, tenant=tenant)
        stuck = pool._idle[1].box
        wait = Box.wait

        async def refuse(box: Box) -> None:
            if box is stuck:
                raise RuntimeError("cannot be killed")
            await wait(box)

        monkeypatch.setattr(Box, "wait", refuse)
        with pytest.raises(RuntimeError, match="cannot be killed"):
            await pool.aclose()
        await wait(stuck)
    assert children() == before


def test_too_few_descriptors_to_look_for_control_groups_are_not_for_ever() -> None:
    cgroup.place.cache_clear()
    with at_most(3):
        assert cgroup.hold(1 << 30, os.getpid()) is None
    assert cgroup.place.cache_info().currsize == 0


def test_too_few_descriptors_to_see_what_is_to_be_bounded_bound_nothing_by_halves() -> None:
    with at_most(3), pytest.raises(OSError, match="Too many open files"):
        list(cgroup._tree(os.getpid()))
