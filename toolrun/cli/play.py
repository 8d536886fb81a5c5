"""How does a recorded session play before a person's eyes: at which pace, and by which keys?"""

from __future__ import annotations

import math
import shutil
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from toolrun.cli.exits import Interrupted
from toolrun.cli.screen import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.cli.screen import Screen
    from toolrun.events import Event

LONGEST_WAIT: Final = 2.0
"""Seconds that a person waits at most, however long it took."""
_FASTEST: Final = 64.0
_SLOWEST: Final = 0.125
_SEEN_FROM: Final = 0.1
"""Seconds of a wait from which the keys are shown below: shorter ones would only flicker."""


class Player:
    """Shows events one by one, with the time between them that there was.

    Args:
        events: what happened.
        show: shows one.
        screen: where.
        speed: 1.0 for the original pace, 2.0 for twice as fast, infinity for no waits.
        stepwise: wait for a key before each step.
        keys: whether a person's keys are listened to: space, right or enter, + and -, q.
    """

    def __init__(
        self,
        events: Sequence[Event],
        show: Callable[[Event], None],
        screen: Screen,
        *,
        speed: float = 1.0,
        stepwise: bool = False,
        keys: bool = False,
    ) -> None:
        self._events = events
        self._show = show
        self._screen = screen
        self._status = _Status(screen)
        self._keys = keys
        self._steps = sorted({_step(event) for event in events if event.turn})
        self._speed = speed
        self._next = 0
        self._paused = False
        # The step that is shown without waits, up to its end.
        self._at_once = _step(events[0]) if stepwise and events else None
        self._left = False
        self._interrupted = False
        self._changed = anyio.Event()

    async def play(self) -> bool:
        """Show all events; False where the person has left before the last.

        Raises:
            Interrupted: by Ctrl-C.
        """
        from toolrun.cli.keys import Keys

        with Keys(self.press) if self._keys else nullcontext():
            try:
                for number, event in enumerate(self._events):
                    self._next = number
                    if not await self._due():
                        return False
                    self._status.clear()
                    self._screen.fit()
                    self._show(event)
            finally:
                self._status.clear()
        return True

    def press(self, key: str) -> None:
        """Do what a key is for; any other does nothing.

        Raises:
            Interrupted: from `play`, after Ctrl-C.
        """
        match key:
            case " ":
                self._paused = not self._paused and self._at_once is None
                self._at_once = None
            case "right" | "enter":
                self._at_once, self._paused = _step(self._events[self._next]), False
            case "+" | "=":
                self._speed = max(min(self._speed * 2, _FASTEST), self._speed)
            case "-":
                self._speed = max(min(self._speed, _FASTEST) / 2, _SLOWEST)
            case "q" | "c-c" | "c-d":
                self._left = True
                self._interrupted = key == "c-c"
            case "resized":
                pass  # what stands below is written anew
            case _:
                return
        self._changed.set()
        self._changed = anyio.Event()

    async def _due(self) -> bool:
        """Return when it is time for the next event; False where the person leaves."""
        event = self._events[self._next]
        if self._at_once is not None and _step(event) != self._at_once:
            self._at_once, self._paused = None, True
        left = min(self._wait_before(event), LONGEST_WAIT * self._speed)
        while True:
            if self._keys:
                await anyio.lowlevel.checkpoint()
            if self._left:
                if self._interrupted:
                    raise Interrupted
                return False
            if self._paused:
                await self._key(math.inf)
                continue
            if self._at_once is not None or left <= 0 or math.isinf(self._speed):
                return True
            began = time.monotonic()
            speed = self._speed
            await self._key(left / speed)
            left -= (time.monotonic() - began) * speed

    def _wait_before(self, event: Event) -> float:
        """The recorded seconds between the last event and this one."""
        return event.time - self._events[self._next - 1].time if self._next else 0.0

    async def _key(self, seconds: float) -> None:
        """Return at the next key, or after so many seconds."""
        if self._keys and seconds >= _SEEN_FROM:
            self._status.show(self._said())
        changed = self._changed
        with anyio.move_on_after(seconds):
            await changed.wait()

    def _said(self) -> Sequence[str]:
        """What stands below, long and short."""
        step = _step(self._events[self._next])
        at = self._steps.index(step) + 1 if step in self._steps else 0
        place = f"{at}/{len(self._steps)}"
        how = "paused" if self._paused else f"{self._speed:g}x"
        if self._paused:
            keys = "space goes on, right: next step, q quits"
        else:
            keys = "space pauses, right: next step, + - speed, q quits"
        return f"[{how}, {place}: {keys}]", f"[{how}, {place}: space, right, + -, q]", f"[{how}]"


class _Status:
    """One line below what is written, which is never part of it."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._shown = False

    def show(self, texts: Sequence[str]) -> None:
        """Show the longest text that fits, below where the next word will stand."""
        self.clear()
        self._screen.fit()
        screen, room = self._screen, shutil.get_terminal_size().columns - 1
        text = cut(next((each for each in texts if len(each) <= room), texts[-1]), room)
        dim, plain = ("\x1b[2m", "\x1b[0m") if screen.colour else ("", "")
        column = screen.column
        # Relative moves only: a new line may have scrolled everything up.
        down, up = ("\n\r", f"\x1b[1A\r\x1b[{column}C") if column else ("", "\r")
        screen.file.write(f"{down}{dim}{text}{plain}{up}")
        screen.file.flush()
        self._shown = True

    def clear(self) -> None:
        """Take it away; the cursor stands where the next word will."""
        if self._shown:
            self._screen.file.write("\x1b[J")
            self._screen.file.flush()
            self._shown = False


def _step(event: Event) -> tuple[int, int]:
    """The step that an event is shown with: what the user says belongs to the first of its turn."""
    return event.turn, max(event.step, 1)
