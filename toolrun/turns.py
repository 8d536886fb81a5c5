"""How does a process stop taking turns, and leave those that run where another can go on?"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Protocol

import anyio

from toolrun.errors import Draining

if TYPE_CHECKING:
    from toolrun.decisions import Decision
    from toolrun.running import Running

SECONDS = 30.0
"""How long turns may take to end their steps, where nobody says otherwise."""
REASON = "the process is about to end"
_CUT_SECONDS = 5.0


class Open(Protocol):
    """A session, as far as it matters here."""

    id: str

    @property
    def tenant(self) -> str | None:
        """On whose behalf it runs."""
        ...

    def cancel(self, reason: str = "") -> None:
        """Stop the turn that runs."""

    async def decide(self, call_id: str, decision: Decision) -> None:
        """Decide on a call that waits."""

    async def aclose(self) -> None:
        """Let go of it, and see it gone."""


class Turns:
    """The turns and the sessions of a runtime.

    Attributes:
        running: those that run a turn.
        sessions: those that are open.
        draining: whether no turn may begin any more.
    """

    def __init__(self) -> None:
        self.running: set[Running] = set()
        self.sessions: weakref.WeakSet[Open] = weakref.WeakSet()
        self.draining: bool = False

    def open(self, id: str, tenant: str | None) -> list[Open]:  # noqa: A002 - what users call it
        """The open sessions of a name, and of a tenant where that is given."""
        return [each for each in self.sessions if each.id == id and tenant in (None, each.tenant)]

    def check(self) -> None:
        """Pass where turns may begin.

        Raises:
            Draining: none may.
        """
        if self.draining:
            raise Draining(
                "the runtime is draining: this process is about to end, and takes no more turns; "
                "another one can go on with the session (runtime.resume)"
            )

    async def drain(self, seconds: float, reason: str) -> None:
        """See `Runtime.drain`."""
        self.draining = True
        for each in tuple(self.running):
            each.park(reason)
        with anyio.move_on_after(seconds):
            await self._idle()
        if self.running:
            for each in tuple(self.running):
                each.cut(reason)
            with anyio.move_on_after(_CUT_SECONDS):
                await self._idle()
        async with anyio.create_task_group() as group:
            for session in tuple(self.sessions):
                group.start_soon(session.aclose)

    async def _idle(self) -> None:
        while self.running:
            await next(iter(self.running)).wait()
