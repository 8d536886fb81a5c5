"""How does a tool call look: what it does, where it runs, what it prints, and what it came to?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.cli.chat.view import look as l
from toolrun.cli.chat.view.code import highlighted
from toolrun.cli.chat.view.entry import Entry
from toolrun.cli.chat.view.output import Output
from toolrun.cli.chat.view.page import more, shortened_lines
from toolrun.cli.chat.view.paint import Line, clean, wrap
from toolrun.cli.render import call_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.cli.chat.view.page import Page
    from toolrun.values import ToolResult

_RESULT: Final = (8, 3)
_PROGRAM: Final = (12, 3)
"""Lines of a long argument that are shown while it is folded: its first, and its last."""
_LANGUAGES: Final = {"code": "python", "command": "bash", "patch": "diff"}
_REFUSED: Final = ("denied", "invalid", "cancelled", "unknown")


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
        self._arguments = _decoded(arguments)
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
        texts = _texts(self._arguments)
        if isinstance(self._arguments, dict):
            others = {key: each for key, each in self._arguments.items() if key not in texts}
            text = call_text(self.name, others, longest)
        else:
            text = f"{self.name} {self._arguments}"
        sgr = l.STYLES["call"].sgr
        if not self.run:
            where, colour = "not run" if self._was_refused else "", l.DIM
        elif self._profile:
            where, colour = f"sandbox {self._profile}", l.DIM
        else:
            where, colour = "TRUSTED, in this process", l.TRUSTED
        place = [("", "  "), (colour, f"[{clean(where)}]")] if where else []
        lines = page.line("call", [(sgr, clean(text)), *place, (l.DIM, running)])
        for key, each in texts.items():
            lines += self._program(key, each, page)
        return lines

    def _program(self, name: str, text: str, page: Page) -> list[str]:
        """An argument of several lines, as the lines that they are."""
        coloured = highlighted(text.rstrip("\n"), _LANGUAGES.get(name, ""))
        if self.is_folded(page) and len(coloured) > sum(_PROGRAM) + 1:
            left = len(coloured) - sum(_PROGRAM)
            gap: Line = [(l.DIM, more(left, self.number))]
            coloured = [*coloured[: _PROGRAM[0]], gap, *coloured[-_PROGRAM[1] :]]
        room = page.room("call")
        lines = [piece for line in coloured for piece in wrap(line, room, words=False) or [[]]]
        return page.margin("call", lines, begun=True)

    @property
    def _was_refused(self) -> bool:
        """Whether a call that nobody saw begin was never made; else another session made it."""
        return self._result is None or self._result.outcome in _REFUSED

    def _printed(self, lines: list[str], page: Page) -> list[str]:
        return page.lines("output", "\n".join(lines), words=False) if lines else []

    def _came(self, page: Page) -> list[str]:
        if self._result is None:
            return []
        result, ok = self._result, self._result.outcome == "ok"
        how = "" if ok else result.outcome
        # The model reads what stands before a carriage return, too; so a person has to see it.
        text = result.content.replace("\r\n", "\n").replace("\r", "\u240d")
        content = Output(text).lines
        while content and not content[-1]:
            content.pop()
        printed = self._output.lines
        if printed and not self._output.dropped and content[: len(printed)] == printed:
            content = content[len(printed) :]  # such as an exit code, after what is seen above
        folded = self._folded(content, page, *_RESULT)
        took = f"{result.seconds:.2f} s" if self.run or self._was_refused else ""
        marks = ", ".join(each for each in (how, took) if each)
        head = f"{self.name} ({marks})" if marks else self.name
        between = "\n" if len(folded) > 1 else " "
        text = f"{head}:{between}" + "\n".join(folded) if folded else head
        lines = page.lines("result" if ok else "failed", text)
        for note in self._notes:
            lines += page.lines("note", note)
        return lines

    def _folded(self, lines: list[str], page: Page, head: int = 4, tail: int = 8) -> list[str]:
        if not self.is_folded(page):
            return lines
        return shortened_lines(lines, self.number, head, tail)


def _texts(arguments: dict[str, Any] | str) -> dict[str, str]:
    """Those of the arguments that are texts of several lines, such as a program."""
    if isinstance(arguments, str):
        return {}
    return {
        key: each
        for key, each in arguments.items()
        if isinstance(each, str) and "\n" in each.strip("\n")
    }


def _decoded(arguments: dict[str, Any] | str) -> dict[str, Any] | str:
    """What the model wrote as arguments, where that can be read."""
    if isinstance(arguments, dict):
        return arguments
    try:
        return msgspec.json.decode(arguments, type=dict[str, Any])
    except msgspec.MsgspecError:
        return arguments
