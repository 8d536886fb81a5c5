"""What is shown of a table whose end has not come yet? Each row is parsed once."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.view.markdown import table_of
from toolrun.cli.chat.view.tables import natural_widths, tabulated

if TYPE_CHECKING:
    from toolrun.cli.chat.view.look import Look
    from toolrun.cli.chat.view.paint import Line, Span
    from toolrun.cli.chat.view.tables import Side

_PLAIN: Final = re.compile(r"\|(?:(?:[^\W_]|[ ,.;:'\"?()/%$@+=#-])*\|)+\Z")
"""A row with no mark in it."""


class Rows:
    """Paints a table that grows.

    Args:
        text: its source so far; the first two lines of it are whole.
        look: what the terminal can show.

    Attributes:
        sound: whether it is a table so far, with a row in each line.
    """

    def __init__(self, text: str, look: Look) -> None:
        self._look = look
        self._head = text[: text.find("\n", text.find("\n") + 1) + 1]
        self._source = ""
        self._rows: list[list[list[Span]]] = []
        self._sides: list[Side] = []
        self._natural: list[int] = []
        self._painted: tuple[int, int, list[Line]] = (0, 0, [])
        self.sound: bool = True
        self._take(text[: text.rfind("\n") + 1])

    def goes_on(self, text: str) -> bool:
        """Whether a text is this table, grown."""
        return text.startswith(self._source)

    def lines(self, text: str, columns: int, rows: int) -> list[Line]:
        """The lines of its whole rows, those of so many of them at least."""
        self._take(text[: text.rfind("\n") + 1])
        count = len(self._rows)
        if self._painted[:2] != (count, rows):
            self._painted = (count, rows, self._lines(columns, rows))
        return self._painted[2]

    def whole(self, text: str, columns: int) -> list[Line] | None:
        """The lines of all of it, once it is complete; None where it is another text."""
        text = f"{text}\n"
        if not self.goes_on(text):
            return None
        self._take(text)
        return self._lines(columns, len(self._rows)) if self.sound else None

    def _lines(self, columns: int, rows: int) -> list[Line]:
        head, *others = self._rows
        last = others[-rows:] if rows else []
        return tabulated(head, last, columns, self._look, self._sides, self._natural)

    def _take(self, text: str) -> None:
        """Take in the lines that came; each cell depends on its row alone."""
        new = text[len(self._source) :]
        if not new or not self.sound:
            return
        rows = self._plain(new) if self._source else None
        if rows is None:
            table = table_of(self._head + new if self._source else new, self._look)
            if table is None:
                self.sound = False
                return
            rows, self._sides = table
            self.sound = len(rows) == new.count("\n") + (1 if self._source else -1)
            rows = rows[1:] if self._source else rows
        self._rows += rows
        self._source = text
        both = zip_longest(self._natural, natural_widths(rows), fillvalue=0)
        self._natural = [max(pair) for pair in both]

    def _plain(self, new: str) -> list[list[list[Span]]] | None:
        """The cells of lines that need no parser; None where one does."""
        rows: list[list[list[Span]]] = []
        for line in new.removesuffix("\n").split("\n"):
            cells = line[1:-1].split("|")
            if len(cells) != len(self._sides) or _PLAIN.match(line) is None:
                return None
            rows.append([[("", cell.strip())] if cell.strip() else [] for cell in cells])
        return rows
