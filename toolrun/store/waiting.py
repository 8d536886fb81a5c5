"""How does a task wait for what the writer's thread does? On any loop, and all of it at once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio

from toolrun.tools.threads import poster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class Job(Generic[T]):
    """Something that the thread is asked to do; made on the loop that waits for it."""

    value: T
    error: BaseException | None = None

    def __init__(self) -> None:
        self.over = False
        self.post: Callable[[Callable[[], Any]], Any] | None = poster()
        self.done = anyio.Event()

    async def wait(self) -> T:
        """What it came to.

        Raises:
            BaseException: what went wrong.
        """
        await self.done.wait()
        if self.error is not None:
            raise self.error
        return self.value


def deliver(jobs: Iterable[Job[Any]]) -> None:
    """From the thread: wake all who wait for these jobs, each loop once."""
    loops: dict[Any, list[Job[Any]]] = {}
    for job in jobs:
        job.over = True
        if job.post is not None:
            loops.setdefault(job.post, []).append(job)
    for post, woken in loops.items():

        def wake(woken: list[Job[Any]] = woken) -> None:
            for job in woken:
                job.done.set()

        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            post(wake)
