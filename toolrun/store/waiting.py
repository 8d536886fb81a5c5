"""How does a task wait for what the writer's thread does? On any loop, and each loop is woken once.

By the future of asyncio or the event of trio itself: it happens for each event of each session.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sniffio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class Job(Generic[T]):
    """Something that the thread is asked to do; made on the loop that waits for it, if any does.

    Attributes:
        since: when it was asked for, by the monotonic clock.
        value: what it came to.
        error: what went wrong.
    """

    value: T
    error: BaseException | None = None

    def __init__(self, *, waited_for: bool = True) -> None:
        self.since: float = time.monotonic()
        self._done: Any = None
        self._post: Callable[[Callable[[], Any]], Any] | None = None
        if not waited_for:
            return
        if sniffio.current_async_library() == "trio":
            import trio

            self._done = trio.Event()
            self._post = trio.lowlevel.current_trio_token().run_sync_soon
        else:
            loop = asyncio.get_running_loop()
            self._done = loop.create_future()
            self._post = loop.call_soon_threadsafe

    async def wait(self) -> T:
        """What it came to.

        Raises:
            BaseException: what went wrong.
        """
        if isinstance(self._done, asyncio.Future):
            await self._done
        else:
            await self._done.wait()
        if self.error is not None:
            raise self.error
        return self.value

    def wake(self) -> None:
        """On its loop: it is over."""
        if not isinstance(self._done, asyncio.Future):
            self._done.set()
        elif not self._done.done():  # nobody waits any more where it was cancelled
            self._done.set_result(None)


def deliver(jobs: Iterable[Job[Any]]) -> None:
    """From the thread: wake all who wait for these jobs."""
    loops: dict[Any, list[Job[Any]]] = {}
    for job in jobs:
        if job._post is not None:  # noqa: SLF001 - its other half
            loops.setdefault(job._post, []).append(job)  # noqa: SLF001 - as above
    for post, woken in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            post(woken[0].wake if len(woken) == 1 else _Wake(woken))


class _Wake:
    """Wakes several on one loop."""

    def __init__(self, jobs: list[Job[Any]]) -> None:
        self._jobs = jobs

    def __call__(self) -> None:
        for job in self._jobs:
            job.wake()
