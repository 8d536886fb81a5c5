"""How is a terminal written to: each frame as one piece, and only what has changed?"""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TextIO

    from prompt_toolkit.renderer import Renderer

_BEGIN: Final = "\x1b[?2026h"
_END: Final = "\x1b[?2026l"
"""A frame is shown when it is whole (mode 2026); a terminal that does not know it ignores it."""

_CLEAR: Final = "\x1b[H\x1b[2J\x1b[3J"
_BELOW: Final = "\x1b[J"
_REST_OF_LINE: Final = "\x1b[K"
_RESTORED: Final = "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m"
"""No bracketed paste, lines wrap, the cursor is seen, no colour."""


class Paper(Vt100_Output):
    """A terminal; it is never asked where its cursor is, so nothing waits for an answer.

    Args:
        file: the terminal.
        env: the environment: NO_COLOR and TERM say which colours there are.

    Attributes:
        gone: whether it takes nothing any more.
    """

    def __init__(self, file: TextIO, env: Mapping[str, str] = os.environ) -> None:
        super().__init__(
            file,
            lambda: _size(file),
            term=env.get("TERM"),
            default_color_depth=ColorDepth.DEPTH_1_BIT if env.get("NO_COLOR") else None,
            enable_bell=False,
            enable_cpr=False,
        )
        self.gone: bool = False
        self._frames = 0
        self._framed: Size | None = None

    def get_size(self) -> Size:
        """The rows and columns of the screen; a frame is drawn for one size."""
        if not self._frames:
            return super().get_size()
        self._framed = self._framed or super().get_size()
        return self._framed

    @contextmanager
    def frame(self) -> Iterator[None]:
        """Let what is written inside reach the terminal as one piece."""
        self._frames += 1
        try:
            yield
        finally:
            self._frames -= 1
            if not self._frames:
                self._framed = None
            if not self._frames and self._buffer:
                self._buffer = [_BEGIN, *self._buffer, _END]
                self.flush()

    def flush(self) -> None:
        """Write what was gathered, but for the inside of a frame."""
        if self._frames:
            return
        try:
            super().flush()
        except OSError:
            self.gone = True  # the window was closed: SIGHUP is on its way, too

    def restore(self) -> None:
        """Leave the terminal as others expect it; for a way out on which nobody else does."""
        self._frames = 0
        self._buffer = [_RESTORED, "\r\n"]
        self.flush()


class Above:
    """The lines between what has scrolled by and the input: those that may still change.

    The input is drawn by `renderer`, from the line below them on.
    """

    def __init__(self, paper: Paper, renderer: Renderer) -> None:
        self.lines: list[str] = []
        self._paper = paper
        self._renderer = renderer

    def put(self, settled: Sequence[str], lines: Sequence[str]) -> bool:
        """Show these lines in place of those that are there, below others that are settled.

        Returns:
            whether the input has to be drawn anew, where the cursor is now.
        """
        before, after = self.lines, [*settled, *lines]
        self.lines = list(lines)
        if len(before) == len(after):
            self._in_place(before, after)
            return False
        same = 0
        while same < min(len(before), len(after)) and before[same] == after[same]:
            same += 1
        self._to_line(len(before) - same)
        # Wiped first: behind a line that fills its row the last character would be wiped.
        self._paper.write_raw("".join(f"{_REST_OF_LINE}{line}\r\n" for line in after[same:]))
        self._paper.write_raw(_BELOW)
        self._renderer.reset(leave_alternate_screen=False)
        return True

    def clear(self) -> None:
        """Take the lines and the input away; the cursor stands where the first of them was."""
        self.put([], [])
        self._renderer.erase(leave_alternate_screen=False)

    def anew(self, settled: Sequence[str], lines: Sequence[str]) -> None:
        """Empty the screen and what has scrolled out of it, and show these."""
        self._paper.write_raw(_CLEAR)
        self._paper.write_raw("".join(f"{line}\r\n" for line in [*settled, *lines]))
        self.lines = list(lines)
        self._renderer.reset(leave_alternate_screen=False)

    def _to_line(self, above: int) -> None:
        """Move to the beginning of the line so many lines above the input."""
        self._paper.write_raw("\r")
        self._paper.cursor_up(self._row + above)

    @property
    def _row(self) -> int:
        return self._renderer._cursor_pos.y  # noqa: SLF001 - it tells nobody else

    def _in_place(self, before: Sequence[str], after: Sequence[str]) -> None:
        """Write the lines that differ; the cursor stands where it stood."""
        changed = [n for n, (one, other) in enumerate(zip_longest(before, after)) if one != other]
        if not changed:
            return
        paper, count = self._paper, len(after)
        paper.hide_cursor()
        self._to_line(count - changed[0])
        at = changed[0]
        for number in changed:
            paper.write_raw("\r")
            paper.cursor_down(number - at)
            paper.write_raw(_REST_OF_LINE + after[number])
            at = number
        paper.write_raw("\r")
        paper.cursor_down(count - at + self._row)
        paper.cursor_forward(self._renderer._cursor_pos.x)  # noqa: SLF001 - as above
        paper.show_cursor()


def _size(file: TextIO) -> Size:
    try:
        size = os.get_terminal_size(file.fileno())
    except (OSError, ValueError):
        return Size(rows=24, columns=80)
    return Size(rows=size.lines or 24, columns=size.columns or 80)
