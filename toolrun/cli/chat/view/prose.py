"""How does the text of a step look while it streams, until it is known for what it is?

It is the answer, unless calls follow: then it was a preamble. As long as it is short, none of it
is printed, so that it can still become one; what had been printed of a long one stays, and a line
says what it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.view.entry import Entry
from toolrun.cli.chat.view.growing import Growing, Part
from toolrun.cli.chat.view.markdown import lines_of
from toolrun.cli.chat.view.tail import Tail

if TYPE_CHECKING:
    from toolrun.cli.chat.view.blocks import Kind
    from toolrun.cli.chat.view.page import Page
    from toolrun.cli.chat.view.paint import Line

_HELD: Final = 8
"""Lines that a text may have and none of them is printed before its step is complete."""


class Prose(Entry):
    """A Markdown text that grows."""

    def __init__(self, kind: Kind = "answer") -> None:
        super().__init__(kind)
        self._growing = Growing()
        self._text: list[str] = []
        self._parts: list[Part] = []
        self._printed = 0
        self._tail = Tail()
        self._painted: _Painted | None = None
        self._was_preamble = False

    def feed(self, text: str) -> None:
        """Add what it said."""
        self._text.append(text)
        self._growing.feed(text)

    def end(self, text: str | None = None, *, preamble: bool = False) -> None:
        """The step is over; `text` is all that it said, where that is known."""
        if self.done:
            return
        if text is not None and not self.begun and text != "".join(self._text):
            self._growing, self._parts, self._painted = Growing(), [], None
            self._growing.feed(text)
        self._parts += self._growing.end()
        self._text.clear()
        self.done = True
        if preamble and self.begun:
            self._was_preamble = True
        elif preamble:
            self.kind, self._painted = "preamble", None

    def settle(self, page: Page) -> list[str]:
        """See `Entry.settle`."""
        if self.void:
            return []
        if not self.done:
            self._parts += self._growing.settle()
            if len(self._parts) == self._printed:
                return []
        painted = self._unprinted(page)
        if not self.done and not self.begun and len(painted) <= _HELD:
            return []
        self.begun |= bool(painted)
        self._printed, self._painted = len(self._parts), None
        if self.done and self._was_preamble:
            painted += page.lines("note", "this was said before the call:")
        return painted

    def live(self, page: Page, rows: int) -> list[str]:
        """See `Entry.live`."""
        if self.done and self.begun:
            return []
        lines = self._unprinted(page)
        if self.done or self._painted is None:
            return lines[-rows:]
        tail = self._tail.lines(self._growing, page.look, self._painted.room, rows)
        begun = self.begun or bool(lines) or len(tail) > rows
        return [*lines, *page.margin(self.kind, tail[-rows:], begun)][-rows:]

    def whole(self, page: Page) -> list[str]:
        """See `Entry.whole`."""
        return self._unprinted(page)

    def restart(self) -> None:
        """See `Entry.restart`."""
        super().restart()
        self._printed, self._painted = 0, None
        if self._was_preamble:
            self.kind, self._was_preamble = "preamble", False

    def _unprinted(self, page: Page) -> list[str]:
        """The lines of the parts that are final and were not printed."""
        if self._painted is None or self._painted.page is not page:
            self._painted = _Painted(page, page.room(self.kind), self._printed)
        painted = self._painted
        for part in self._parts[painted.parts :]:
            lines = self._lines(part, page, painted.room)
            painted.lines += page.margin(self.kind, lines, self.begun or bool(painted.lines))
            painted.parts += 1
        return painted.lines

    def _lines(self, part: Part, page: Page, room: int) -> list[Line]:
        lines = self._tail.known(part, page.look, room)
        lines = lines_of(part, room, page.look) if lines is None else lines
        return [[], *lines] if part.gap else lines


class _Painted:
    """What was painted for a page: the lines, and up to which of the parts."""

    def __init__(self, page: Page, room: int, parts: int) -> None:
        self.page = page
        self.room = room
        self.parts = parts
        self.lines: list[str] = []
