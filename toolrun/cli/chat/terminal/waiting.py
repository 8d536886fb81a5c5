"""Which messages wait to be taken?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Waiting:
    """Messages that were entered, in order, until they are taken; inside one loop of asyncio.

    Args:
        changed: is called when there are others than before.

    Attributes:
        messages: those that wait.
        wanted: whether somebody waits for the next one.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.messages: list[str] = []
        self.wanted: bool = False
        self._changed = changed
        self._came: asyncio.Event | None = None
        self._ended = False

    def add(self, message: str) -> None:
        """Let a message wait."""
        self.messages.append(message)
        self._tell()

    def take_back(self) -> str | None:
        """The message that came last, which waits no more."""
        if not self.messages:
            return None
        message = self.messages.pop()
        self._changed()
        return message

    def take_all_back(self) -> str:
        """All messages, which wait no more, as one text."""
        text = "\n".join(self.messages)
        self.messages.clear()
        self._changed()
        return text

    def end(self) -> None:
        """No message is taken any more."""
        self._ended = True
        self._tell()

    async def next(self) -> str | None:
        """The message that came first; None at the end."""
        self._came = self._came or asyncio.Event()
        self.wanted = True
        try:
            while not self.messages and not self._ended:
                self._came.clear()
                await self._came.wait()
        finally:
            self.wanted = False
        if self._ended:
            return None
        message = self.messages.pop(0)
        self._changed()
        return message

    def _tell(self) -> None:
        if self._came is not None:
            self._came.set()
        self._changed()
