"""How is something done soon, by nobody in particular? On the loop that runs, after this step."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import sniffio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_tasks: set[asyncio.Task[None]] = set()


def later(do: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start a short coroutine that nobody waits for; it must raise nothing but its cancellation."""
    if sniffio.current_async_library() == "trio":
        import trio

        trio.lowlevel.spawn_system_task(do)
        return
    task = asyncio.get_running_loop().create_task(do())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
