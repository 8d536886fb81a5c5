"""What do lists of sessions show? Some of what the events add up to, kept beside them.

It is changed in the transaction that stores an event, and can be made anew from all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from toolrun.events import (
    AssistantMessage,
    SessionOpened,
    SettingsChanged,
    ToolCallStarted,
    TurnFinished,
    TurnUndone,
    UserMessage,
)
from toolrun.store.contract import SessionInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolrun.events import Durable

PROJECTED: Final = ("tenant", "title", "status", "created", "updated", "seq", "turns")
"""The columns of `sessions` that follow from the events."""
TITLE: Final = 80
"""Characters of a title at most: what the session was called, or what the user said first."""


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
                title = _given(event.settings) or title
            case SettingsChanged():
                title = _given(event.settings) or title
    return SessionInfo(info.id, tenant, title, status, created, updated, seq, turns)


def _given(settings: Mapping[str, Any]) -> str:
    """The title that somebody gave the session, if any."""
    given = settings.get("title")
    return title_of(given) if isinstance(given, str) else ""


def title_of(text: str) -> str:
    """The beginning of what was said, on one line."""
    title = " ".join(text[: 10 * TITLE].split()).replace("\0", "")
    title = title if len(title) <= TITLE else title[: TITLE - 1].rstrip() + "…"
    return title.encode(errors="replace").decode()
