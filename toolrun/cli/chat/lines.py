"""How is a conversation held line by line: in a pipe, on a dumb terminal, for a screen reader?"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.terminal.picking import ago
from toolrun.cli.chat.waiting import is_asked
from toolrun.cli.exits import Exit
from toolrun.cli.keyboard import Keyboard, leaves, reader
from toolrun.cli.render import Renderer
from toolrun.cli.screen import INDENTED, NOTE, QUESTION, USER, WARNING, Screen, Style
from toolrun.cli.watch import Interrupts
from toolrun.events import UserMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    from toolrun.cli.chat.face import Question, Row, Talk
    from toolrun.cli.chat.status import Status
    from toolrun.cli.chat.view.blocks import Block
    from toolrun.events import Event


_LISTED: Final = 20
"""Rows of a list that are written at once."""


class Lines:
    """A face that only ever writes lines below those that are there. See `Face`.

    Attributes:
        interrupted: whether Ctrl-C ended a question.
    """

    def __init__(self, shown: TextIO | None = None, *, aloud: bool = False) -> None:
        """Take the terminal, or the pipes.

        Args:
            shown: what is written to, where that is not stdout: stderr beside an answer.
            aloud: whether it is read aloud: words stand in place of glyphs.
        """
        self._reader = reader() if shown is None else Keyboard(shown)
        self._aloud = aloud
        self._screen = Screen.of(shown or sys.stdout, aloud=aloud)
        self._renderer = Renderer(self._screen, self._screen)
        self._interrupts = Interrupts(self._reader.interrupt)
        self._prefilled = ""
        self.interrupted: bool = False
        self.asks = True
        self._turns = False

    def show(self, event: Event) -> None:
        """See `Face.show`."""
        if isinstance(event, UserMessage) and not self._turns:
            self.say(event.content, USER)  # of a session that was opened again: nobody typed it
        if not (self.asks and is_asked(event)):
            self._renderer.show(event)

    def say(self, text: str, style: Style = NOTE) -> None:
        """See `Face.say`."""
        self._renderer.close()
        self._screen.line(style, text)

    def put(self, block: Block) -> None:
        """See `Face.put`."""
        if block.kind == "diff" and self._screen.colour and not self._aloud:
            self._paint(block)
        else:
            self.say(f"{block.title}\n{block.text}" if block.title else block.text, INDENTED)

    def _paint(self, block: Block) -> None:
        """Write a block with its colours, as at a terminal of the other face."""
        from toolrun.cli.chat.view.look import Look
        from toolrun.cli.chat.view.view import View

        self._renderer.close()
        view = View(Look(unicode=self._screen.unicode))
        view.put(block)
        width = shutil.get_terminal_size().columns
        self._screen.file.write("\n".join([*view.settled(width), ""]))
        self._screen.file.flush()

    def status(self, status: Status) -> None:
        """See `Face.status`; there is no such line."""

    async def message(self) -> str | None:
        """See `Face.message`."""
        prompt = USER.word if self._aloud else USER.glyph if self._screen.unicode else USER.plain
        if self._interrupts.terminated:
            return None
        text, self._prefilled = self._prefilled, ""
        return await leaves(self._reader, prompt, self.say, text)

    async def ask(self, question: Question) -> str | None:
        """See `Face.ask`."""
        if question.choices and isinstance(self._reader, Keyboard):
            self._reader.forget()
        choices = "; ".join(f"{each.key}: {each.what or each.word}" for each in question.choices)
        self.say(f"{question.text} {choices}".rstrip(), QUESTION)
        try:
            said = await self._reader.read("? ", remember=False, text=question.default)
        except KeyboardInterrupt:
            self.interrupted = True
            return None
        for each in question.choices:
            if said is not None and said.strip().lower() in (each.key, each.word):
                return each.word
        return said

    async def pick(self, title: str, rows: Sequence[Row]) -> int | None:
        """See `Face.pick`."""
        words: list[str] = []
        while True:
            fit = [at for at, row in enumerate(rows) if all(word in _sought(row) for word in words)]
            self.say(f"{title} {len(fit):,} of {len(rows):,}")
            for at in fit[:_LISTED]:
                self.say(_line(at + 1, rows[at]))
            try:
                said = await self._reader.read("number, or words to look for: ", remember=False)
            except KeyboardInterrupt:
                return None
            if not (typed := (said or "").strip()):
                return None
            if typed.isdigit() and 0 < int(typed) <= len(rows):
                return int(typed) - 1
            words = typed.lower().split()

    async def edit(self, text: str, suffix: str = ".md") -> str | None:
        """See `Face.edit`; where nobody is at a keyboard, nothing is changed."""
        if not isinstance(self._reader, Keyboard):
            return None
        from toolrun.cli.chat.terminal.editor import EditorFailed, edited

        try:
            return await edited(text, suffix)
        except EditorFailed as error:
            self.say(str(error), WARNING)
            return None

    @contextmanager
    def turning(self, stop: Callable[[], bool]) -> Iterator[None]:
        """See `Face.turning`."""
        asked = False

        def stopped() -> None:
            nonlocal asked
            if asked:
                os._exit(Exit.INTERRUPTED)
            asked = True
            self._renderer.interrupted()
            stop()

        try:
            self._turns = True
            with self._interrupts.stopping(stopped):
                yield
        finally:
            self._turns = False
            self._renderer.close()

    def fold(self, number: int | None = None) -> None:  # noqa: ARG002 - see `Face.fold`
        """Say that nothing is folded here."""
        self.say("nothing is folded here: what is cut is in the trace, see /trace view")

    def prefill(self, text: str) -> None:
        """See `Face.prefill`."""
        self._prefilled = text

    def again(self) -> None:
        """See `Face.again`; what was written stays."""

    async def run(self, talk: Talk) -> int:
        """See `Face.run`."""
        with self._interrupts:
            return await talk.hold()


def _sought(row: Row) -> str:
    return f"{row.title} {row.detail}".lower()


def _line(number: int, row: Row) -> str:
    """A row of a list, flat: a title may hold what ends a line."""
    when = f"{ago(row.when)}  " if row.when else ""
    return f"{number:>3}  {when}{row.title}  {row.detail}".replace("\n", " ").rstrip()
