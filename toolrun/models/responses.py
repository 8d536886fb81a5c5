"""How is a step sampled over the Responses API?"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from toolrun.errors import MalformedOutput, ModelNotFound, ServerError, ServerStatus
from toolrun.events import ReasoningDelta, RequestSent, StepFinished, TextDelta, Warned
from toolrun.models.chat import NO_REPLY, REPLIES
from toolrun.models.door import Door, Timeouts
from toolrun.models.lengths import Lengths
from toolrun.models.probe import AskedDialect, with_names
from toolrun.models.responses_body import encode_body, encode_stored
from toolrun.models.responses_proof import Sent, prove_response
from toolrun.models.responses_reply import message_of, read_response, server_tools
from toolrun.models.responses_store import ResponseStore, is_gone, lost_history
from toolrun.models.responses_stream import ResponseReader
from toolrun.models.sent import added_messages
from toolrun.models.sse import DONE, EventSplitter, is_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from toolrun.events import AssistantMessage
    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Observe, Request
    from toolrun.models.proof import Proof
    from toolrun.models.responses_reply import Response
    from toolrun.models.responses_store import Stored

PATH = "/responses"
VIA = "responses"
_REMEMBERED = 64
"""Requests that a proof can still be asked of."""
_NO_PATH = (404, 405, 501)


class ResponsesModel:
    """Models behind one Responses server, for any number of sessions.

    By default each request says the whole conversation, and nothing is stored. Tools of the
    server's own are given in a session's `extra_body`: `{"tools": [{"type":
    "web_search_preview"}]}`; the calls that the server makes of them are `ServerToolCalled` events.

    Args:
        base_url: of the server, with its `/v1`.
        name: of the model, where the session is given this object in place of a name.
        api_key: sent as a bearer token; a callable is asked for each request. "EMPTY" by default.
        headers: sent with each request.
        dialect: how the server departs from the common format; found by asking it where None.
        timeouts: in seconds.
        store: have the server store its responses, and say only what is new to it
            (`previous_response_id`), once its store has been seen to work. vLLM's holds them in
            its memory, without end.
    """

    sound = True
    """See `Model`."""

    def __init__(
        self,
        base_url: str,
        *,
        name: str = "openai/gpt-oss-20b",
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: Dialect | None = None,
        timeouts: Timeouts = Timeouts(),
        store: bool = False,
    ) -> None:
        self.name = name
        self.door: Door = Door(base_url, api_key=api_key, headers=headers, timeouts=timeouts)
        """Internal: where its requests go."""
        self._dialect = AskedDialect(self.door, dialect)
        self._lengths = Lengths(self.door)
        self._store = ResponseStore() if store else None
        self._sent: dict[str, Sent] = {}

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
            ConfigError: a setting has no place in a Responses request of this server.
        """
        dialect = self._dialect.known or await self._dialect.get()
        whole = encode_body(request, dialect)
        if observe is not None:
            _tell(request, dialect, whole, observe)
        began = time.perf_counter()
        message, response, first = await self._follow(request, dialect, whole, observe)
        if request.extra.get("return_token_ids") and message.response_id is not None:
            self._remember(message.response_id, whole, response)
        if observe is not None:
            took = time.perf_counter() - began
            observe(StepFinished(round(took, 6), first and round(first - began, 6), message.usage))
        return message

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """Whether the reasoning of a step is in the prompt of a later step of the same turn.

        Args:
            name: of the model.
            step: has the reasoning.
            later: was sampled by this object with `extra={"return_token_ids": True}`.

        Raises:
            ServerError: the server says nothing of its prompts, or cannot tokenize.
        """
        if (sent := self._sent.get(later.response_id or "")) is None:
            raise ServerError(
                f"{self.door.base_url}: the request of this step is not remembered; set extra_body="
                f'{{"return_token_ids": True}}, and ask within {_REMEMBERED} steps of this model'
            )
        return await prove_response(self.door, name, step, later, sent)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.door.aclose()

    async def _follow(
        self, request: Request, dialect: Dialect, whole: bytes, observe: Observe | None
    ) -> tuple[AssistantMessage, Response, float | None]:
        """A reply, to a request that follows a stored response where there is one to follow."""
        store = self._store
        if store is None or store.is_off:
            return await self._reply(whole, request, observe)
        stored = store.before(request, dialect)
        try:
            body = _stored_body(request, dialect, stored)
            reply = await self._reply(body, request, observe)
        except ServerStatus as error:
            if stored is None or not is_gone(error):
                raise
            event = store.turn_off(f"it has lost the response {stored.response_id}")
            if observe is not None:
                observe(event)
            return await self._reply(whole, request, observe)
        if stored is not None and lost_history(stored, reply[0]):
            event = store.turn_off("a prompt did not hold what was stored before it (vLLM #43244)")
            if observe is not None:
                observe(event)
            raise MalformedOutput(
                "the step was sampled without what came before it", "lost-history"
            )
        warned = await store.keep(self.door, request, dialect, reply[0])
        if warned is not None and observe is not None:
            observe(warned)
        return reply

    async def _reply(
        self, body: bytes, request: Request, observe: Observe | None
    ) -> tuple[AssistantMessage, Response, float | None]:
        """The message, the response that it came in, and when the first bytes came."""
        try:
            if request.streams:
                return await self._stream(body, observe, request.on_call)
            response = read_response(await self.door.post(PATH, body))
            return _whole(response, observe, pieces=request.stream), response, None
        except ModelNotFound as error:
            raise await with_names(error, self.door) from error
        except ServerStatus as error:
            raise _without_responses(error) from error.__cause__
        except MalformedOutput as error:
            raise self._located(error) from error.__cause__

    async def _stream(
        self, body: bytes, observe: Observe | None, on_call: Callable[[str], None] | None
    ) -> tuple[AssistantMessage, Response, float | None]:
        splitter = EventSplitter()
        reader = ResponseReader(observe, on_call)
        first: float | None = None

        def on_read(read: bytes) -> bool:
            nonlocal first
            if first is None:
                first = time.perf_counter()
            return reader.feed([payload for payload in splitter.feed(read) if payload != DONE])

        if not await self.door.stream(PATH, body, on_read):
            if reader.is_empty and not is_event(splitter.rest):
                # Not a stream, but one JSON body: an error, or a reply of a server that has none.
                response = read_response(splitter.rest)
                return _whole(response, observe, pieces=True), response, first
            reader.feed([payload for payload in splitter.end() if payload != DONE])
        message = reader.message()
        assert reader.response is not None
        return message, reader.response, first

    def _remember(self, response_id: str, body: bytes, response: Response) -> None:
        self._sent[response_id] = Sent(body, bytes(response.input_messages))
        while len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]

    def _located(self, error: MalformedOutput) -> MalformedOutput:
        """The same error, with the server that it is of where there was no reply at all."""
        if error.code not in NO_REPLY or str(error).startswith(self.door.base_url):
            return error
        hint = f". {REPLIES}" if error.code == "malformed-reply" else ""
        return MalformedOutput(f"{self.door.base_url}: {error}{hint}", error.code)


def _tell(request: Request, dialect: Dialect, whole: bytes, observe: Observe) -> None:
    """What goes out; the digest is of the body that says the whole conversation.

    So a replay can write it again, whatever a server had stored.
    """
    first = "asked" not in request.cache
    request.cache["asked"] = True
    if first and dialect.responses_reasoning in ("no channel", "dropped"):
        observe(
            Warned(
                "reasoning-not-returned",
                f"{dialect.name} loses the reasoning that is sent back over Responses: the model "
                "forgets why it called a tool. vLLM is seen to keep it from 0.28 on",
            )
        )
    digest = hashlib.sha256(whole).hexdigest()
    adds = added_messages(request)
    observe(RequestSent(digest, len(whole), adds, dialect.name, request.streams, VIA))


def _stored_body(request: Request, dialect: Dialect, stored: Stored | None) -> bytes:
    if stored is None:
        return encode_stored(request, dialect, None, 0)
    return encode_stored(request, dialect, stored.response_id, stored.known + 1)


def _whole(response: Response, observe: Observe | None, *, pieces: bool) -> AssistantMessage:
    """A reply that came whole; whoever waits for its pieces is told them at once."""
    items = response.output or []
    message = message_of(response, items)
    if observe is not None:
        for called in server_tools(items):
            observe(called)
        if pieces and message.reasoning:
            observe(ReasoningDelta(message.reasoning))
        if pieces and message.content:
            observe(TextDelta(message.content))
    return message


def _without_responses(error: ServerStatus) -> ServerStatus:
    """The same error; with what to do where the server may not have this API at all."""
    if error.status not in _NO_PATH or "Response with id" in str(error):
        return error
    hinted = ServerStatus(f'{error}. Or it has no Responses API: set via="chat"', error.status)
    hinted.code, hinted.retry_after = error.code, error.retry_after
    return hinted
