"""What of a runtime goes on between calls, and how much of it? Those used last, so many at most.

What goes on holds a box, and boxes are counted: sessions that wait for their users must not keep
those of all others waiting.
"""

from __future__ import annotations

from typing import Protocol

import anyio


class Lives(Protocol):
    """Something that holds a box between calls."""

    @property
    def is_busy(self) -> bool:
        """Whether a call uses it now."""
        ...

    async def aclose(self) -> None:
        """End it, and see it gone; whoever needs it again starts another."""

    def close(self) -> None:
        """The same where nothing can be waited for."""


class Living:
    """What goes on between calls, of all sessions of a runtime.

    Args:
        most: that stay while nothing uses them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: dict[int, Lives] = {}

    def use(self, thing: Lives) -> None:
        """Count one in, as the one that was used last."""
        self._used.pop(id(thing), None)
        self._used[id(thing)] = thing

    def forget(self, thing: Lives) -> None:
        """Count one out: it has ended."""
        self._used.pop(id(thing), None)

    async def trim(self) -> None:
        """End those that nobody has used for longest, beyond what may stay."""
        for thing in list(self._used.values()):
            if len(self._used) <= self._most:
                return
            if id(thing) in self._used and not thing.is_busy:
                self.forget(thing)
                await thing.aclose()

    async def aclose(self) -> None:
        """End all of them, and see them gone."""
        with anyio.CancelScope(shield=True):
            while self._used:
                await self._used.pop(next(iter(self._used))).aclose()

    def close(self) -> None:
        """The same where no event loop runs any more."""
        while self._used:
            self._used.pop(next(iter(self._used))).close()
