"""What of a transcript is sent, once it was compacted?

The transcript stays whole. What is sent of it follows from the `Compacted` events: a line stands
for a tool result that was trimmed, a summary for the messages that it covers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from toolrun.events import Compacted, UserMessage
from toolrun.transcript import Message, ToolMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

RECALL = "recall_result"
"""The tool that reads a trimmed result again."""
_SUMMARY = (
    "[This is a summary of the conversation so far; its messages are no longer shown.]\n\n{summary}"
)


class Shortened(Struct, frozen=True):
    """How the messages that are sent differ from the transcript.

    Attributes:
        times: how often they were changed: what was made of them before is void.
        upto: the messages before this index are as they were when they were changed last; an
            assistant message among them was sampled from another prompt.
        turns: the turns that have no message among them any more, but for their summary.
        tokens: of the request that those messages make, as they were counted then; 0 where they
            were not.
    """

    times: int = 0
    upto: int = 0
    turns: int = 0
    tokens: int = 0


def covered(compactions: Sequence[Compacted]) -> int:
    """How many messages of the transcript the last summary stands for; 0 where there is none."""
    return max((each.covers for each in compactions), default=0)


def shortened(transcript: Sequence[Message], compactions: Sequence[Compacted]) -> list[Message]:
    """The messages that are sent of a transcript; places that it does not have are passed over."""
    covers = covered(compactions)
    trimmed = {place for each in compactions for place in each.results if place >= covers}
    sent = [
        stub(message) if at in trimmed and isinstance(message, ToolMessage) else message
        for at, message in enumerate(transcript[covers:], covers)
    ]
    if not covers:
        return sent
    summary = next(each.summary for each in compactions if each.covers == covers)
    return [UserMessage(_SUMMARY.format(summary=summary)), *sent]


def up_to(compactions: Sequence[tuple[int, Compacted]], begin: int) -> list[tuple[int, Compacted]]:
    """The compactions that still hold where a turn was taken back.

    Args:
        compactions: each with how long the transcript was when it happened.
        begin: how long the transcript is now.
    """
    kept: list[tuple[int, Compacted]] = []
    for at, event in compactions:
        results = tuple(place for place in event.results if place < begin)
        if event.covers <= begin and (results or event.summary):
            whole = len(results) == len(event.results)
            kept.append(
                (min(at, begin), event if whole else structs.replace(event, results=results))
            )
    return kept


def stub(message: ToolMessage) -> ToolMessage:
    """The line that stands for a result."""
    return ToolMessage(
        message.call_id,
        message.name,
        f"[The result of {message.name} ({len(message.content)} characters) was taken out to save "
        f'room; {RECALL}(call_id="{message.call_id}") reads it again.]',
    )
