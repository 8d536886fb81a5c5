"""Which tool results are trimmed, so that a request fits?

The oldest first, and those of the turns before. Those of the running turn only where nothing else
helps, and never those of the last step, which the model has not read yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.events import AssistantMessage
from toolrun.shortening import stub
from toolrun.transcript import ToolMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.context.tally import Counts, Tally
    from toolrun.models.model import Request

LEAST = 400
"""Bytes of a result that is worth a line in its place."""


def trimmed(
    tally: Tally, request: Request, counts: Counts | None, tokens: int, *, start: int, target: int
) -> tuple[list[int], int]:
    """Where the results stand that are trimmed, and how many tokens are left.

    Args:
        tally: of the session.
        request: that is too long.
        counts: counts exactly, where it can be.
        tokens: of the request.
        start: those of the running turn are spared where it gets below this without them.
        target: no more are trimmed once it is below this.
    """
    chosen: list[int] = []
    begin = request.reasoning_from
    for places, enough in (
        (_long(tally, 0, begin), target),
        (_long(tally, begin, _unread(request)), start),
    ):
        if tokens <= enough:
            break
        for at in places:
            if tokens <= target:
                break
            message = request.messages[at]
            assert isinstance(message, ToolMessage)
            saved = _saved(tally, request, counts, at, message)
            if saved > 0:
                chosen.append(at)
                tokens -= saved
    return chosen, tokens


def _long(tally: Tally, begin: int, end: int) -> Iterable[int]:
    return [at for at in tally.results if begin <= at < end and tally.bytes_of(at) >= LEAST]


def _unread(request: Request) -> int:
    """Where the results begin that no step has read: behind the last message of the model."""
    for at in range(len(request.messages) - 1, -1, -1):
        if isinstance(request.messages[at], AssistantMessage):
            return at
    return 0


def _saved(
    tally: Tally, request: Request, counts: Counts | None, at: int, message: ToolMessage
) -> int:
    line = stub(message)
    before = tally.size(request, at, counts, reasoning=False)
    if counts is not None:
        after = counts.message(line, request, reasoning=False)
        if after is not None:
            return before - after
    return before - before * len(line.content) // max(len(message.content), 1)
