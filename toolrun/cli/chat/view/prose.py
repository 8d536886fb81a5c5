"""How does the text of a step look while it streams, until it is known for what it is?

It is the answer, unless calls follow: then it was a preamble. As long as it is short, none of it
is printed, so that it can still become one; what had been printed of a long one stays, and a line
says what it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.cli.chat.view.entry import Entry

if TYPE_CHECKING:
    from toolrun.cli.chat.view.page import Page


class Prose(Entry):
    """The text of a step."""

    def __init__(self) -> None:
        super().__init__("answer")
        self._text = ""

    def feed(self, text: str) -> None:
        """Add what it said."""
        self._text += text

    def end(self, text: str | None = None, *, preamble: bool = False) -> None:
        """The step is over; `text` is all that it said, where that is known."""
        if text is not None:
            self._text = text
        if preamble:
            self.kind = "preamble"
        self.done = True

    def whole(self, page: Page) -> list[str]:
        """See `Entry.whole`."""
        return page.lines(self.kind, self._text.strip("\n"))
