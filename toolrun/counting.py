"""Under which name is an event counted?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.events import (
    EgressDecided,
    FileChanged,
    LimitReached,
    Repaired,
    Retried,
    ToolCallFinished,
    TurnFinished,
    Warned,
)

if TYPE_CHECKING:
    from toolrun.events import Event


def counted_as(event: Event) -> str:  # noqa: PLR0911 - a table
    """Its kind, and what came of it: "TurnFinished.failed", "Retried.http-503"."""
    name = type(event).__name__
    match event:
        case TurnFinished():
            return f"{name}.{event.status}"
        case ToolCallFinished():
            return f"{name}.{event.result.outcome}"
        case FileChanged():
            return f"{name}.{event.change}"
        case LimitReached():
            return f"{name}.{event.limit}"
        case Retried() | Warned():
            return f"{name}.{event.code}"
        case EgressDecided():
            return f"{name}.{'allowed' if event.allowed else 'refused'}"
        case Repaired():
            return f"{name}.{event.what}"
        case _:
            return name
