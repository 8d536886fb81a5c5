"""What does `toolrun run` write of a turn: the answer and what happens, or all events as JSON?"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from msgspec import json, structs

from toolrun.cli.screen import visible
from toolrun.events import (
    ApprovalDecided,
    AssistantMessage,
    Durable,
    Event,
    FileChanged,
    TextDelta,
)

if TYPE_CHECKING:
    from toolrun.answer import Answer

_UNESCAPED: Final = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class View:
    """A sink of the session, and what shows its turns.

    Attributes:
        denied: whether a call was denied, by a person or by a rule of theirs.
        asks: whether a person is asked about calls that wait, so that a parked turn is no end.
    """

    observes = False

    def __init__(self) -> None:
        self.denied: bool = False
        self.asks = False

    def observe(self, event: Event) -> None:
        """See `Sink.observe`."""

    async def record(self, event: Durable) -> None:
        """See `Sink.record`."""
        self.denied |= isinstance(event, ApprovalDecided) and event.decision == "deny"

    def show(self, event: Event) -> None:
        """Show an event of a turn."""

    def answered(self, answer: Answer) -> None:
        """Show what the turn came to, beyond its events."""

    def note(self, text: str) -> None:
        """Say something to whoever typed the command."""

    def interrupted(self) -> None:
        """Make room after a signal."""

    def close(self) -> None:
        """End what is being written."""


class JsonLines(View):
    """All events of the session on stdout, from its first on, one JSON a line."""

    observes = True

    def __init__(self) -> None:
        super().__init__()
        self._broken: OSError | None = None

    def observe(self, event: Event) -> None:
        """See `Sink.observe`."""
        self._write(event)

    async def record(self, event: Durable) -> None:
        """See `Sink.record`."""
        await super().record(event)
        self._write(event)

    def show(self, event: Event) -> None:  # noqa: ARG002 - it has been written when it happened
        """End the turn where nobody reads any more.

        Raises:
            BrokenPipeError: whoever read stdout is gone.
        """
        if self._broken is not None:
            raise self._broken

    def _write(self, event: Event) -> None:
        if isinstance(event, FileChanged):
            event = event.without_content()
        if self._broken is None:
            try:
                print(json_line(json.encode(event)), flush=True)
            except OSError as error:  # a sink must not raise: `show` does
                self._broken = error


class Screens(View):
    """The answer on stdout, what happens on stderr."""

    def __init__(self, *, as_value: bool) -> None:
        """Take the screens.

        Args:
            as_value: the answer's text is a JSON value, to be written once it has been validated.
        """
        from toolrun.cli.render import Renderer
        from toolrun.cli.screen import Screen

        super().__init__()
        self._as_value = as_value
        self._renderer = Renderer(Screen.of(sys.stdout), Screen.of(sys.stderr))

    def show(self, event: Event) -> None:
        """See `View.show`."""
        from toolrun.cli.chat.waiting import is_asked

        if self.asks and is_asked(event):
            return
        if self._as_value and isinstance(event, TextDelta):
            return
        if self._as_value and isinstance(event, AssistantMessage) and not event.tool_calls:
            event = structs.replace(event, content=None)
        self._renderer.show(event)

    def answered(self, answer: Answer) -> None:
        """See `View.answered`."""
        self.close()
        if self._as_value and answer.status == "finished":
            print(json_line(json.encode(answer.output)))

    def note(self, text: str) -> None:
        """See `View.note`."""
        # Not wrapped: the command in it can be copied as one line.
        print(visible(text), file=sys.stderr)

    def interrupted(self) -> None:
        """See `View.interrupted`."""
        self._renderer.interrupted()

    def close(self) -> None:
        """See `View.close`."""
        self._renderer.close()


def json_line(encoded: bytes) -> str:
    """JSON with the characters escaped that it allows, and terminals obey: C1, and directions."""
    return _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded.decode())
