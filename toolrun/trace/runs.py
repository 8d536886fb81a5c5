"""What does one line of a trace hold? An event, or a run of pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from toolrun.events import Event
from toolrun.runs import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.events import ReasoningDelta, TextDelta

__all__ = ["Recorded", "Run", "checked", "single"]

Recorded: TypeAlias = Event | Run
"""What one line of a trace holds."""


def single(recorded: Iterable[Recorded]) -> list[Event]:
    """The same, each event by itself."""
    found: list[Event] = []
    for each in recorded:
        if isinstance(each, Run):
            found += each.events()
        else:
            found.append(each)
    return found


def checked(kind: type[ReasoningDelta | TextDelta], times: int, texts: int) -> None:
    """Pass where each piece has a time and a text.

    Raises:
        ValueError: one has not, or there are none.
    """
    if times != texts or not texts:
        raise ValueError(
            f"{kind.__name__} has {times} times and {texts} texts, where each piece has one of both"
        )
