"""How does a turn run before a person's eyes? Its events are shown, and Ctrl-C cancels it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import anyio

from toolrun.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.answer import Answer
    from toolrun.events import Event
    from toolrun.session import Session
    from toolrun.stream import EventStream


async def watch(session: Session, turn: EventStream, show: Callable[[Event], None]) -> Answer:
    """Show a turn to its end.

    The first Ctrl-C (or SIGTERM) cancels the turn, which keeps what there is; while it ends, a
    second one ends the process at once.

    Raises:
        ToolrunError: what ended the turn.
    """
    failed: Exception | None = None
    async with anyio.create_task_group() as group:
        await group.start(_cancel_on_signal, session)
        try:
            async with turn as events:
                async for event in events:
                    show(event)
        except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
            failed = error
        group.cancel_scope.cancel()
    if failed is not None:
        raise failed
    assert turn.answer is not None
    return turn.answer


async def _cancel_on_signal(
    session: Session, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        asked = False
        async for _ in signals:
            if asked:
                os._exit(Exit.INTERRUPTED)
            asked = True
            session.cancel()
