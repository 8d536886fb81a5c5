"""How does a tool call look: what it does, where it runs, what it prints, and what it came to?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from toolrun.cli.chat.view import look as l
from toolrun.cli.chat.view.entry import Entry
from toolrun.cli.chat.view.output import Output
from toolrun.cli.chat.view.page import shortened_lines
from toolrun.cli.chat.view.paint import clean
from toolrun.cli.render import call_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.cli.chat.view.page import Page
    from toolrun.values import ToolResult

_RESULT: Final = (8, 3)


class Call(Entry):
    """A tool call, from its beginning to its result."""

    def __init__(
        self,
        number: int,
        name: str,
        arguments: dict[str, Any] | str,
        profile: str | None,
        began: float,
        clock: Callable[[], float],
    ) -> None:
        super().__init__("call", number)
        self.name = name
        self._arguments = arguments
        self._profile = profile
        self._began = began
        self._clock = clock
        self._output = Output()
        self._result: ToolResult | None = None
        self._notes: tuple[str, ...] = ()
        self.run = True

    def feed(self, text: str) -> None:
        """Add what it printed."""
        self._output.feed(text)

    def end(self, result: ToolResult | None, *notes: str) -> None:
        """It came to this; None: it never came to anything."""
        self._result, self._notes = result, tuple(note for note in notes if note)
        self.done = True

    def ticks(self) -> int:
        """For how many whole seconds it has run."""
        return 0 if self.done else max(int(self._clock() - self._began), 0)

    def whole(self, page: Page) -> list[str]:
        """See `Entry.whole`."""
        head = self._head(page, "")
        lines = self._folded(self._output.lines, page)
        if self._output.dropped:
            lines = [f"({self._output.dropped:,} lines before these were not kept)", *lines]
        return [*head, *self._printed(lines, page), *self._came(page)]

    def live(self, page: Page, rows: int) -> list[str]:
        """See `Entry.live`."""
        if self.done:
            return super().live(page, rows)
        head = self._head(page, f"  {self.ticks()} s")
        left = max(rows - len(head), 1)
        output = self._printed(
            [line[-left * page.columns :] for line in self._output.last(left)], page
        )
        return [*head, *output[-left:]][-rows:]

    def _head(self, page: Page, running: str) -> list[str]:
        longest = 200 if self.is_folded(page) else None
        text = (
            call_text(self.name, self._arguments, longest)
            if isinstance(self._arguments, dict)
            else f"{self.name} {self._arguments}"
        )
        sgr = l.STYLES["call"].sgr
        if not self.run:
            where, colour = "not run", l.DIM
        elif self._profile:
            where, colour = f"sandbox {self._profile}", l.DIM
        else:
            where, colour = "TRUSTED, in this process", l.TRUSTED
        return page.line(
            "call",
            [(sgr, clean(text)), ("", "  "), (colour, f"[{clean(where)}]"), (l.DIM, running)],
        )

    def _printed(self, lines: list[str], page: Page) -> list[str]:
        return page.lines("output", "\n".join(lines), words=False) if lines else []

    def _came(self, page: Page) -> list[str]:
        if self._result is None:
            return []
        result, ok = self._result, self._result.outcome == "ok"
        how = "" if ok else f"{result.outcome}, "
        # The model reads what stands before a carriage return, too; so a person has to see it.
        text = result.content.replace("\r\n", "\n").replace("\r", "\u240d")
        content = Output(text).lines
        while content and not content[-1]:
            content.pop()
        if content == self._output.lines:
            content = []
        folded = self._folded(content, page, *_RESULT)
        head = f"{self.name} ({how}{result.seconds:.2f} s)"
        text = "\n".join([f"{head}: {folded[0]}", *folded[1:]]) if folded else head
        lines = page.lines("result" if ok else "failed", text)
        for note in self._notes:
            lines += page.lines("note", note)
        return lines

    def _folded(self, lines: list[str], page: Page, head: int = 4, tail: int = 8) -> list[str]:
        if not self.is_folded(page):
            return lines
        return shortened_lines(lines, self.number, head, tail)
