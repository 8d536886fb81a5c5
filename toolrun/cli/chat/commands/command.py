"""What is a command?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation

Obey: TypeAlias = Callable[[Any, str], Awaitable[bool | None]]
Complete: TypeAlias = Callable[[Any, str], Iterable[str]]
Topic: TypeAlias = Literal["Conversation", "Model", "Tools", "Sessions and files", "Looking"]

TOPICS: Final[tuple[Topic, ...]] = (
    *("Conversation", "Model", "Tools", "Sessions and files", "Looking"),
)
"""In the order in which /help shows them."""


class Command(Struct, frozen=True, kw_only=True):
    """Something that is done where its name is typed.

    Attributes:
        name: with its slash.
        topic: under which /help lists it.
        summary: what it does, in a line.
        usage: what may follow the name.
        more: what else there is to know of it.
        examples: as one would type them, the most usual first.
        run: is given what follows the name; returns False to leave.
        at_once: whether it may be obeyed while a turn runs; else it waits like a message.
        complete: is given what follows the name as far as it is typed; gives what may stand in the
            place of its last word.
    """

    name: str
    topic: Topic
    summary: str
    run: Obey
    examples: tuple[str, ...]
    usage: str = ""
    more: str = ""
    at_once: bool = False
    complete: Complete | None = None


def words(*names: str) -> Complete:
    """What completes the first word that follows a command, where there are only these."""

    def complete(talk: Conversation, rest: str) -> Iterable[str]:  # noqa: ARG001 - see `Complete`
        return () if " " in rest else names

    return complete
