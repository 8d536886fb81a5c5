"""How does a plain function run beside the loop, when it may never return?

In a daemon thread of its own. A thread cannot be stopped: one whose caller is cancelled is left
behind, counted, and does not keep the process from ending (a pool's threads would).
"""

from __future__ import annotations

import contextlib
import contextvars
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

_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("toolrun-threads")
_left: set[threading.Thread] = set()


def abandoned_threads() -> int:
    """How many threads were left behind and have not ended since."""
    _left.difference_update([thread for thread in _left if not thread.is_alive()])
    return len(_left)


class Work(Generic[T]):
    """A function that runs in a thread, and what it needs to speak with the loop from there."""

    def __init__(self, function: Callable[[Work[T]], T]) -> None:
        self.left = False
        """Whether nobody waits any more: the function should end as soon as it can."""
        self._function = function
        self._post = _poster()
        self._done = anyio.Event()
        self._value: T | None = None
        self._error: BaseException | None = None

    async def run(self, name: str) -> T:
        """Run it in a new thread, until it has returned or the caller is cancelled.

        Raises:
            BaseException: what the function raised.
        """
        thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._call,), name=name, daemon=True
        )
        async with _threads():
            thread.start()
            try:
                await self._done.wait()
            except BaseException:
                if not self._done.is_set():
                    self.left = True
                    _left.add(thread)
                raise
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

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

    def _call(self) -> None:
        try:
            self._value = self._function(self)
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            self._error = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._post(self._done.set)


def _threads() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(MAX_THREADS)
        _limiter.set(limiter)
        return limiter


def _poster() -> Callable[[Callable[[], Any]], Any]:
    """What calls a function on this loop from another thread."""
    if sniffio.current_async_library() == "trio":
        import trio

        return trio.lowlevel.current_trio_token().run_sync_soon
    import asyncio

    return asyncio.get_running_loop().call_soon_threadsafe
