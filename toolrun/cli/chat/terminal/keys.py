"""What does each key do?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prompt_toolkit.filters import Condition, has_completions, is_searching
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyPressEvent

    from toolrun.cli.chat.terminal.windows import Below


class Does(Protocol):
    """What keys that are more than letters are told to."""

    def enter(self) -> None:
        """What stands on the line is meant."""

    def stop(self) -> None:
        """Ctrl-C."""

    def leave(self) -> None:
        """Ctrl-D on an empty line."""

    def suspend(self) -> None:
        """Ctrl-Z."""

    def write(self) -> None:
        """The message is to be written in an editor."""

    def anew(self) -> None:
        """The screen is to be drawn anew."""

    def take_back(self) -> bool:
        """Put the message that waits last on the line again; False where there is none."""
        ...


def bindings(below: Below, hands: Does) -> KeyBindings:
    """The keys that differ from those of prompt_toolkit (which are those of Emacs)."""
    pressed = _Pressed(below, hands)
    replying = Condition(lambda: below.replying)
    typing = ~replying & ~is_searching
    keys = KeyBindings()
    for names, filter_, does in (
        (("enter",), ~is_searching, pressed.enter),
        (("c-j",), replying, pressed.enter),
        (("c-j",), typing, pressed.newline),
        (("escape", "enter"), typing, pressed.newline),
        (("c-c",), True, pressed.stop),
        (("escape",), replying, pressed.stop),
        (("c-d",), ~is_searching, pressed.end),
        (("c-z",), True, pressed.suspend),
        (("c-l",), True, pressed.anew),
        (("c-o",), typing, pressed.write),
        (("c-x", "c-e"), typing, pressed.write),
        (("up",), typing & ~has_completions, pressed.up),
        (("up",), replying, pressed.before),
        (("s-tab",), replying, pressed.before),
        (("down",), replying, pressed.after),
        (("tab",), replying, pressed.after),
        (("backspace",), typing, pressed.rub_out),
        ((Keys.BracketedPaste,), typing, pressed.paste),
    ):
        keys.add(*names, filter=filter_)(does)
    keys.add("escape", filter=typing & has_completions, eager=True)(pressed.close)
    return keys


class _Pressed:
    """What is done where a key is pressed."""

    def __init__(self, below: Below, hands: Does) -> None:
        self._below = below
        self._draft = below.draft
        self._hands = hands

    def enter(self, event: KeyPressEvent) -> None:
        state = self._draft.buffer.complete_state
        if not self._below.replying and state is not None and state.current_completion is not None:
            self.close(event)  # what was chosen stands on the line already
        else:
            self._hands.enter()

    def newline(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - as all of them
        self._draft.buffer.newline(copy_margin=False)

    def stop(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - prompt_toolkit's
        self._hands.stop()

    def end(self, event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.delete()
        elif self._below.replying:
            self._hands.stop()
        else:
            self._hands.leave()

    def suspend(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - prompt_toolkit's
        self._hands.suspend()

    def anew(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - prompt_toolkit's
        self._hands.anew()

    def write(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - prompt_toolkit's
        self._hands.write()

    def up(self, event: KeyPressEvent) -> None:
        if self._draft.buffer.text or not self._hands.take_back():
            event.current_buffer.auto_up(count=event.arg)

    def before(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - prompt_toolkit's
        self._move(-1)

    def after(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - prompt_toolkit's
        self._move(1)

    def _move(self, by: int) -> None:
        for each in (self._below.asking, self._below.picking):
            if each is not None:
                each.move(by)

    def close(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - prompt_toolkit's
        self._draft.buffer.complete_state = None

    def rub_out(self, event: KeyPressEvent) -> None:  # noqa: ARG002 - prompt_toolkit's
        self._draft.rub_out()

    def paste(self, event: KeyPressEvent) -> None:
        self._draft.paste(event.data)
