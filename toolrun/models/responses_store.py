"""Can a request follow a response that the server has stored, and does the server store any?

vLLM's store is off by default, and then `store` is ignored without a word; it lives in memory, and
follows a response with the settings of the first one. So what is stored is looked up once, and a
request follows a response only where it says what that one's session said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from toolrun.errors import ModelNotFound, ServerError, ServerStatus
from toolrun.events import AssistantMessage, Warned
from toolrun.models.responses_body import pinned
from toolrun.transcript import Message

if TYPE_CHECKING:
    from toolrun.events import Event
    from toolrun.models.dialects import Dialect
    from toolrun.models.door import Door
    from toolrun.models.model import Request

_KEY = "stored"
_NOT_FOUND = 404
FLAG = "VLLM_ENABLE_RESPONSES_API_STORE=1"


class Stored(Struct, frozen=True, eq=False):
    """What a server has stored of a session: a response, and what it was sampled from.

    A session may be sampled by several servers in turn: `store` is the one's that has it.
    """

    store: ResponseStore
    response_id: str
    pinned: bytes
    known: int
    last: Message
    reply: AssistantMessage
    reasoning_from: int
    times: int = 0


class ResponseStore:
    """The store of one server, as far as it has been seen to work."""

    def __init__(self) -> None:
        self._works: bool | None = None

    @property
    def is_off(self) -> bool:
        """Whether the store was seen not to work."""
        return self._works is False

    def before(self, request: Request, dialect: Dialect) -> Stored | None:
        """The response that a request may follow, None where it has to say everything."""
        stored: Stored | None = request.cache.get(_KEY)
        if stored is None or stored.store is not self or not self._works:
            return None
        messages = request.messages
        if len(messages) < stored.known + 1 or messages[stored.known - 1] is not stored.last:
            return None
        if len(messages) == stored.known + 1 and request.nudge is None:
            return None
        # What it has may not be sent any more.
        gone = stored.times != request.shortened.times
        if gone or not _same(messages[stored.known], stored.reply):
            return None
        # What was thought since the last answer goes on only in the same turn.
        if stored.reply.tool_calls and stored.reasoning_from != request.reasoning_from:
            return None
        return stored if stored.pinned == pinned(request, dialect) else None

    async def keep(
        self, door: Door, request: Request, dialect: Dialect, message: AssistantMessage
    ) -> Event | None:
        """Note a response that was to be stored; a warning where the server has none."""
        request.cache.pop(_KEY, None)
        if self.is_off or message.response_id is None or request.nudge is not None:
            return None
        if self._works is None:
            try:
                await door.get(f"/responses/{message.response_id}")
            except ServerError as error:
                why = "it does not have a response that it was to store"
                return self.turn_off(why if is_gone(error) else f"{why} ({error})")
            self._works = True
        request.cache[_KEY] = Stored(
            self,
            message.response_id,
            pinned(request, dialect),
            len(request.messages),
            request.messages[-1],
            message,
            request.reasoning_from,
            request.shortened.times,
        )
        return None

    def turn_off(self, why: str) -> Event:
        """Use the store no more, and say so."""
        self._works = False
        return Warned(
            "no-response-store",
            f"the server's store of responses does not work: {why}. The whole conversation is sent "
            f"with each request instead. vLLM stores where {FLAG} is set",
        )


def is_gone(error: ServerError) -> bool:
    """Whether an error says that a stored response is not there."""
    return (
        isinstance(error, ServerStatus)
        and not isinstance(error, ModelNotFound)
        and error.status == _NOT_FOUND
    )


def lost_history(stored: Stored, message: AssistantMessage) -> bool:
    """Whether a reply was sampled from less than what was stored, as by vLLM #43244.

    A step of the same turn has all of the prompt before it in its own.
    """
    if not stored.reply.tool_calls:
        return False
    before, now = stored.reply.usage.prompt_tokens, message.usage.prompt_tokens
    return bool(before and now) and now <= before


def _same(message: Message, reply: AssistantMessage) -> bool:
    """Whether a message of the transcript is a reply as it came: calls may have been mended."""
    return isinstance(message, AssistantMessage) and (
        message.response_id == reply.response_id
        and message.content == reply.content
        and message.reasoning == reply.reasoning
        and message.tool_calls == reply.tool_calls
    )
