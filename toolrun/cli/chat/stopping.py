"""How does Ctrl-C stop what is done between two turns?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from toolrun.cli.chat.conversation import Conversation


async def stoppable(talk: Conversation, work: Callable[[], Awaitable[None]]) -> bool:
    """Do something that Ctrl-C stops; whether it came to its end."""
    with anyio.CancelScope() as scope:

        def stop() -> bool:
            scope.cancel()
            return True

        with talk.face.turning(stop):
            await work()
    return not scope.cancelled_caught
