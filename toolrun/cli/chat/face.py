"""What does a conversation need of a screen and a keyboard?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from toolrun.cli.screen import NOTE, Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from toolrun.cli.chat.status import Status
    from toolrun.cli.chat.view.blocks import Block
    from toolrun.events import Event


class Choice(Struct, frozen=True):
    """One of the answers to a question: its key, the word that it stands for, and what it does."""

    key: str
    word: str
    what: str = ""


class Question(Struct, frozen=True):
    """Something that a person is asked; without choices any text is an answer."""

    text: str
    choices: tuple[Choice, ...] = ()
    default: str = ""


class Row(Struct, frozen=True):
    """One of the things to pick from; `when` is in seconds since the epoch, 0 for none."""

    title: str
    detail: str = ""
    when: float = 0.0


class Talk(Protocol):
    """What a face drives."""

    @property
    def running(self) -> bool:
        """Whether a turn runs."""
        ...

    async def hold(self) -> int:
        """Talk until the person leaves; the exit code."""
        ...

    async def at_once(self, typed: str) -> bool:
        """Obey a command that need not wait for the turn; False where it has to wait."""
        ...

    def stop(self, reason: str = "") -> bool:
        """Stop the turn that runs; False where there is none."""
        ...

    def complete(self, typed: str) -> Iterable[tuple[str, str]]:
        """What may stand in place of the last word of what is typed, each with what it is."""
        ...


class Face(Protocol):
    """A screen and a keyboard; everything that it is given is shown with no control character.

    Attributes:
        asks: whether somebody is there to be asked.
    """

    asks: bool

    def show(self, event: Event) -> None:
        """Show an event of a turn, or of a session that was opened again."""

    def say(self, text: str, style: Style = NOTE) -> None:
        """Show a line of the program's own."""

    def put(self, block: Block) -> None:
        """Show a block: a table, a diff, a text of help."""

    def status(self, status: Status) -> None:
        """Show this in the status line from now on."""

    async def message(self) -> str | None:
        """The next message or command; None: the person leaves."""
        ...

    async def ask(self, question: Question) -> str | None:
        """The word of a choice, or a text; None: nothing was decided (Ctrl-C, Ctrl-D)."""
        ...

    async def pick(self, title: str, rows: Sequence[Row]) -> int | None:
        """One of many, by its number; None for none of them."""
        ...

    async def edit(self, text: str, suffix: str = ".md") -> str | None:
        """The text, once it was changed in the person's editor; None: it was left as it is."""
        ...

    def turning(self, stop: Callable[[], bool]) -> AbstractContextManager[None]:
        """A turn runs inside: Ctrl-C stops it, and a second one leaves."""
        ...

    def fold(self, number: int | None = None) -> None:
        """Show a folded block whole, or fold it; None: switch the reasoning on or off."""

    def prefill(self, text: str) -> None:
        """Put a text where the next message is written."""

    def again(self) -> None:
        """Begin a new screen: another session is shown from now on."""

    async def run(self, talk: Talk) -> int:
        """Drive a conversation to its end; the exit code."""
        ...
