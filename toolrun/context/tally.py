"""How many tokens will the next request have?

What the server counted for the step before, and what came since: each message is looked at once. By
its bytes first, which no count of tokens exceeds; exactly, by harmony's own rendering where a
library is installed, only where that upper bound may be too much.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import msgspec

from toolrun.events import AssistantMessage, UserMessage
from toolrun.transcript import ToolMessage, reasoning_kept_from

if TYPE_CHECKING:
    from toolrun.models.model import Request
    from toolrun.transcript import Message

KEY = "tally"
_BYTES_A_TOKEN = 3.6
"""Of English and of code, rather too few: a count is then rather too high."""
_HEADER = 12
"""Tokens around the text of a message, at most."""
_SYSTEM = 300
"""Tokens of the system message, at most, which is the server's."""


class Counts(Protocol):
    """Counts exactly; None for what it cannot render."""

    def head(self, request: Request) -> int | None:
        """Of all that comes before the messages."""
        ...

    def message(self, message: Message, request: Request, *, reasoning: bool) -> int | None:
        """Of a message."""
        ...


class Tally:
    """The messages of one session as they are sent, each looked at once. Kept in `Request.cache`.

    Attributes:
        results: where tool results stand among the messages.
        users: where the user's messages stand.
        exact: whether nothing was estimated when the tokens were counted last.
    """

    def __init__(self, times: int) -> None:
        self.times = times
        self.results: list[int] = []
        self.users: list[int] = []
        self.exact: bool = True
        self._bytes: list[int] = []
        self._total = 0
        self._last: int | None = None
        self._head_of: tuple[object, ...] = ()
        self._head = 0

    def update(self, request: Request) -> None:
        """Look at the messages that are new."""
        for at in range(len(self._bytes), len(request.messages)):
            message = request.messages[at]
            if isinstance(message, ToolMessage):
                self.results.append(at)
            elif isinstance(message, UserMessage):
                self.users.append(at)
            else:
                self._last = at
            size = _size(message)
            self._bytes.append(size)
            self._total += size

    @property
    def length(self) -> int:
        """How many messages were looked at."""
        return len(self._bytes)

    def bytes_of(self, at: int) -> int:
        """The bytes of a message."""
        return self._bytes[at]

    def at_most(self, request: Request) -> int:
        """Tokens that the request has at most."""
        base, since = self._counted(request)
        if base is None:
            return self._total + _HEADER * len(self._bytes) + self._head_bytes(request) + _SYSTEM
        new = self._bytes[since:]
        nudge = len((request.nudge or "").encode())
        return base + sum(new) + _HEADER * (len(new) + 1) + nudge

    def count(self, request: Request, counts: Counts | None) -> int:
        """Tokens that the request has, as near as can be told."""
        messages, begin = request.messages, request.reasoning_from
        self.exact = True
        base, since = self._counted(request)
        if base is None:
            base, since = self._head_tokens(request, counts), 0
        elif since <= begin and since:
            base -= self._dropped(request, since, counts)
        for at in range(since, len(messages)):
            base += self.size(request, at, counts, reasoning=at >= begin)
        if request.nudge:
            base += _tokens(len(request.nudge.encode()))
        return max(base, 0)

    def size(self, request: Request, at: int, counts: Counts | None, *, reasoning: bool) -> int:
        """Tokens of a message of the request."""
        message = request.messages[at]
        if counts is not None:
            exact = counts.message(message, request, reasoning=reasoning)
            if exact is not None:
                return exact
        self.exact = False
        dropped = 0
        if isinstance(message, AssistantMessage) and message.reasoning and not reasoning:
            dropped = len(message.reasoning.encode())
        return _tokens(self._bytes[at] - dropped)

    def _counted(self, request: Request) -> tuple[int | None, int]:
        """What is counted already, and the index of the first message that is not in it."""
        upto, last = request.shortened.upto, self._last
        if last is not None and last >= upto:
            message = request.messages[last]
            assert isinstance(message, AssistantMessage)
            if message.usage.prompt_tokens:
                # What was sampled is written anew, and what the model goes on from once more.
                return message.usage.total_tokens + 2, last + 1
        if request.shortened.tokens:
            return request.shortened.tokens, upto
        return None, 0

    def _dropped(self, request: Request, since: int, counts: Counts | None) -> int:
        """Tokens of the reasoning that was in the last prompt, and goes out no more."""
        messages, dropped = request.messages, 0
        for at in range(reasoning_kept_from(messages[:since]), since):
            message = messages[at]
            if not isinstance(message, AssistantMessage) or not message.reasoning:
                continue
            if counts is None:
                dropped += message.usage.reasoning_tokens or len(message.reasoning) // 6
                continue
            dropped += self.size(request, at, counts, reasoning=True)
            dropped -= self.size(request, at, counts, reasoning=False)
        return dropped

    def _head_tokens(self, request: Request, counts: Counts | None) -> int:
        exact = counts.head(request) if counts is not None else None
        if exact is not None:
            return exact
        self.exact = False
        return _tokens(self._head_bytes(request)) + _SYSTEM // 2

    def _head_bytes(self, request: Request) -> int:
        of = (request.instructions, id(request.tools))
        if of != self._head_of:
            tools = msgspec.json.encode(list(request.tools))
            self._head, self._head_of = len((request.instructions or "").encode()) + len(tools), of
        return self._head


def tally_of(request: Request) -> Tally:
    """The tally of a session, brought up to the request."""
    tally: Tally | None = request.cache.get(KEY)
    known = len(request.messages)
    if tally is None or tally.times != request.shortened.times or tally.length > known:
        tally = request.cache[KEY] = Tally(request.shortened.times)
    tally.update(request)
    return tally


def _size(message: Message) -> int:
    if not isinstance(message, AssistantMessage):
        return len(message.content.encode("utf-8", "replace"))
    texts = [message.content or "", message.reasoning or ""]
    for call in message.tool_calls:
        texts += (call.name, call.arguments)
    return sum(len(text.encode("utf-8", "replace")) for text in texts)


def _tokens(size: int) -> int:
    return math.ceil(size / _BYTES_A_TOKEN) + _HEADER // 2
