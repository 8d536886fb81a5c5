"""How does a conversation reach a person at a terminal, and their keys the conversation?"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from prompt_toolkit.application import in_terminal
from prompt_toolkit.application.current import set_app

from toolrun.cli.chat.terminal.application import Prompt
from toolrun.cli.chat.terminal.draft import Draft
from toolrun.cli.chat.terminal.frames import Frames
from toolrun.cli.chat.terminal.hands import Hands
from toolrun.cli.chat.terminal.keys import bindings
from toolrun.cli.chat.terminal.paper import Paper
from toolrun.cli.chat.terminal.printed import printing_to
from toolrun.cli.chat.terminal.questions import Questions
from toolrun.cli.chat.terminal.reading import keyboard
from toolrun.cli.chat.terminal.waiting import Waiting
from toolrun.cli.chat.terminal.windows import STYLE, Below
from toolrun.cli.exits import Exit
from toolrun.cli.screen import NOTE, OUTPUT, QUESTION, USER, Screen, Style

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from prompt_toolkit.input import Input

    from toolrun.cli.chat.face import Question, Row, Talk
    from toolrun.cli.chat.status import Status
    from toolrun.cli.chat.terminal.frames import Shows
    from toolrun.cli.chat.view.blocks import Block
    from toolrun.cli.chat.view.look import Look
    from toolrun.events import Event

_GRACE: Final = 1.0
"""Seconds that a conversation has to end in which no turn runs, such as one that is opening."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


class Terminal:
    """A face that draws an input below what scrolls by. See `Face`.

    `opened` is the time in which the keys are ours; a conversation is driven inside it.

    Args:
        paper: what is written to; stdout by default.
        keys: where keys come from; stdin by default.
        look: which glyphs and colours there are.

    Attributes:
        below: what is drawn below the conversation.
        frames: what is drawn of it.
        questions: what is asked.
        waiting: messages that are not taken yet.
        stop: stops the turn that runs; None: none does.
        stopped: whether it was told to.
    """

    asks = True

    def __init__(
        self, paper: Paper | None = None, keys: Input | None = None, look: Look | None = None
    ) -> None:
        self.paper: Paper = paper or Paper(sys.stdout)
        self._look = look
        self._talk: Talk | None = None
        self.stop: Callable[[], bool] | None = None
        self.stopped: bool = False
        self._unnotice: asyncio.TimerHandle | None = None
        self._left = asyncio.Event()
        self._terminated = False
        unicode = look.unicode if look is not None else Screen.of(sys.stdout).unicode
        self.below: Below = Below(Draft(self._complete), self.paper.get_size, unicode=unicode)
        self.waiting: Waiting = Waiting(self._queued)
        self._hands = Hands(self)
        self._prompt = Prompt(
            self.paper,
            self._resized,
            input=keys or keyboard(),
            layout=self.below.layout,
            style=STYLE,
            key_bindings=bindings(self.below, self._hands),
        )
        self.frames: Frames = Frames(self._prompt, self._view)
        self.questions: Questions = Questions(self.below, self._prompt.invalidate)

    def show(self, event: Event) -> None:
        """See `Face.show`."""
        self.frames.show(event)

    def say(self, text: str, style: Style = NOTE) -> None:
        """See `Face.say`."""
        self.frames.say(text, style)

    def put(self, block: Block) -> None:
        """See `Face.put`."""
        self.frames.put(block)

    def status(self, status: Status) -> None:
        """See `Face.status`."""
        if status != self.below.status:
            self.below.status = status
            if self.below.since is None:  # else the clock draws it soon
                self._prompt.invalidate()

    async def message(self) -> str | None:
        """See `Face.message`."""
        said = await self.waiting.next()
        if said is not None and said.lstrip().startswith("/"):
            self.say(said.strip(), USER)  # a message is an event, and shown as that
        return said

    async def ask(self, question: Question) -> str | None:
        """See `Face.ask`."""
        said = await self.questions.ask(question)
        if said is not None:
            self.say(f"{question.text} {said}", QUESTION)
        return said

    async def pick(self, title: str, rows: Sequence[Row]) -> int | None:
        """See `Face.pick`."""
        return await self.questions.pick(title, rows)

    async def edit(self, text: str, suffix: str = ".md") -> str | None:
        """See `Face.edit`."""
        return await self._hands.edit(text, suffix)

    @contextmanager
    def turning(self, stop: Callable[[], bool]) -> Iterator[None]:
        """See `Face.turning`."""
        self.stop, self.stopped, self.below.since = stop, False, time.monotonic()
        self.frames.tick(on=True)
        try:
            yield
        finally:
            self.stop, self.below.since = None, None
            self.frames.tick(on=False)
            self._prompt.invalidate()

    def fold(self, number: int | None = None) -> None:
        """See `Face.fold`."""
        if not self.frames.fold(number):
            self.say(f"there is no block {number} to fold")

    def prefill(self, text: str) -> None:
        """See `Face.prefill`."""
        self.below.draft.put(text)

    def again(self) -> None:
        """See `Face.again`."""
        self.frames.begin()

    async def run(self, talk: Talk) -> int:
        """See `Face.run`."""
        self._talk = talk
        if self._prompt.is_running or self._left.is_set():
            code = await self._held(talk)
        else:
            async with self.opened():
                code = await self._held(talk)
        return Exit.INTERRUPTED if self._terminated else code

    async def _held(self, talk: Talk) -> int:
        """Hold the conversation; one that is not waiting for a message does not keep anybody."""
        if self._left.is_set():
            return 0
        holding = asyncio.ensure_future(talk.hold())
        leaving = asyncio.ensure_future(self._left.wait())
        try:
            await asyncio.wait({holding, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not holding.done():
                await asyncio.wait({holding}, timeout=_GRACE)
            if not holding.done() and self.stop is None:
                holding.cancel()
            return await holding
        except asyncio.CancelledError:
            if not self._left.is_set():
                raise
            return 0
        finally:
            leaving.cancel()
            holding.cancel()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The prompt stands inside; what others print is shown above it."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        running = loop.create_task(
            self._prompt.run_async(
                pre_run=ready.set, set_exception_handler=False, handle_sigint=False
            )
        )
        running.add_done_callback(self._ended)
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._terminate)
        # Of the keys Ctrl-C is one; as a signal it comes from elsewhere, such as `kill -INT`.
        loop.add_signal_handler(signal.SIGINT, self._hands.stop)
        try:
            await ready.wait()
            with printing_to(self._printed):
                yield
        finally:
            await asyncio.sleep(0)  # what was printed last is told of in the loop
            self.frames.close()
            if not running.done():
                self._prompt.exit()
            with suppress(EOFError, OSError):
                await running
            for number in (*_SIGNALS, signal.SIGINT):
                loop.remove_signal_handler(number)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[None]:
        """The terminal is somebody else's inside, with its keys."""
        loop = asyncio.get_running_loop()
        # Ctrl-C is a signal then, and reaches all processes of the terminal: it is not for us.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        try:
            with self.frames.apart(), set_app(self._prompt):
                async with in_terminal():
                    yield
        finally:
            loop.add_signal_handler(signal.SIGINT, self._hands.stop)

    def notice(self, text: str, seconds: float) -> None:
        """Say something in place of the status line, for a while."""
        if self._unnotice is not None:
            self._unnotice.cancel()
        self.below.notice = text
        self._prompt.invalidate()
        if text:
            loop = asyncio.get_running_loop()
            self._unnotice = loop.call_later(seconds, self.notice, "", 0.0)

    def left(self) -> None:
        """No more messages come."""
        self._left.set()
        self.questions.end()
        self.waiting.end()

    def is_at_once(self, typed: str) -> bool:
        """Whether a command need not wait for the turn that runs."""
        from toolrun.cli.chat.commands.registry import command_of

        command = command_of(typed.strip())
        return self._talk is not None and command is not None and command.at_once

    async def obey(self, typed: str) -> None:
        """Do a command beside the turn that runs."""
        if self._talk is not None:
            await self._talk.at_once(typed)

    def keys_back(self) -> None:
        """Let the terminal treat keys as before; for a way out on which nobody else does."""
        with suppress(Exception):
            self._prompt.input.cooked_mode().__enter__()

    def _terminate(self) -> None:
        self._terminated = True
        self._hands.leave()

    def _ended(self, running: asyncio.Task[None]) -> None:
        """The keyboard is gone, or the conversation is over."""
        if not running.cancelled():
            running.exception()
        self._hands.leave()

    def _printed(self, text: str) -> None:
        """Show what others have printed, in whatever thread they have."""
        if self._prompt.loop is not None:
            self._prompt.loop.call_soon_threadsafe(self.say, text, OUTPUT)

    def _queued(self) -> None:
        # One that is taken at once need not be seen to wait.
        self.below.queued = [] if self.waiting.wanted else list(self.waiting.messages)
        self._prompt.invalidate()

    def _complete(self, typed: str) -> Iterable[tuple[str, str]]:
        return self._talk.complete(typed) if self._talk is not None else ()

    def _resized(self) -> None:
        self.frames.resized()

    def _view(self) -> Shows:
        from toolrun.cli.chat.view.look import Look
        from toolrun.cli.chat.view.view import View

        return View(self._look or Look.of(self.paper.stdout))
