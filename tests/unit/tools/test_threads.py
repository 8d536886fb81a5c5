"""Does a function's thread give back what it should, also where nobody waits any more?"""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from toolrun.tools import threads
from toolrun.tools.threads import Work, abandoned_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT = 20
"""Seconds: a machine may be busy."""


@pytest.fixture(autouse=True)
def idle() -> Iterator[dict[Any, None]]:
    """No thread of before: each is a new one."""
    mine: dict[Any, None] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_idle", mine)
        yield mine
    threads._idle.update(mine)  # where they look for themselves from now on


async def test_its_thread_has_a_name_and_does_not_keep_the_process() -> None:
    thread = await Work(lambda _: threading.current_thread()).run()

    assert thread.name == "toolrun tool"
    assert thread.daemon


async def test_a_thread_does_one_job_after_the_other(idle: dict[Any, None]) -> None:
    one, other = [await Work(lambda _: threading.current_thread()).run() for _ in range(2)]

    assert one is other
    assert len(idle) == 1


async def test_what_the_function_raises_is_raised() -> None:
    def function(_: Work[None]) -> None:
        raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        await Work(function).run()


async def test_the_loop_calls_what_the_thread_wants_called() -> None:
    called = list[threading.Thread]()

    def function(work: Work[int]) -> int:
        work.tell(lambda: called.append(threading.current_thread()))
        return len(called)

    assert await Work(function).run() == 1
    assert called == [threading.current_thread()]


async def test_what_is_raised_in_the_loop_is_raised_in_the_thread() -> None:
    def fail() -> None:
        raise ValueError("in the loop")

    def function(work: Work[str]) -> str:
        with pytest.raises(ValueError, match="in the loop") as raised:
            work.tell(fail)
        return str(raised.value)

    assert await Work(function).run() == "in the loop"


async def test_a_loop_that_takes_its_time_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = threading.Semaphore(0)

    class Told(threading.Event):
        """An event that says that it was waited for in vain."""

        def wait(self, timeout: float | None = None) -> bool:
            waited.release()
            return super().wait(timeout)

    monkeypatch.setattr(threads, "_PATIENCE", 0.001)
    monkeypatch.setattr(threads, "threading", SimpleNamespace(Event=Told, Thread=threading.Thread))
    running, goes_on = threading.Event(), threading.Event()
    called, got = list[int](), list[int]()

    def function(work: Work[int]) -> int:
        running.set()
        goes_on.wait(WAIT)
        work.tell(lambda: called.append(1))
        return len(called)

    async def run() -> None:
        got.append(await Work(function).run())

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        with anyio.fail_after(WAIT):
            while not running.is_set():  # noqa: ASYNC110 - threads tell nobody that they run
                await anyio.sleep(0.001)
        goes_on.set()
        for _ in range(2):  # meanwhile the loop calls nothing; without patience it would go on
            assert waited.acquire(timeout=WAIT)
    assert got == [1]


async def left_behind(work: Work[Any], running: threading.Event) -> None:
    """Run it until its function runs, and no longer."""
    async with anyio.create_task_group() as group:
        group.start_soon(work.run)
        with anyio.fail_after(WAIT):
            while not running.is_set():  # noqa: ASYNC110 - threads tell nobody that the same
                await anyio.sleep(0.001)
        group.cancel_scope.cancel()


async def test_nothing_is_called_for_a_thread_that_was_left_behind() -> None:
    running, goes_on, ended = threading.Event(), threading.Event(), threading.Event()
    called = list[int]()

    def function(work: Work[None]) -> None:
        running.set()
        goes_on.wait(WAIT)
        work.tell(lambda: called.append(1))
        ended.set()

    work = Work(function)
    await left_behind(work, running)
    assert work.left
    goes_on.set()
    with anyio.fail_after(WAIT):
        while abandoned_threads():  # noqa: ASYNC110 - the same
            await anyio.sleep(0.001)

    assert ended.is_set()
    assert called == []


async def test_a_thread_that_ends_as_it_is_left_behind_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running, goes_on, over = threading.Event(), threading.Event(), threading.Event()

    class Left(set[Any]):
        """A set that lets the thread end before it takes up its work."""

        def add(self, each: Any) -> None:
            goes_on.set()
            assert over.wait(WAIT)
            super().add(each)

        def discard(self, each: Any) -> None:
            super().discard(each)
            over.set()

    monkeypatch.setattr(threads, "_left", Left())

    def function(_: Work[None]) -> None:
        running.set()
        goes_on.wait(WAIT)

    await left_behind(Work(function), running)

    assert over.is_set()
    assert abandoned_threads() == 0


def test_a_thread_does_not_wait_for_a_loop_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_PATIENCE", 0.001)
    running, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    def function(work: Work[None]) -> None:
        running.set()
        goes_on.wait(WAIT)
        work.tell(lambda: None)
        ended.set()

    async def main() -> None:
        await left_behind(Work(function), running)

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(main())
        goes_on.set()  # the loop takes what it is given, and will never come to it
        assert ended.wait(WAIT)
    finally:
        loop.close()


def test_a_job_that_comes_as_a_thread_wants_to_end_is_done(
    monkeypatch: pytest.MonkeyPatch, idle: dict[Any, None]
) -> None:
    asked, done = threading.Event(), threading.Event()

    class Given(dict[Any, None]):
        """The list of who is idle, from which somebody has just taken the thread."""

        def pop(self, key: Any, default: Any = None) -> Any:
            asked.set()
            return super().pop(key, default)

    monkeypatch.setattr(threads, "_IDLE_SECONDS", 0.001)
    monkeypatch.setattr(threads, "_idle", Given())
    worker = threads._Worker()
    assert asked.wait(WAIT)
    worker.do(lambda _: done.set())
    assert done.wait(WAIT)
    idle[worker] = None


def test_a_callback_of_asyncio_has_a_poster_too() -> None:
    """It belongs to no task, by which sniffio would know the loop."""

    async def main() -> None:
        called = asyncio.Event()

        def callback() -> None:
            post = threads.poster()
            threading.Thread(target=post, args=(called.set,)).start()

        asyncio.get_running_loop().call_soon(callback)
        with anyio.fail_after(WAIT):
            await called.wait()

    asyncio.run(main())
