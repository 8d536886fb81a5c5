"""How is something done soon, by nobody in particular? On the loop that runs, after this step."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, Any

import sniffio
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_tasks: set[asyncio.Task[None]] = set()


def later(do: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start a short coroutine that nobody waits for; what it raises is logged."""

    async def run() -> None:
        try:
            await do()
        except Exception:  # noqa: BLE001 - on trio it would end everything
            structlog.get_logger("toolrun").error(
                "a task that nobody waits for raised", traceback=traceback.format_exc()
            )

    if sniffio.current_async_library() == "trio":
        import trio

        trio.lowlevel.spawn_system_task(run)
        return
    task = asyncio.get_running_loop().create_task(run())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
