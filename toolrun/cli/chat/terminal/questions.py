"""What is asked of a person, one thing at a time, and what do they answer?"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.terminal.asking import Asking
from toolrun.cli.chat.terminal.picking import Picking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.cli.chat.face import Question, Row
    from toolrun.cli.chat.terminal.windows import Below

_REST: Final = 0.7
"""Seconds for which nobody has typed before a question takes the keys: what was typed as it came up
was no answer to it, and an `a` and Enter would let every later call run."""


class Questions:
    """What is asked, and lists that are picked from; those that come meanwhile wait.

    Args:
        below: where they are drawn, and where it is typed.
        redraw: draws it anew.
    """

    def __init__(self, below: Below, redraw: Callable[[], None]) -> None:
        self._below = below
        self._redraw = redraw
        self._answer: asyncio.Future[str | int | None] | None = None
        self._one = asyncio.Lock()
        self._ended = False
        self._typed = -_REST
        below.reply.on_text_changed += lambda _: self._sought()
        below.draft.buffer.on_text_changed += lambda _: self._types()

    async def ask(self, question: Question) -> str | None:
        """What is answered; None where nobody will."""
        async with self._one:
            await self._rested()
            self._below.asking = Asking(question)
            self._below.reply.text = question.default
            self._below.reply.cursor_position = len(question.default)
            try:
                said = await self._answered()
            finally:
                self._below.asking = None
                self._focus()
        return None if said is None else str(said)

    async def pick(self, title: str, rows: Sequence[Row]) -> int | None:
        """The number of the row that is picked; None where none is."""
        async with self._one:
            self._below.picking = Picking(title, rows)
            self._below.reply.reset()
            try:
                picked = await self._answered()
            finally:
                self._below.picking = None
                self._focus()
        return picked if isinstance(picked, int) else None

    def enter(self) -> None:
        """Enter was pressed where something was asked."""
        typed = self._below.reply.text
        if self._below.picking is not None:
            if (picked := self._below.picking.picked) is not None:
                self.answer(picked)
        elif self._below.asking is not None:
            said = self._below.asking.answer(typed)
            if said is not None:  # a slip of the Enter key decides nothing
                self.answer(said)

    def answer(self, answer: str | int | None) -> None:
        """Somebody has answered what is asked; None: they will not."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def end(self) -> None:
        """Nobody is there to answer any more."""
        self._ended = True

    def _types(self) -> None:
        """Something on the line has changed; once it is empty it was sent, and is over."""
        self._typed = time.monotonic() if self._below.draft.buffer.text else -_REST

    async def _rested(self) -> None:
        """Let whoever types a message come to a pause, or to its end."""
        while not self._ended:
            left = self._typed + _REST - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(left)

    async def _answered(self) -> str | int | None:
        if self._ended:
            return None
        self._answer = asyncio.get_running_loop().create_future()
        self._focus()
        try:
            return await self._answer
        finally:
            self._answer = None

    def _focus(self) -> None:
        self._below.focus()
        self._redraw()

    def _sought(self) -> None:
        if self._below.picking is not None:
            self._below.picking.seek(self._below.reply.text)
