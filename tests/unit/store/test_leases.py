"""Is a session driven by one process at a time, and by the next at once when that is dead?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from msgspec import structs

from tests.unit.store.stories import kept, opened, opening, raw, said
from toolrun.errors import SessionBusy
from toolrun.store import leases, owner, writer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


class Holder:
    """A process of `worker`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def hears(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def holding(url: str, count: int = 1) -> Iterator[list[Holder]]:
    """Processes that are about to take the session `s`."""
    command = [sys.executable, "-m", "tests.unit.store.worker", url, "s"]
    pipe = subprocess.PIPE
    holders = [
        Holder(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT))
        for _ in range(count)
    ]
    try:
        yield holders
    finally:
        for holder in holders:
            holder.process.kill()
            holder.process.wait()
            assert holder.process.stdin is not None
            assert holder.process.stdout is not None
            holder.process.stdin.close()
            holder.process.stdout.close()


async def made(url: str) -> None:
    async with opened(url) as store:
        await store.release(await kept(store, "s"))


def test_of_two_processes_that_race_one_wins(url: str) -> None:
    anyio.run(made, url)
    with holding(url, 2) as holders:
        assert [holder.hears() for holder in holders] == ["open", "open"]
        for holder in holders:
            holder.go()

        assert sorted(holder.hears()[:4] for holder in holders) == ["busy", "held"]


def test_a_killed_holder_is_followed_at_once_and_a_stopped_one_refused(url: str) -> None:
    async def follow() -> None:
        async with opened(url) as store:
            lease = await store.acquire("s")  # before the lease of 30 s has run out
            assert lease.stored == 3
            assert await store.read("s") == [*opening("s"), *said("s", 1, after=2)]
            await store.append(lease, said("s", 1, after=3))
            assert (await store.sessions())[0].holder is not None

    anyio.run(made, url)
    with holding(url, 1) as (holder,):
        holder.hears()
        holder.go()
        assert holder.hears() == "held 2"
        holder.go()
        assert holder.hears() == "stored"

        holder.process.send_signal(signal.SIGKILL)  # and nobody waits for it: a zombie
        while "Z" not in Path(f"/proc/{holder.process.pid}/stat").read_text().split(")")[1].split():
            pass  # the kernel is about to
        anyio.run(follow)


@pytest.mark.load
def test_a_holder_that_was_stopped_for_long_writes_nothing_more(url: str) -> None:
    async def refused() -> None:
        async with opened(url) as store:
            with pytest.raises(SessionBusy):
                await store.acquire("s")

    async def follow() -> None:
        async with opened(url) as store:
            lease = await store.acquire("s")
            await store.append(lease, said("s", 1, after=2))

    anyio.run(made, url)
    with holding(url, 1) as (holder,):
        holder.hears()
        holder.go()
        holder.hears()
        holder.process.send_signal(signal.SIGSTOP)
        anyio.run(refused)
        with raw(url) as run:
            run("UPDATE leases SET until = 0")  # as if 30 s had passed
        anyio.run(follow)
        holder.process.send_signal(signal.SIGCONT)
        holder.go()

        assert holder.hears() == "lost"


async def test_leases_are_renewed_and_their_loss_is_told(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BEAT", 0.02)
    monkeypatch.setattr(leases, "RENEWED_EVERY", 0.05)
    async with opened(url) as store, opened(url) as other:
        mine = [await kept(store, name) for name in ("s", "t")]
        with raw(url) as run:
            (first,) = run("SELECT min(until) FROM leases").fetchone()
            with anyio.fail_after(10):
                while run("SELECT min(until) FROM leases").fetchone() <= (first,):  # noqa: ASYNC110
                    await anyio.sleep(0.02)  # until the thread's next look
            monkeypatch.setattr(leases, "RENEWED_EVERY", 1e9)
            with anyio.fail_after(10):
                while True:
                    run("UPDATE leases SET until = 0 WHERE session = 's'")
                    with suppress(SessionBusy):  # a renewal was under way
                        await other.acquire("s")
                        break
        told, kept_on = anyio.Event(), anyio.Event()
        store.on_cancel(mine[0], told.set)
        store.on_cancel(mine[1], kept_on.set)
        monkeypatch.setattr(leases, "RENEWED_EVERY", 0.05)
        with anyio.fail_after(10):
            await told.wait()

        assert (mine[0].lost, mine[1].lost) == (True, False)
        assert not kept_on.is_set()
        await store.append(mine[1], said("t", 1, after=2))


async def test_what_could_not_be_given_back_is_given_back_later(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BEAT", 0.02)
    monkeypatch.setattr(leases, "RENEWED_EVERY", 0.05)
    async with opened(url) as store, opened(url) as other:
        await kept(store, "s")
        await kept(store, "t")
        assert store._writer is not None
        del store._writer.held["s"]  # as a release does that then fails
        with anyio.fail_after(10):
            while True:
                try:
                    await other.acquire("s")
                    break
                except SessionBusy:
                    await anyio.sleep(0.02)  # until the thread's next look
        with pytest.raises(SessionBusy):
            await other.acquire("t")


def test_an_owner_is_read_as_it_was_written() -> None:
    here = owner.Owner.here()

    assert owner.Owner.of(str(here)) == here
    assert here != owner.Owner.here()
    assert owner.shown(str(here)) == f"process {os.getpid()} on {here.host}"
    assert owner.Owner.of("somebody") is None


def test_a_dead_process_is_told_from_one_that_lives_or_is_elsewhere() -> None:
    here = owner.Owner.here()
    with subprocess.Popen(["true"]) as child:
        pass
    gone = structs.replace(here, pid=str(child.pid))

    assert not owner.is_dead(str(here))
    assert owner.is_dead(str(gone))
    assert owner.is_dead(str(structs.replace(here, start="1")))  # the number was given again
    for elsewhere in (
        structs.replace(gone, host="other"),
        structs.replace(gone, boot="other"),
        structs.replace(gone, space="other"),
        structs.replace(gone, boot=""),
    ):
        assert not owner.is_dead(str(elsewhere))
    assert not owner.is_dead("somebody")
