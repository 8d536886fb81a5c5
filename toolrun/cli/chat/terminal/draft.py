"""What is on the line: the next message as it is being written, with long pastes folded?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.document import Document

from toolrun.cli.chat.terminal.history import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prompt_toolkit.completion import CompleteEvent

_LINES: Final = 8
_CHARACTERS: Final = 1_000
_MARKS: Final = ("/", "@", "!")


class Draft:
    """The line that messages are written on.

    Args:
        complete: what may stand in place of the last word of a text, each with what it is.

    Attributes:
        buffer: what prompt_toolkit edits.
    """

    def __init__(self, complete: Callable[[str], Iterable[tuple[str, str]]]) -> None:
        self._history = Shared()
        self._pastes: dict[str, str] = {}
        self.buffer: Buffer = Buffer(
            name="draft",
            multiline=True,
            history=self._history,
            completer=_Words(complete),
            complete_while_typing=True,
        )

    @property
    def text(self) -> str:
        """What stands there, with all that was pasted."""
        text = self.buffer.text
        for mark, pasted in self._pastes.items():
            text = text.replace(mark, pasted)
        return text

    def take(self) -> str:
        """What stands there; the line is empty, and what it said is remembered."""
        text = self.text
        if self.buffer.text.strip():
            self.buffer.document = Document(self._remembered(text))
            self.buffer.append_to_history()
        self.clear()
        return text

    def clear(self) -> None:
        """Empty the line, and look at what other terminals have remembered."""
        self._pastes.clear()
        self._history.again()
        self.buffer.reset()

    def put(self, text: str) -> None:
        """Let a text stand on the line, the cursor behind it."""
        self._pastes.clear()
        self.buffer.document = Document("")
        self.paste(text)

    def paste(self, text: str) -> None:
        """Insert a text; a long one stands there as one word that says how long it is."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.buffer.insert_text(self._folded(text) if _is_long(text) else text)

    def rub_out(self) -> None:
        """Take away what is before the cursor: a character, or a whole paste."""
        before = self.buffer.document.text_before_cursor
        marks = [mark for mark in self._pastes if before.endswith(mark)]
        self.buffer.delete_before_cursor(len(marks[0]) if marks else 1)
        if self.buffer.text.startswith("/"):
            self.buffer.start_completion()
        for mark in marks:
            if mark not in self.buffer.text:
                del self._pastes[mark]

    def _folded(self, text: str) -> str:
        lines = text.removesuffix("\n").count("\n") + 1
        size = f"{lines:,} lines" if lines > _LINES else f"{len(text):,} characters"
        mark, number = f"[pasted {size}]", 1
        while mark in self._pastes or mark in self.buffer.text:
            number += 1
            mark = f"[pasted {size}, {number}]"
        self._pastes[mark] = text
        return mark

    def _remembered(self, text: str) -> str:
        return text if not self._pastes or len(text) < _CHARACTERS * 16 else self.buffer.text


def _is_long(text: str) -> bool:
    return len(text) > _CHARACTERS or text.count("\n") >= _LINES


class _Words(Completer):
    """What may stand in place of the last word."""

    def __init__(self, complete: Callable[[str], Iterable[tuple[str, str]]]) -> None:
        self._complete = complete

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """For prompt_toolkit."""
        before = document.text_before_cursor
        word = before.rpartition(" ")[2].rpartition("\n")[2]
        wanted = complete_event.completion_requested or before.startswith("/")
        if not wanted and not word.startswith(_MARKS):
            return
        for text, what in self._complete(before):
            yield Completion(text, start_position=-len(word), display=text, display_meta=what)
