"""When is what happens painted? At most fifteen times a second, and only where it has changed."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolrun.cli.chat.terminal.application import Prompt
    from toolrun.cli.chat.view.blocks import Block
    from toolrun.cli.screen import Style
    from toolrun.events import Event

_SECONDS: Final = 1 / 15
"""More frames a second look no smoother where text comes as fast as one reads, and cost more."""

_SHARE: Final = 4
"""A frame is followed by a pause of so many times what it took: keys come first."""

_SETTLING: Final = 0.12
"""Seconds that a window has to keep its size before all is drawn anew for it."""

_TICKING: Final = 0.25


class Shows(Protocol):
    """What makes lines of events: `toolrun.cli.chat.view.view.View`."""

    @property
    def changed(self) -> bool:
        """Whether there is something new to paint."""
        ...

    def show(self, event: Event) -> None:
        """Take an event."""

    def put(self, block: Block) -> None:
        """Take a block."""

    def say(self, text: str, style: Style) -> None:
        """Take a line of the program's own."""

    def settled(self, width: int) -> list[str]:
        """The lines that will not change any more, but for those that were given before."""
        ...

    def live(self, width: int, rows: int) -> list[str]:
        """The lines that may still change."""
        ...

    def whole(self, width: int, most: int = 10_000) -> list[str]:
        """All lines that will not change any more."""
        ...

    def fold(self, number: int | None = None) -> bool:
        """Fold or unfold; whether something has changed."""
        ...


class Frames:
    """What is above the input, painted as it changes; inside a running loop of asyncio.

    Args:
        prompt: what is painted on.
        view: makes the view, once there is something to show.
    """

    def __init__(self, prompt: Prompt, view: Callable[[], Shows]) -> None:
        self._prompt = prompt
        self._make = view
        self._view: Shows | None = None
        self._planned: asyncio.TimerHandle | None = None
        self._settling: asyncio.TimerHandle | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._held = 0

    def show(self, event: Event) -> None:
        """Show an event at the next frame."""
        self._seen.show(event)
        self.plan()

    def put(self, block: Block) -> None:
        """Show a block at the next frame."""
        self._seen.put(block)
        self.plan()

    def say(self, text: str, style: Style) -> None:
        """Show a line of the program's own at the next frame."""
        self._seen.say(text, style)
        self.plan()

    def fold(self, number: int | None) -> bool:
        """Fold a block or unfold it; whether there is such a one."""
        changed = self._seen.fold(number)
        if changed:
            self.anew()
        return changed

    def begin(self) -> None:
        """Forget what was shown, and begin a new screen."""
        self._view = None
        self.anew()

    @property
    def _seen(self) -> Shows:
        self._view = self._view or self._make()
        return self._view

    def plan(self) -> None:
        """Paint what has changed, soon."""
        if self._planned is None and not self._held:
            loop = asyncio.get_running_loop()
            wait = max(self._next - time.monotonic(), 0.0)
            self._planned = loop.call_later(wait, self.paint)

    def paint(self, *, clocks: bool = False) -> None:
        """Paint what has changed; `clocks`: time has passed, too."""
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        view = self._view
        if view is None or self._held or not self._prompt.is_running:
            return
        if not view.changed and not clocks:
            return
        began = time.monotonic()
        width, room = self._prompt.size.columns, self._prompt.room
        settled = view.settled(width)
        self._prompt.show(settled, view.live(width, room)[-room:])
        took = time.monotonic() - began
        self._next = began + took + max(_SECONDS - took, took * _SHARE)
        if view.changed:
            self.plan()

    def anew(self) -> None:
        """Empty the screen, and paint all that was shown."""
        if self._held:
            return
        width, room = self._prompt.size.columns, self._prompt.room
        view = self._view
        whole = view.whole(width) if view is not None else []
        self._prompt.anew(whole, view.live(width, room)[-room:] if view is not None else [])

    def resized(self) -> None:
        """Paint all anew once the window keeps its size: terminals have moved the lines."""
        if self._settling is None:
            self._hold(1)
        else:
            self._settling.cancel()
        self._settling = asyncio.get_running_loop().call_later(_SETTLING, self._settled)

    def _settled(self) -> None:
        self._settling = None
        self._hold(-1)
        self.anew()

    def tick(self, on: bool) -> None:  # noqa: FBT001 - a switch
        """Let clocks go on, or let them stand."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        if on:
            self._ticking = asyncio.get_running_loop().call_later(_TICKING, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        self.paint(clocks=True)
        left = self._prompt.drawn + _TICKING - time.monotonic()
        if left <= 0:  # what draws the input for another reason lets its clock go on, too
            self._prompt.invalidate()
            left = _TICKING
        self._ticking = asyncio.get_running_loop().call_later(max(left, _SECONDS), self._tick)

    def close(self) -> None:
        """Paint what has changed, and plan no more."""
        self.tick(on=False)
        for handle in (self._planned, self._settling):
            if handle is not None:
                handle.cancel()
        if self._settling is not None:
            self._settled()
        self._planned = self._settling = None
        self.paint()

    @contextmanager
    def apart(self) -> Iterator[None]:
        """The terminal is somebody else's inside: an editor's, or the shell's."""
        self.paint()
        with self._prompt.paper.frame():
            self._prompt.above.clear()
        self._hold(1)
        try:
            yield
        finally:
            self._hold(-1)
            view = self._view
            if view is not None and not self._held:
                width, room = self._prompt.size.columns, self._prompt.room
                self._prompt.show([], view.live(width, room)[-room:])
            self.plan()

    def _hold(self, by: int) -> None:
        self._held += by
        self._prompt.away = self._held > 0
