"""What do lists of sessions show? Some of what the events add up to, kept beside them.

It is changed in the transaction that stores an event, and can be made anew from all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.events import (
    AssistantMessage,
    SessionOpened,
    ToolCallStarted,
    TurnFinished,
    TurnUndone,
    UserMessage,
)
from toolrun.store.contract import SessionInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.events import Durable

PROJECTED: Final = ("tenant", "title", "status", "created", "updated", "seq", "turns")
"""The columns of `sessions` that follow from the events."""
TITLE: Final = 80
"""Characters of what the user said first."""


def projected(info: SessionInfo, events: Iterable[Durable]) -> SessionInfo:
    """What is shown of a session after more events.

    Args:
        info: what was shown before.
        events: the next ones.
    """
    title, status, turns, created = info.title, info.status, info.turns, info.created
    tenant, updated, seq = info.tenant, info.updated, info.seq
    for event in events:
        updated, seq = event.time, event.seq
        match event:
            case AssistantMessage() | ToolCallStarted():
                status = "running"
            case UserMessage():
                status, turns = "running", turns + 1
                title = title or title_of(event.content)
            case TurnFinished():
                status = event.status
            case TurnUndone():
                turns -= 1
                status = "finished" if turns else "new"
            case SessionOpened():
                created, tenant = event.time, event.settings.get("tenant", tenant)
    return SessionInfo(info.id, tenant, title, status, created, updated, seq, turns)


def title_of(text: str) -> str:
    """The beginning of what was said, on one line."""
    title = " ".join(text[: 10 * TITLE].split()).replace("\0", "")
    title = title if len(title) <= TITLE else title[: TITLE - 1].rstrip() + "…"
    return title.encode(errors="replace").decode()
