"""Which requests run now, and what ends them early: their clients, or the end of the server?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from toolrun.serve.failures import Failure
from toolrun.serve.sending import ClientGone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from toolrun.serve.receiving import Receive


class Running:
    """The work of a server.

    Attributes:
        draining: whether the server is about to end: it takes no new work.
    """

    def __init__(self) -> None:
        self.draining: bool = False
        self._scopes: set[anyio.CancelScope] = set()
        self._stopped = False

    def __len__(self) -> int:
        """How many requests are at work."""
        return len(self._scopes)

    def stop(self) -> None:
        """End all work at once; its clients are told."""
        self.draining = self._stopped = True
        for scope in self._scopes:
            scope.cancel()

    async def run(self, receive: Receive, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work of a request, until its client goes or the server ends.

        Args:
            receive: ASGI's, after the body: it tells when the client goes.
            work: is cancelled then, and with it the turn, its tools and the server's request.

        Raises:
            ClientGone: it went.
            Failure: the server ends.
            Exception: what the work raises.
        """
        if self.draining:
            raise ending()
        failed: list[Exception] = []
        gone = False

        async def watch() -> None:
            nonlocal gone
            while (await receive())["type"] != "http.disconnect":
                pass
            gone = True
            scope.cancel()

        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                self._scopes.add(scope)
                group.start_soon(watch)
                try:
                    await work()
                except Exception as error:  # noqa: BLE001 - raised below, not in a group
                    failed.append(error)
                finally:
                    self._scopes.discard(scope)
            group.cancel_scope.cancel()
        if scope.cancelled_caught:
            raise ClientGone if gone else ending()
        if failed:
            raise failed[0]


def ending() -> Failure:
    """The failure of what is asked of a server that ends."""
    return Failure(503, "The server is shutting down.", code="shutting_down", retry_after=1.0)
