"""How is a step sampled over Chat Completions?"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from toolrun.errors import MalformedOutput, ModelNotFound
from toolrun.events import ReasoningDelta, RequestSent, StepFinished, TextDelta, Warned
from toolrun.models.chat_body import encode_body
from toolrun.models.chat_reply import read_reply
from toolrun.models.chat_stream import StreamReader
from toolrun.models.door import Door, Timeouts
from toolrun.models.lengths import Lengths
from toolrun.models.probe import AskedDialect, with_names
from toolrun.models.proof import prove_reasoning
from toolrun.models.sent import added_messages
from toolrun.models.sse import DONE, EventSplitter, is_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from toolrun.events import AssistantMessage, Event
    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Observe, Request
    from toolrun.models.proof import Proof

PATH = "/chat/completions"
NO_REPLY = ("malformed-reply", "broken-stream")
REPLIES = "Is it an OpenAI-compatible server's? vLLM's base_url is http://HOST:8000/v1"


class ChatModel:
    """Models behind one Chat Completions server, for any number of sessions.

    Args:
        base_url: of the server, with its `/v1`.
        api_key: sent as a bearer token; a callable is asked for each request. "EMPTY" by default.
        headers: sent with each request.
        dialect: how the server departs from the common format; found by asking it where None.
        timeouts: in seconds.
    """

    sound = True
    """See `Model`."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: Dialect | None = None,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        self.door: Door = Door(base_url, api_key=api_key, headers=headers, timeouts=timeouts)
        """Internal: where its requests go."""
        self._dialect = AskedDialect(self.door, dialect)
        self._lengths = Lengths(self.door)
        self._parses = False
        self._lost_calls = 0

    async def dialect(self) -> Dialect:
        """The dialect of the server, asked for at the first use.

        Raises:
            ServerUnreachable, ServerTimeout: nobody answers.
        """
        return await self._dialect.get()

    async def context_length(self, name: str) -> int | None:
        """Tokens that a model takes, prompt and reply together; None where nobody says.

        Args:
            name: of the model, as the server has it.
        """
        return await self._lengths.of(name, self._dialect.known)

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """Sample one step; see `Model.sample`.

        Raises:
            ServerError: as its subclass says; ModelNotFound lists what the server has.
        """
        dialect = self._dialect.known or await self._dialect.get()
        body = encode_body(request, dialect)
        if observe is not None:
            self._tell(request, dialect, body, observe)
        began = time.perf_counter()
        first: float | None = None
        try:
            if request.streams:
                message, first = await self._stream(body, observe, request.on_call)
            else:
                reply = await self.door.post(PATH, body)
                message = _whole(reply, observe if request.stream else None)
        except ModelNotFound as error:
            raise await with_names(error, self.door) from error
        except MalformedOutput as error:
            raise self._judged(error, request) from error.__cause__
        if message.tool_calls:
            self._parses = True
        if observe is not None:
            took = time.perf_counter() - began
            observe(StepFinished(round(took, 6), first and round(first - began, 6), message.usage))
        return message

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """Whether the reasoning of a step is in the prompt of a later step of the same turn.

        Args:
            name: of the model.
            step: has the reasoning.
            later: has `prompt_token_ids`, as `extra={"return_token_ids": True}` brings them.

        Raises:
            ServerError: the server gives no token ids, or cannot tokenize.
        """
        return await prove_reasoning(self.door, name, step, later)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.door.aclose()

    async def _stream(
        self, body: bytes, observe: Observe | None, on_call: Callable[[str], None] | None
    ) -> tuple[AssistantMessage, float | None]:
        splitter = EventSplitter()
        reader = StreamReader(observe, on_call)
        first: float | None = None

        def on_read(read: bytes) -> bool:
            nonlocal first
            if first is None:
                first = time.perf_counter()
            payloads = splitter.feed(read)
            if DONE not in payloads:
                reader.feed(payloads)
                return False
            reader.feed(payloads[: payloads.index(DONE)])
            return True

        if not await self.door.stream(PATH, body, on_read):
            if reader.is_empty and not is_event(splitter.rest):
                # Not a stream, but one JSON body: an error, or a reply of a server that has none.
                return _whole(splitter.rest, observe), first
            reader.feed([payload for payload in splitter.end() if payload != DONE])
        return reader.message(), first

    def _tell(self, request: Request, dialect: Dialect, body: bytes, observe: Observe) -> None:
        first = "asked" not in request.cache
        request.cache["asked"] = True
        if first and dialect.takes_reasoning is False:
            observe(not_returned(dialect))
        observe(
            RequestSent(
                hashlib.sha256(body).hexdigest(),
                len(body),
                added_messages(request),
                dialect.name,
                request.streams,
            )
        )

    def _judged(self, error: MalformedOutput, request: Request) -> MalformedOutput:
        """The same error, if a call that was lost may not be lost again.

        A server with a tool parser loses calls too: in streams, and of built-in tools (#27385). So
        it is one without, where no call of it was ever seen, and the second is lost, unstreamed.
        """
        if error.code in NO_REPLY and not str(error).startswith(self.door.base_url):
            hint = f". {REPLIES}" if error.code == "malformed-reply" else ""
            return MalformedOutput(f"{self.door.base_url}: {error}{hint}", error.code)
        if error.code != "no-tool-parser":
            return error
        self._lost_calls += 1
        offered = bool(request.tools) and request.response_format is None
        if offered and not (self._parses or request.streams) and self._lost_calls > 1:
            return error
        return MalformedOutput(str(error), "garbled-call")


def _whole(body: bytes, observe: Observe | None) -> AssistantMessage:
    """A reply that came whole; whoever waits for its pieces is told them at once."""
    message = read_reply(body)
    if observe is not None and message.reasoning:
        observe(ReasoningDelta(message.reasoning))
    if observe is not None and message.content:
        observe(TextDelta(message.content))
    return message


def not_returned(dialect: Dialect) -> Event:
    """The warning about a server that drops the reasoning that it is sent."""
    return Warned(
        "reasoning-not-returned",
        f"{dialect.name} ignores the reasoning that is sent back over Chat Completions: the model "
        "forgets why it called a tool. vLLM takes it from 0.13 on",
    )
