"""What do a session's own tools keep from call to call? Pages that were read, an interpreter.

It belongs to one session: no other finds it, and it is gone when that one is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@runtime_checkable
class Closing(Protocol):
    """Something that holds more than memory."""

    async def aclose(self) -> None:
        """Let go of it, and see it gone."""

    def close(self) -> None:
        """The same where nothing can be waited for."""


class Kept:
    """What one session's tools keep."""

    def __init__(self) -> None:
        self._things: dict[object, Any] = {}

    def of(self, key: object, make: Callable[[], T]) -> T:
        """What is kept for a key, such as the tool that keeps it; made the first time."""
        if key not in self._things:
            self._things[key] = make()
        thing: T = self._things[key]
        return thing

    async def aclose(self) -> None:
        """Let go of everything."""
        with anyio.CancelScope(shield=True):
            while self._things:
                thing = self._things.popitem()[1]
                if isinstance(thing, Closing):
                    await thing.aclose()

    def close(self) -> None:
        """The same where no event loop can be waited on."""
        while self._things:
            thing = self._things.popitem()[1]
            if isinstance(thing, Closing):
                thing.close()
