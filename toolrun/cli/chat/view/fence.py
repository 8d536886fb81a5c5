"""What is shown of code whose end has not come yet? Each line is coloured once.

Of a text that begins in a line above, such as a comment, it is known only that a line begins
inside of it; once the code is whole, all of it is coloured again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.view.code import TEXTS, highlighted
from toolrun.cli.chat.view.markdown import code_lines
from toolrun.cli.chat.view.paint import Line, clean

if TYPE_CHECKING:
    from toolrun.cli.chat.view.growing import Part

_CONTEXT: Final = 20
"""Lines before a line that are looked at for its colours."""
_LATER: Final = 80
"""Characters at the end of the last line that may have no colours yet."""


class Fence:
    """Paints a fence that is open."""

    def __init__(self, part: Part) -> None:
        head = part.text[: part.text.find("\n")]
        self._head = head
        marks = head.lstrip(" ")
        self._mark = marks[:1]
        words = marks.lstrip(self._mark).split(maxsplit=1)
        self._language = words[0] if words else ""
        self._indent = len(head) - len(marks)
        self._taken = len(head) + 1
        self._code: list[str] = []
        self._lines: list[Line] = []
        self._inside = ""
        self._last: tuple[str, Line] = ("", [])

    def goes_on(self, part: Part) -> bool:
        """Whether a text is this one, grown."""
        return part.text.startswith(self._head + "\n") and len(part.text) >= self._taken

    def lines(self, part: Part, columns: int, rows: int) -> list[Line]:
        """The last lines of the code, so many at most."""
        end = part.text.rfind("\n") + 1
        if end > self._taken:
            self._take(part.text[self._taken : end - 1].split("\n"))
            self._taken = end
        last = self._stripped(part.text[end:])
        lines = self._lines[-rows:]
        if last.strip(self._mark):
            lines.append([(self._inside, clean(last))] if self._inside else self._alone(last))
        return code_lines(lines, columns)[-rows:]

    def _take(self, lines: list[str]) -> None:
        context = self._code[-_CONTEXT:] if self._inside else []
        new = [self._stripped(line) for line in lines]
        self._code += new
        # The last line tells whether a text goes on there that began above.
        coloured = highlighted("\n".join([*context, *new, "x"]), self._language)
        self._lines += coloured[len(context) : len(context) + len(new)]
        sgr = coloured[-1][0][0] if coloured and coloured[-1] else ""
        self._inside = sgr if sgr in TEXTS else ""
        self._last = ("", [])

    def _alone(self, line: str) -> Line:
        """The line that is not whole: what has just come has its colours a moment later."""
        before, coloured = self._last
        more = line[len(before) :]
        if len(more) < _LATER and line.startswith(before):
            return [*coloured, ("", clean(more))] if more else coloured
        self._last = (line, highlighted(line, self._language)[0])
        return self._last[1]

    def _stripped(self, line: str) -> str:
        """A line without the indent of the fence, of which it may have less."""
        blank = len(line) - len(line.lstrip(" "))
        return line[min(blank, self._indent) :]
