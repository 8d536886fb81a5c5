"""What stands below the conversation: what waits, a question, the line, and the status?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.layout.processors import (
    AfterInput,
    ConditionalProcessor,
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import SearchToolbar

from toolrun.cli.screen import cut, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.filters import Filter

    from toolrun.cli.chat.status import Status
    from toolrun.cli.chat.terminal.asking import Asking, Fragments
    from toolrun.cli.chat.terminal.draft import Draft
    from toolrun.cli.chat.terminal.picking import Picking

STYLE: Final = Style.from_dict(
    {
        "prompt": "bold ansicyan",
        "rule": "dim",
        "working": "ansicyan",
        "queued": "dim",
        "question": "bold ansiyellow",
        "choice": "",
        "picked": "reverse",
        "hint": "dim",
        "status": "dim",
        "status.dim": "dim",
        "status.live": "nodim ansicyan",
        "status.warning": "nodim ansiyellow",
        "notice": "ansiyellow",
        "menu": "",
        "menu-meaning": "dim",
    }
)
"""Colours of the terminal's own sixteen."""

_DOTS: Final = "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f"
_STROKES: Final = "|/-\\"
_TICK: Final = 0.25
_SMALL: Final = 16
_HINT: Final = "a message, or / for commands"


class _Signs(Processor):
    """Shows what is pasted or completed as the conversation is shown: without what is obeyed."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """For prompt_toolkit, which has signs for the controls of ASCII alone."""
        return Transformation(
            [(each[0], visible(each[1])) for each in transformation_input.fragments]
        )


class Below:
    """What is drawn below the conversation, from the top: all of it at most half the screen high.

    Args:
        draft: the line of messages.
        size: of the screen.
        unicode: whether it takes glyphs beside ASCII.

    Attributes:
        reply: the line on which a question is answered, or a list is searched.
        queued: messages that wait.
        asking: the question that is asked.
        picking: the list that is picked from.
        status: what the status line says.
        notice: what stands there instead for a moment.
        since: when the turn that runs began; None: there is none.
    """

    def __init__(self, draft: Draft, size: Callable[[], Size], *, unicode: bool) -> None:
        self.draft = draft
        self.reply: Buffer = Buffer(name="reply", multiline=False)
        self.queued: Sequence[str] = ()
        self.asking: Asking | None = None
        self.picking: Picking | None = None
        self.status: Status | None = None
        self.notice = ""
        self.since: float | None = None
        self._size = size
        self._unicode = unicode
        self._prompt = self._one_of("\u276f ", "> ")
        self.layout: Layout = self._layout()

    @property
    def replying(self) -> bool:
        """Whether a question is answered, or a list searched."""
        return self.asking is not None or self.picking is not None

    def _layout(self) -> Layout:
        search = SearchToolbar(ignore_case=True)
        hint = AfterInput(_HINT, style="class:hint")
        self._line = Window(
            BufferControl(
                self.draft.buffer,
                search_buffer_control=search.control,
                input_processors=[
                    _Signs(),
                    ConditionalProcessor(hint, Condition(self._idle) & ~is_searching),
                ],
                preview_search=True,
            ),
            height=lambda: Dimension(min=1, max=self._lines(3, 12)),
            get_line_prefix=self._prefix,
            wrap_lines=True,
            dont_extend_height=True,
        )
        self._reply = Window(
            BufferControl(self.reply, input_processors=[_Signs()]),
            height=lambda: Dimension(min=1, max=self._lines(4, 4)),
            get_line_prefix=self._prefix,
            wrap_lines=True,
            dont_extend_height=True,
        )
        replying = Condition(lambda: self.replying)
        completing = Condition(lambda: self._menu_rows() > 0)
        return Layout(
            HSplit(
                [
                    _when(Condition(lambda: bool(self.queued)), self._queue, 0),
                    _text(self._rule, 1),
                    _when(Condition(lambda: self.asking is not None), self._question, self._most),
                    _when(Condition(lambda: self.picking is not None), self._rows, self._most),
                    ConditionalContainer(self._reply, filter=replying),
                    ConditionalContainer(self._line, filter=~replying),
                    search,
                    _when(completing, self._menu, 0),
                    _when(~completing, self._bottom, 1),
                ]
            ),
            focused_element=self._line,
        )

    def focus(self) -> None:
        """Let keys go where they belong."""
        self.layout.focus(self._reply if self.replying else self._line)

    def _lines(self, part: int, most: int) -> int:
        """A part of the screen's rows, or the most that are ever taken."""
        return max(min(self._size().rows // part, most), 1)

    def _most(self) -> int:
        return self._lines(2, 14) - 1

    def _one_of(self, unicode: str, plain: str) -> str:
        return unicode if self._unicode else plain

    def _idle(self) -> bool:
        return not self.draft.buffer.text and self.since is None and not self.queued

    def _prefix(self, line: int, wrapped: int) -> Fragments:
        return [("class:prompt", "  " if line or wrapped else self._prompt)]

    def _queue(self) -> Fragments:
        width, most = self._size().columns, 1 if self._size().rows < _SMALL else 3
        hidden = len(self.queued) - most
        shown = (
            self.queued[-most:] if hidden <= 0 else self.queued[-(most - 1) or len(self.queued) :]
        )
        lines = [f"  {hidden + 1:,} more wait"] if hidden > 0 and most > 1 else []
        for each in shown[-most:]:
            mark = self._one_of("\u2934 ", "^ ")
            lines.append(cut(f"  {mark}{visible(each)}".replace("\n", " "), width - 1))
        return [("class:queued", "\n".join(lines))]

    def _rule(self) -> Fragments:
        width, stroke = self._size().columns - 1, self._one_of("\u2500", "-")
        if self.since is None:
            return [("class:rule", stroke * width)]
        passed = max(time.monotonic() - self.since, 0.0)
        signs = self._one_of(_DOTS, _STROKES)
        sign = signs[int(passed / _TICK) % len(signs)]
        words = cut(f" {sign} {passed:.0f} s, Ctrl-C stops ", max(width - 4, 1))
        return [
            ("class:rule", stroke * 2),
            ("class:working", words),
            ("class:rule", stroke * max(width - 2 - len(words), 0)),
        ]

    def _question(self) -> Fragments:
        rows, columns = self._size()
        return self.asking.fragments(columns, rows) if self.asking else []

    def _rows(self) -> Fragments:
        return self.picking.fragments(self._size().columns, self._most()) if self.picking else []

    def _bottom(self) -> Fragments:
        width = self._size().columns - 1
        if self.notice:
            return [("class:notice", cut(f"  {visible(self.notice)}", width))]
        if self.status is None:
            return [("class:status", cut("  starting ...", width))]
        return [("class:status", "  "), *self.status.text(width - 2, unicode=self._unicode)]

    def _menu_rows(self) -> int:
        state = self.draft.buffer.complete_state
        if state is None or self.replying:
            return 0
        return min(len(state.completions), self._lines(4, 8))

    def _menu(self) -> Fragments:
        state, width = self.draft.buffer.complete_state, self._size().columns - 1
        if state is None:
            return []
        rows, at = self._menu_rows(), state.complete_index
        first = min(max((at or 0) - rows // 2, 0), len(state.completions) - rows)
        shown = state.completions[first : first + rows]
        longest = min(max(len(each.display_text) for each in shown), width // 2)
        text: Fragments = []
        for number, each in enumerate(shown, first):
            name = cut(visible(each.display_text), longest).ljust(longest)
            style = "class:picked" if number == at else "class:menu"
            meaning = cut(f"  {visible(each.display_meta_text)}", max(width - longest - 2, 1))
            newline = [("", "\n")] if text else []
            text += [*newline, ("", "  "), (style, name), ("class:menu-meaning", meaning)]
        return text


def _text(text: Callable[[], Fragments], most: int | Callable[[], int]) -> Window:
    if most == 1:
        one = Dimension.exact(1)
        return Window(FormattedTextControl(text), height=one, dont_extend_height=True)

    def height() -> Dimension:
        lines = sum(part[1].count("\n") for part in text()) + 1
        limit = most() if callable(most) else most
        return Dimension.exact(min(lines, limit) if limit else lines)

    return Window(FormattedTextControl(text), height=height, dont_extend_height=True)


def _when(
    filter_: Filter, text: Callable[[], Fragments], most: int | Callable[[], int]
) -> ConditionalContainer:
    return ConditionalContainer(_text(text, most), filter=filter_)
