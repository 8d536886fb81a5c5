"""How is a conversation shown again, from what is stored of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    Durable,
    FileChanged,
    ForkedFrom,
    SessionOpened,
    SettingsChanged,
    ToolCallFinished,
    ToolCallStarted,
    TurnUndone,
    UserMessage,
)
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolrun.cli.chat.conversation import Conversation

TURNS: Final = 100
"""The last turns are shown; what came before stays where it is."""
_UNSEEN: Final = (SessionOpened, SettingsChanged, ForkedFrom, FileChanged)


def told(events: Iterable[Durable]) -> list[Durable]:
    """What a person has seen of a session, and would see again: without what was taken back."""
    seen: list[Durable] = []
    for event in events:
        if isinstance(event, TurnUndone):
            begins = [at for at, each in enumerate(seen) if isinstance(each, UserMessage)]
            del seen[begins[-1] if begins else 0 :]
        elif not isinstance(event, _UNSEEN):
            seen.append(event)
    ended = {_call(each) for each in seen if isinstance(each, ToolCallFinished)}
    decided = {_call(each) for each in seen if isinstance(each, ApprovalDecided)}
    return [each for each in seen if not _stands_still(each, ended, decided)]


def _call(
    event: ToolCallStarted | ToolCallFinished | ApprovalRequested | ApprovalDecided,
) -> tuple[int, int, str]:
    return event.turn, event.step, event.call_id


def _stands_still(
    event: Durable, ended: set[tuple[int, int, str]], decided: set[tuple[int, int, str]]
) -> bool:
    """Whether it is a call that would seem to run or to wait, which is told of after this."""
    match event:
        case ToolCallStarted():
            return _call(event) not in ended
        case ApprovalRequested():
            return _call(event) not in decided
        case _:
            return False


def last_turns(events: Sequence[Durable], most: int = TURNS) -> tuple[int, Sequence[Durable]]:
    """The last turns, and how many came before them."""
    begins = [at for at, each in enumerate(events) if isinstance(each, UserMessage)]
    if len(begins) <= most:
        return 0, events
    return len(begins) - most, events[begins[-most] :]


def show_again(talk: Conversation, events: Iterable[Durable]) -> None:
    """Show what was said and done in the session that is open."""
    before, shown = last_turns(told(events))
    if before:
        talk.face.say(
            f"{counted(before, 'turn')} came before: toolrun sessions show {talk.session.id}"
        )
    for event in shown:
        talk.face.show(event)
