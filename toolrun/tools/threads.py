"""How does a plain function run beside the loop, when it may never return?

In a daemon thread. A thread cannot be stopped: one whose caller is cancelled is left behind and
counted, and does not keep the process from ending, as one of anyio's pool would on asyncio. A
thread whose function has returned waits a while for another: a new one costs 0.1 ms.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import queue
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import anyio.lowlevel
import sniffio

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_THREADS = 256
"""How many run at once in one event loop; those left behind are not counted."""

_PATIENCE = 0.5
_IDLE_SECONDS = 10.0

_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("toolrun-threads")
_left: set[Work[Any]] = set()
_idle: dict[_Worker, None] = {}
os.register_at_fork(after_in_child=_idle.clear)


def abandoned_threads() -> int:
    """How many threads were left behind and have not come back since."""
    return len(_left)


class _Worker:
    """A thread that does one job after the other, and ends when none comes."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[_Worker], None]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="toolrun tool", daemon=True).start()

    def do(self, job: Callable[[_Worker], None]) -> None:
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                # Who cannot take itself off the list has been given a job just now.
                if _idle.pop(self, self) is None:
                    return
                continue
            job(self)
            del job


def _worker() -> _Worker:
    try:
        return _idle.popitem()[0]
    except KeyError:
        return _Worker()


class Work(Generic[T]):
    """A function that runs in a thread, and what it needs to speak with the loop from there."""

    def __init__(self, function: Callable[[Work[T]], T]) -> None:
        self.left: bool = False
        """Whether nobody waits any more: the function should end as soon as it can."""
        self._over = False
        self._function = function
        self._post = poster()
        self._done = anyio.Event()
        self._value: T | None = None
        self._error: BaseException | None = None

    async def run(self) -> T:
        """Run it in a thread, until it has returned or the caller is cancelled.

        Raises:
            BaseException: what the function raised.
        """
        context = contextvars.copy_context()
        async with _threads():
            _worker().do(lambda worker: context.run(self._call, worker))
            try:
                await self._done.wait()
            except BaseException:
                if not self._done.is_set():
                    self.left = True
                    _left.add(self)
                    if self._over:  # between the two lines above
                        _left.discard(self)
                raise
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # there, once it has ended

    def tell(self, function: Callable[[], None]) -> None:
        """From the thread: have the loop call a function, and wait until it has."""
        told = threading.Event()
        failed: list[Exception] = []

        def call() -> None:
            try:
                if not self.left:
                    function()
            except Exception as error:  # noqa: BLE001 - raised in the thread: it would end the loop
                failed.append(error)
            finally:
                told.set()

        self._post(call)
        # A loop that has ended tells nobody that it will not call.
        while not told.wait(_PATIENCE) and not self.left:
            pass
        if failed:
            raise failed[0]

    def _call(self, worker: _Worker) -> None:
        try:
            self._value = self._function(self)
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            self._error = error
        self._over = True
        _left.discard(self)
        _idle[worker] = None  # before the next call can ask for a thread
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._post(self._done.set)


def _threads() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(MAX_THREADS)
        _limiter.set(limiter)
        return limiter


def poster() -> Callable[[Callable[[], Any]], Any]:
    """What calls a function on this loop from another thread; RuntimeError where it has ended."""
    on_trio = False
    with contextlib.suppress(sniffio.AsyncLibraryNotFoundError):  # asyncio's callbacks are no tasks
        on_trio = sniffio.current_async_library() == "trio"
    if on_trio:
        import trio

        return trio.lowlevel.current_trio_token().run_sync_soon
    import asyncio

    return asyncio.get_running_loop().call_soon_threadsafe
