"""Which messages has no request of a session held before?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolrun.events import AssistantMessage
from toolrun.transcript import message_to_openai

if TYPE_CHECKING:
    from toolrun.models.model import Request
    from toolrun.state import State

_KEY = "sent"


def added_messages(request: Request) -> list[dict[str, Any]]:
    """The messages that are new in this request, reasoning included; all where history changed."""
    messages = request.messages
    sent, last, times = request.cache.get(_KEY, (0, None, 0))
    changed = times != request.shortened.times or sent > len(messages)
    if changed or (sent and messages[sent - 1] is not last):
        sent = 0
    last = messages[-1] if messages else None
    request.cache[_KEY] = (len(messages), last, request.shortened.times)
    return [message_to_openai(message) for message in messages[sent:]]


def taken_as_sent(cache: dict[str, Any], state: State) -> None:
    """Take for sent what the last step that another process sampled was sampled from.

    Args:
        cache: of the session's requests.
        state: of the session.
    """
    messages = state.sent
    said = [at for at, each in enumerate(messages) if isinstance(each, AssistantMessage)]
    if said and said[-1]:
        cache[_KEY] = (said[-1], messages[said[-1] - 1], state.shortened.times)
