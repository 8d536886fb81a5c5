"""What would a terminal show of what is written to it? Just enough of one to tell."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Final, cast

from prompt_toolkit.data_structures import Size
from wcwidth import wcwidth

from toolrun.cli.chat.terminal.paper import Paper

if TYPE_CHECKING:
    from typing import TextIO

_PARTS: Final = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([\r\n\b])|([^\x1b\r\n\b])")


class Glass(io.TextIOBase):
    """A screen, and what has scrolled out of it.

    Attributes:
        gone: the lines that have scrolled out of it.
        writes: the texts that came, one for each write.
    """

    encoding = "utf-8"

    def __init__(self, columns: int = 40, rows: int = 12) -> None:
        self.columns, self.rows = columns, rows
        self.gone: list[str] = []
        self.writes: list[str] = []
        self._cells = self._blank()
        self._x = self._y = 0

    def write(self, text: str) -> int:
        self.writes.append(text)
        assert _PARTS.sub("", text) == "", f"what is this? {text!r}"
        for found in _PARTS.finditer(text):
            numbers, what, moved, char = found.groups()
            if char is not None:
                self._put(char)
            elif moved is not None:
                self._move(moved)
            elif not numbers.startswith("?"):
                self._obey(what, [int(each or 0) for each in numbers.split(";")])
        return len(text)

    def _blank(self) -> list[list[str]]:
        return [[" "] * self.columns for _ in range(self.rows)]

    def _put(self, char: str) -> None:
        width = wcwidth(char)
        assert self._x + width <= self.columns, f"{char!r} would be wrapped: {self.shown}"
        self._cells[self._y][self._x] = char
        for at in range(1, width):
            self._cells[self._y][self._x + at] = ""
        self._x += width

    def _move(self, char: str) -> None:
        if char == "\r":
            self._x = 0
        elif char == "\b":
            self._x = max(min(self._x, self.columns - 1) - 1, 0)
        elif self._y + 1 < self.rows:
            self._y += 1
        else:
            self.gone.append("".join(self._cells.pop(0)).rstrip())
            self._cells.append([" "] * self.columns)

    def _obey(self, what: str, numbers: list[int]) -> None:  # noqa: C901 - one arm each
        number = numbers[0] or 1
        match what:
            case "A":
                assert number <= self._y, "above the screen: what has scrolled away cannot change"
                self._y -= number
            case "B":
                self._y = min(self._y + number, self.rows - 1)
            case "C":
                self._x = min(self._x + number, self.columns - 1)
            case "D":
                self._x = max(self._x - number, 0)
            case "H":
                self._x = self._y = 0
            case "K":
                assert self._x < self.columns, "a full line would lose its last letter"
                self._cells[self._y][self._x :] = [" "] * (self.columns - self._x)
            case "J" if numbers[0] == 3:
                self.gone.clear()
            case "J":
                first = self._y + 1 if numbers[0] == 0 else 0
                if not numbers[0]:
                    self._cells[self._y][self._x :] = [" "] * (self.columns - self._x)
                self._cells[first:] = self._blank()[first:]
            case "m":
                pass
            case _:
                raise AssertionError(f"nobody needs {what!r}")

    @property
    def shown(self) -> list[str]:
        """The lines of the screen, but for empty ones at its end."""
        lines = ["".join(cells).rstrip() for cells in self._cells]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def lines(self) -> list[str]:
        """All lines, from the first that has scrolled away."""
        return [*self.gone, *self.shown]


class GlassPaper(Paper):
    """Paper on such a screen, which has its size."""

    def __init__(self, glass: Glass) -> None:
        super().__init__(cast("TextIO", glass), {"TERM": "xterm"})
        self.glass = glass

    def get_size(self) -> Size:
        return Size(rows=self.glass.rows, columns=self.glass.columns)
