"""Which lines of a part of a conversation are final, while it grows, and which may still change?

An entry gives the lines that became final (`settle`: they are printed, and never change), and
those that may still change (`live`). It remembers what was printed by texts and not by lines, so
that this holds at any width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.cli.screen import cells
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.cli.chat.view.blocks import Kind
    from toolrun.cli.chat.view.page import Page


class Entry:
    """A part of a conversation.

    Attributes:
        kind: what it is.
        number: what `/show` calls it; 0 where nothing of it is ever folded.
        done: whether it has its last form.
        begun: whether lines of it were printed.
        folded: whether it is folded; None: as is usual for its kind.
        void: whether it counts no longer: what was printed of it stays until all is drawn anew.
    """

    def __init__(self, kind: Kind, number: int = 0) -> None:
        self.kind: Kind = kind
        self.number = number
        self.done: bool = False
        self.begun: bool = False
        self.folded: bool | None = None
        self.void: bool = False

    def drop(self) -> None:
        """Nothing more of it is shown."""
        self.void = self.done = self.begun = True

    def whole(self, page: Page) -> list[str]:
        """Its lines as it is now."""
        raise NotImplementedError

    def settle(self, page: Page) -> list[str]:
        """The lines that became final since the last time; all that are left, where it is done."""
        if not self.done or self.begun:
            return []
        self.begun = True
        return self.whole(page)

    def live(self, page: Page, rows: int) -> list[str]:
        """The last lines of what may still change, so many at most."""
        return [] if self.begun else self.whole(page)[-rows:]

    def restart(self) -> None:
        """Forget what was printed."""
        self.begun = False

    def ticks(self) -> int:
        """A number that it shows and that changes by itself, such as seconds."""
        return 0

    def usually_folded(self, page: Page) -> bool:  # noqa: ARG002 - reasoning has a switch of its own
        """Whether it is folded, as long as nobody says otherwise."""
        return True

    def is_folded(self, page: Page) -> bool:
        """Whether it is shown folded."""
        return self.usually_folded(page) if self.folded is None else self.folded


class Reasoning(Entry):
    """What the model thinks: dim, or folded to one line."""

    def __init__(self, number: int, began: float, clock: Callable[[], float]) -> None:
        super().__init__("reasoning", number)
        self._began = began
        self._clock = clock
        self._seconds = 0.0
        self._text = ""
        self._printed = 0

    def feed(self, text: str, now: float) -> None:
        """Add what it thought; `now` is in seconds since the epoch."""
        self._text += text
        self._seconds = max(now - self._began, 0.0)

    def end(self) -> None:
        """It has thought it all."""
        self._text = self._text.strip("\n")
        self.done = True

    def ticks(self) -> int:
        """See `Entry.ticks`."""
        return 0 if self.done else max(int(self._clock() - self._began), 0)

    def usually_folded(self, page: Page) -> bool:
        """See `Entry.usually_folded`; what fits on a line is shown: the fold would say less."""
        short = self.done and "\n" not in self._text and cells(self._text) <= page.room(self.kind)
        return not page.reasoning and not short

    def settle(self, page: Page) -> list[str]:
        """See `Entry.settle`."""
        if self.is_folded(page):
            return super().settle(page)
        if self.void:
            return []
        end = len(self._text) if self.done else self._text.rfind("\n")
        if end < self._printed or (end == self._printed and self.begun):
            return []
        lines = page.lines(self.kind, self._text[self._printed : end], begun=self.begun)
        self._printed, self.begun = end + 1, True
        return lines

    def live(self, page: Page, rows: int) -> list[str]:
        """See `Entry.live`."""
        if self.is_folded(page):
            return super().live(page, rows)
        if self.void:
            return []
        rest = self._text[self._printed :][-rows * page.columns :]
        return page.lines(self.kind, rest, begun=self.begun)[-rows:] if rest else []

    def whole(self, page: Page) -> list[str]:
        """See `Entry.whole`."""
        if not self.is_folded(page):
            return page.lines(self.kind, self._text)
        count = counted(_shown(self._text), "line")
        if not self.done:
            return page.lines(self.kind, f"thinking: {count}, {self.ticks()} s")
        took = f", {self._seconds:.1f} s" if self._seconds else ""
        return page.lines(self.kind, f"thought: {count}{took}  /show {self.number}")

    def restart(self) -> None:
        """See `Entry.restart`."""
        super().restart()
        self._printed = 0


def _shown(text: str) -> int:
    """About how many lines a text would take that nobody sees."""
    return text.count("\n") + 1 + len(text) // 80
