"""What of a session's messages is encoded already, in one dialect?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Request
    from toolrun.transcript import Message


class Encoded(Protocol):
    """What a way keeps of a session in `Request.cache`."""

    dialect: Dialect
    messages: list[Message]
    times: int
    """How often the messages had been shortened."""


E = TypeVar("E", bound=Encoded)


def encoded_of(
    request: Request, key: str, dialect: Dialect, new: Callable[[Dialect], E]
) -> tuple[E, Sequence[Message]]:
    """What is encoded of a session, begun anew where its history or dialect was changed.

    Returns:
        That, and the messages that are new to it; whoever encodes them adds them to `messages`.
    """
    encoded: E | None = request.cache.get(key)
    messages = request.messages
    times = request.shortened.times
    if encoded is not None and encoded.dialect is dialect and encoded.times == times:
        known = len(encoded.messages)
        if known <= len(messages) and (not known or encoded.messages[-1] is messages[known - 1]):
            return encoded, messages[known:]
    encoded = request.cache[key] = new(dialect)
    encoded.times = times
    return encoded, messages
