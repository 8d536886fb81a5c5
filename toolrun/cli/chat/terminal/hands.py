"""What happens when a person presses Enter, Ctrl-C, Ctrl-D, Ctrl-Z, or wants their editor?"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from toolrun.cli.exits import Exit
from toolrun.cli.screen import USER, WARNING

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from toolrun.cli.chat.terminal.face import Terminal

_AGAIN: Final = 3.0
"""Seconds within which a second Ctrl-C on an empty line leaves."""

_PATIENCE: Final = 5.0
"""Seconds that leaving in order may take, before the process just ends."""


class Hands:
    """What a person does at a terminal, beside typing. See `keys.Does`.

    Args:
        face: the terminal's.
    """

    def __init__(self, face: Terminal) -> None:
        self._face = face
        self._asked = -_AGAIN
        self._leaving = False
        self._tasks = set[asyncio.Task[Any]]()

    def enter(self) -> None:
        """Take what stands on the line: an answer, a message, or a command."""
        face = self._face
        if face.below.replying:
            face.questions.enter()
            return
        typed = face.below.draft.take()
        if not typed.strip():
            return
        if not face.waiting.wanted and face.is_at_once(typed):
            face.say(typed.strip(), USER)
            self._go(face.obey(typed.strip()))
        else:
            face.waiting.add(typed)

    def stop(self) -> None:
        """Ctrl-C: leave a question, stop the turn, empty the line, or leave."""
        face = self._face
        if self._leaving:
            self._at_once()
        elif face.below.replying:
            face.questions.answer(None)
        elif face.stop is not None:
            self._stop_turn()
        elif face.below.draft.buffer.text:
            face.below.draft.clear()
        elif time.monotonic() - self._asked < _AGAIN:
            self.leave()
        else:
            self._asked = time.monotonic()
            face.notice("Ctrl-C once more leaves, and so does Ctrl-D", _AGAIN)

    def _stop_turn(self) -> None:
        face = self._face
        if face.stopped:
            self.leave()
            return
        face.stopped = True
        assert face.stop is not None
        face.stop()
        # What waited was meant for after an answer that will not come.
        if face.waiting.messages:
            draft = face.below.draft
            draft.put("\n".join(filter(None, [face.waiting.take_all_back(), draft.text])))
            face.notice("what had waited is on the line again", _AGAIN)
        else:
            face.notice("stopping; Ctrl-C once more leaves", _AGAIN)

    def leave(self) -> None:
        """Ctrl-D, SIGTERM, SIGHUP, a terminal that is gone: end the turn, and leave."""
        if self._leaving:
            return
        self._leaving = True
        face = self._face
        face.questions.answer(None)
        if face.stop is not None:
            face.stopped = True
            face.stop()
        face.notice("leaving", _PATIENCE)
        face.left()
        asyncio.get_running_loop().call_later(_PATIENCE, self._at_once)

    def _at_once(self) -> None:
        """End the process, since something does not end; its session can be resumed."""
        self._face.paper.restore()
        self._face.keys_back()
        os._exit(Exit.INTERRUPTED)

    def suspend(self) -> None:
        """Ctrl-Z: give the terminal to the shell until it says `fg`."""
        self._go(self._suspend())

    async def _suspend(self) -> None:
        async with self._face.apart():
            # All of the job, as a terminal does it: an editor's or a tool's process, too.
            os.kill(0, signal.SIGTSTP)

    def write(self) -> None:
        """Change what stands on the line in an editor."""
        self._go(self._write())

    async def _write(self) -> None:
        draft = self._face.below.draft
        after = await self.edit(draft.text, ".md")
        if after is not None:
            draft.put(after)

    async def edit(self, text: str, suffix: str) -> str | None:
        """See `Face.edit`; an editor that fails is told of."""
        from toolrun.cli.chat.terminal.editor import EditorFailed, edited

        try:
            async with self._face.apart():
                return await edited(text, suffix)
        except EditorFailed as error:
            self._face.say(str(error), WARNING)
            return None

    def anew(self) -> None:
        """Ctrl-L: draw all anew, whatever others have written over it."""
        self._face.frames.anew()

    def take_back(self) -> bool:
        """Put the message that waits last on the line again."""
        message = self._face.waiting.take_back()
        if message is None:
            return False
        self._face.below.draft.put(message)
        return True

    def _go(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._face.say(f"{type(error).__name__}: {error}", WARNING)
