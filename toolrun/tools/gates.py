"""How many calls of one tool may run at once, over all sessions of a runtime?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable


class _Gate:
    """A semaphore (first come, first served), and how many hold it or wait for it."""

    def __init__(self, limit: int) -> None:
        self.semaphore = anyio.Semaphore(limit)
        self.users = 0


class Gates:
    """One gate for each tool that has a limit, there only while somebody uses it."""

    def __init__(self) -> None:
        self._gates: dict[Hashable, _Gate] = {}

    @asynccontextmanager
    async def slot(self, key: Hashable, limit: int) -> AsyncIterator[None]:
        """Hold one of `limit` places; wait for it in the order of coming.

        Args:
            key: what the places belong to.
            limit: how many there are; who comes to a gate in use finds the number it was made with.
        """
        if (gate := self._gates.get(key)) is None:
            gate = self._gates[key] = _Gate(limit)
        gate.users += 1
        try:
            async with gate.semaphore:
                yield
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[key]
