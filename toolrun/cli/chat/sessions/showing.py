"""How is a conversation shown again, from what is stored of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.events import (
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
    finished = [each for each in seen if isinstance(each, ToolCallFinished)]
    ended = {(each.turn, each.step, each.call_id) for each in finished}
    return [each for each in seen if not _stands_still(each, ended)]


def _stands_still(event: Durable, ended: set[tuple[int, int, str]]) -> bool:
    """Whether it is a call that would seem to run, and whose process is gone."""
    if not isinstance(event, ToolCallStarted):
        return False
    return (event.turn, event.step, event.call_id) not in ended


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
