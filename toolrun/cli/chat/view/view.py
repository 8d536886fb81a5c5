"""How do the events of a session become the lines of a screen?

What is final is handed out once, to be printed; what still changes is drawn anew, as often as
whoever draws likes to.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from toolrun import events as ev
from toolrun.cli.chat.view.blocks import Block
from toolrun.cli.chat.view.call import Call
from toolrun.cli.chat.view.entry import Entry, Reasoning
from toolrun.cli.chat.view.fixed import Fixed
from toolrun.cli.chat.view.look import STYLES
from toolrun.cli.chat.view.page import Page, is_long
from toolrun.cli.chat.view.prose import Prose
from toolrun.cli.render import Taken, again, aside
from toolrun.cli.screen import NOTE, Style

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.cli.chat.view.blocks import Kind
    from toolrun.cli.chat.view.look import Look
    from toolrun.values import ToolCall

_E = TypeVar("_E", bound=Entry)
_LOOSE: Final = {"user", "answer", "markdown", "table", "diff", "text"}
"""Kinds that an empty line stands before and after."""
_KINDS: Final[dict[Style, Kind]] = {style: kind for kind, style in STYLES.items()}


class View:
    """A conversation, as lines."""

    def __init__(self, look: Look, clock: Callable[[], float] = time.time) -> None:
        """Take what the terminal can show; `clock` gives seconds since the epoch."""
        self._look = look
        self._clock = clock
        self._entries: list[Entry] = []
        self._first = 0
        self._numbers = 0
        self._reasoning_shown = False
        self._reasoning: Reasoning | None = None
        self._text: Prose | None = None
        self._calls: dict[str, Call] = {}
        self._asked: dict[str, ToolCall] = {}
        self._taken = Taken()
        self._last_page = Page(look, 80)
        self._changed = False
        self._ticked = 0

    @property
    def changed(self) -> bool:
        """Whether `settled` or `live` has something new; seconds that pass are something new."""
        left = self._entries[self._first :]
        return self._changed or sum(entry.ticks() for entry in left) != self._ticked

    def show(self, event: ev.Event) -> None:  # noqa: C901, PLR0912 - an arm for each event
        """Take an event in, where it is one that people want to see."""
        self._changed = True
        match event:
            case ev.TextDelta():
                if self._text is None:
                    self._end_reasoning()
                    self._text = self._add(Prose())
                self._text.feed(event.text)
            case ev.ReasoningDelta():
                if self._reasoning is None or self._reasoning.done:
                    began = self._time(event)
                    self._reasoning = self._add(Reasoning(self._number(), began, self._clock))
                self._reasoning.feed(event.text, self._time(event))
            case ev.ToolOutput():
                if (call := self._calls.get(event.call_id)) is not None:
                    call.feed(event.text)
            case ev.UserMessage():
                self._taken = Taken(event.time)
                self.put(Block("user", event.content, fold=True))
            case ev.AssistantMessage():
                self._said(event)
            case ev.ToolCallStarted():
                began = self._time(event)
                self._calls[event.call_id] = self._add(
                    Call(
                        self._number(),
                        event.name,
                        event.arguments,
                        event.profile,
                        began,
                        self._clock,
                    )
                )
            case ev.ToolCallFinished():
                self._came(event)
            case ev.TurnFinished():
                self._finished(event)
            case ev.Retried():
                self._again(event)
            case ev.TurnUndone():
                self._undone(event)
            case ev.LimitReached():
                self._taken.reached(event)
            case _:
                if (said := aside(event)) is not None:
                    self.say(said[1], said[0])

    def say(self, text: str, style: Style = NOTE) -> None:
        """Add a line of the program's own."""
        self.put(Block(_KINDS.get(style, "note"), text))

    def put(self, block: Block) -> None:
        """Add a block."""
        self._add(Fixed(block, self._number() if block.fold and is_long(block.text) else 0))

    def settled(self, width: int) -> list[str]:
        """The lines that became final since the last call, to be printed once.

        Args:
            width: the columns of the terminal.
        """
        page = self._page(width)
        lines: list[str] = []
        while self._first < len(self._entries):
            entry = self._entries[self._first]
            gap = [] if entry.begun else self._gap(self._first)
            if settled := entry.settle(page):
                lines += [*gap, *settled]
            if not entry.done:
                break
            self._first += 1
        return lines

    def live(self, width: int, rows: int) -> list[str]:
        """The lines of what may still change.

        Args:
            width: the columns of the terminal.
            rows: how many lines there may be; of more, the last are given.
        """
        self._changed = False
        page = self._page(width)
        left = self._entries[self._first :]
        self._ticked = sum(entry.ticks() for entry in left)
        if not left:
            return []
        each = max(rows // len(left), 2)
        lines: list[str] = []
        for at, entry in enumerate(left, self._first):
            if shown := entry.live(page, each):
                lines += [*([] if entry.begun else self._gap(at)), *shown]
        return lines[-rows:] if rows else []

    def whole(self, width: int, most: int = 10_000) -> list[str]:
        """All lines again, as `settled` has given them and would now: what is left is `live`.

        Args:
            width: the columns of the terminal.
            most: how many lines there may be; of more, the last are given.
        """
        self._changed = True
        self._entries = [entry for entry in self._entries if not entry.void]
        for entry in self._entries:
            entry.restart()
        there = enumerate(self._entries)
        self._first = next((at for at, entry in there if not entry.done), len(self._entries))
        page = self._page(width)
        pieces: list[list[str]] = []
        count = 0
        for at in range(self._first - 1, -1, -1):  # the last lines are those that are wanted
            if lines := self._entries[at].settle(page):
                pieces.append([*self._gap(at), *lines])
                count += len(pieces[-1])
            if count >= most:
                break
        lines = [line for piece in reversed(pieces) for line in piece]
        return [*lines, *self.settled(width)][-most:]

    def fold(self, number: int | None = None) -> bool:
        """Fold a block or show it whole; None: switch all reasoning on or off.

        Returns:
            whether there is such a block: then `whole` gives other lines than before.
        """
        if number is None:
            self._reasoning_shown = not self._reasoning_shown
            for entry in self._entries:
                if isinstance(entry, Reasoning):
                    entry.folded = None
            self._changed = True
            return True
        for entry in self._entries:
            if number and entry.number == number:
                entry.folded = not entry.is_folded(self._page(80))
                self._changed = True
                return True
        return False

    def _time(self, event: ev.Event) -> float:
        return event.time or self._clock()

    def _end_reasoning(self) -> None:
        if self._reasoning is not None and not self._reasoning.done:
            self._reasoning.end()

    def _end_step(self) -> None:
        """What streams from now on belongs to another step."""
        self._end_reasoning()
        self._reasoning = self._text = None

    def _said(self, message: ev.AssistantMessage) -> None:
        self._taken.took(message)
        if self._reasoning is None and message.reasoning:
            self._reasoning = self._add(Reasoning(self._number(), 0.0, self._clock))
            self._reasoning.feed(message.reasoning, 0.0)
        if self._text is None and message.content:
            self._text = self._add(Prose())
        if self._text is not None:
            self._text.end(message.content, preamble=bool(message.tool_calls))
        self._asked = {call.id: call for call in message.tool_calls}
        self._end_step()

    def _came(self, event: ev.ToolCallFinished) -> None:
        call = self._calls.pop(event.call_id, None)
        if call is None:
            asked = self._asked.get(event.call_id)
            call = self._add(
                Call(
                    self._number(),
                    event.name,
                    asked.arguments if asked else "",
                    None,
                    0.0,
                    self._clock,
                )
            )
            call.run = False
        call.end(event.result, event.result.note, event.note)

    def _finished(self, event: ev.TurnFinished) -> None:
        if self._text is not None:
            self._text.end()
        self._end_step()
        for call in self._calls.values():
            call.end(None)
        self._calls.clear()
        summary = self._taken.summary(event.time)
        if event.status == "finished":
            if self._taken.steps:  # else it was copied, and nothing is known of it
                self.put(Block("note", summary))
            return
        if event.status == "parked":  # whoever holds the conversation asks
            return
        if event.status == "failed" and not event.error and not self._taken.steps:
            return  # whoever holds the conversation tells the error, which says it all
        why = event.reason or event.error or self._taken.limit
        took = f" ({summary})" if summary else ""
        self.put(Block("warning", f"{event.status}{f': {why}' if why else ''}{took}"))

    def _again(self, event: ev.Retried) -> None:
        """The step begins anew: what nobody has seen of it is gone, the rest is void."""
        step = [entry for entry in (self._reasoning, self._text) if entry is not None]
        seen = any(entry.begun for entry in step)
        for entry in step:
            entry.drop()
            if not seen:
                self._entries.remove(entry)
        self._reasoning = self._text = None
        self.put(Block("warning", again(event, seen=seen)))

    def _undone(self, event: ev.TurnUndone) -> None:
        """The last turn is gone when all is drawn anew; on the screen it stays until then."""
        said = [at for at, entry in enumerate(self._entries) if entry.kind == "user"]
        for entry in self._entries[said[-1] :] if said else ():
            entry.drop()
        self.put(Block("note", "the last turn was taken back"))
        for left in event.left:
            self.put(Block("warning", left))

    def _page(self, width: int) -> Page:
        page = self._last_page
        if page.width != width or page.reasoning != self._reasoning_shown:
            page = self._last_page = Page(self._look, width, self._reasoning_shown)
        return page

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _add(self, entry: _E) -> _E:
        self._entries.append(entry)
        self._changed = True
        return entry

    def _gap(self, at: int) -> list[str]:
        """The empty line before an entry, if there is one."""
        if not at:
            return []
        loose = {self._entries[at].kind, self._entries[at - 1].kind} & _LOOSE
        return [""] if loose else []
