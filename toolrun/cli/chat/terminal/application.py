"""How does what still changes fit on the screen together with the input below it?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prompt_toolkit.application import Application

from toolrun.cli.chat.terminal.paper import Above

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prompt_toolkit.data_structures import Size

    from toolrun.cli.chat.terminal.paper import Paper


class Prompt(Application[None]):
    """The input, and what is drawn above it; both together never outgrow the screen.

    prompt_toolkit draws the input alone. What streams in above it costs it nothing, and a key that
    is pressed meanwhile draws no more than the input.

    Args:
        paper: what is written to.
        resized: is called when the screen has another size; it draws all anew.
        options: of the application.

    Attributes:
        away: whether the screen is not ours at the moment, or of an unknown size.
        drawn: when the input was drawn last, in seconds of `time.monotonic`.
    """

    def __init__(self, paper: Paper, resized: Callable[[], None], **options: Any) -> None:
        super().__init__(output=paper, full_screen=False, erase_when_done=True, **options)
        self.paper = paper
        self.above: Above = Above(paper, self.renderer)
        self.away = False
        self.drawn: float = 0.0
        self._resized = resized
        self._size = paper.get_size()
        self._room = 1
        self._room_of: Size | None = None

    @property
    def size(self) -> Size:
        """Of the screen."""
        return self.paper.get_size()

    @property
    def room(self) -> int:
        """How many lines there may be above the input, as it was when it was measured last."""
        size = self.size
        return self._room if size == self._room_of else self._measured(size)

    def show(self, settled: Sequence[str], lines: Sequence[str]) -> None:
        """Show lines above the input, and others above them that will not change any more."""
        with self.paper.frame():
            if len(settled) + len(lines) != len(self.above.lines):  # the input is drawn, too
                lines = lines[-self._measured(self.size) :]
            if self.above.put(settled, lines):
                self._draw()

    def anew(self, settled: Sequence[str], lines: Sequence[str]) -> None:
        """Empty the screen and show these, and the input below them."""
        with self.paper.frame():
            self.above.anew(settled, lines)
            self._draw()

    def _redraw(self, render_as_done: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        """Draw the input: prompt_toolkit calls this whenever it may look different."""
        if self.away and not render_as_done:
            return
        with self.paper.frame():
            if not render_as_done:
                self._make_room()
            self._draw(render_as_done)

    def _draw(self, render_as_done: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        self.drawn = time.monotonic()
        super()._redraw(render_as_done)

    def _make_room(self) -> None:
        """Let the input take more lines, or fewer, than when it was drawn last."""
        size, last = self.size, self.renderer.last_rendered_screen
        room = self._measured(size)
        if len(self.above.lines) > room:
            self.above.put([], self.above.lines[-room:])
        elif last is not None and last.height > size.rows - room:
            self.renderer.erase(leave_alternate_screen=False)

    def _measured(self, size: Size) -> int:
        """The room that there is beside the input as it is now: to find it takes a millisecond."""
        self._room, self._room_of = max(size.rows - self._height(size), 1), size
        return self._room

    def _height(self, size: Size) -> int:
        return self.layout.container.preferred_height(size.columns, size.rows).preferred

    def _on_resize(self) -> None:
        """prompt_toolkit calls this when the screen may have another size."""
        if self.size != self._size:
            self._size = self.size
            self._resized()
