"""How are tokens sampled by any `vllm serve`? Over `/v1/completions`: ids in, ids out.

No parser of the server's reads them, so it needs no parser flags. `return_token_ids` is vLLM's,
from 0.10.2 on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from toolrun.errors import (
    ConfigError,
    ContextTooLong,
    MalformedOutput,
    ModelNotFound,
    ServerError,
    ServerStatus,
)
from toolrun.models.chat_reply import UsageParts, error_of, shown
from toolrun.models.door import Door, Timeouts
from toolrun.models.harmony.tokens import CALL, Sampled
from toolrun.models.sse import DONE, EventSplitter, is_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from toolrun.models.harmony.tokens import OnTokens, TokenRequest

PATH = "/completions"
_AWAY = (408, 425, 429, 500, 502, 503, 504)
_OURS = ("max_tokens", "prompt", "stop_token_ids")
"""Fields of a request that `extra_body` may not set: a step decides them."""
ROOM = 8192
"""Tokens that a step may have where the server does not say how long its context is. vLLM does; its
own default over this API is 16."""

MAX_TOKENS = 1024 * 1024
"""Tokens of a reply, whatever was asked for: eight times gpt-oss's context."""


class CompletionsSampler:
    """Samples by a server's `/v1/completions`, for any number of sessions.

    Args:
        door: to the server.
    """

    def __init__(self, door: Door) -> None:
        """Internal: `at` makes one of a URL."""
        self.door: Door = door
        """Internal: where its requests go."""
        self._contexts: dict[str, int | None] | None = None

    @classmethod
    def at(
        cls,
        base_url: str,
        *,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = Timeouts(),
    ) -> CompletionsSampler:
        """One for a server, by its base URL with its `/v1`; see `ChatModel`.

        Raises:
            ConfigError: the URL, the key or a header is none that can be sent.
        """
        return cls(Door(base_url, api_key=api_key, headers=headers, timeouts=timeouts))

    async def sample(self, request: TokenRequest, on_tokens: OnTokens | None = None) -> Sampled:
        """Sample one step; see `TokenSampler.sample`.

        Raises:
            ConfigError: `extra` has a field that a step sets by itself.
            ServerError: as for Chat Completions; ModelNotFound lists what the server has.
            ContextTooLong: the prompt leaves no room in the model's context.
        """
        room = await self._room(request)
        body = _encoded(request, room, stream=on_tokens is not None)
        reader = _Reader(request, on_tokens)
        try:
            if on_tokens is None:
                reader.take(await self.door.post(PATH, body))
            else:
                await self._stream(body, reader)
        except ModelNotFound as error:
            names = await self._names()
            raise ModelNotFound(
                f"{error}. It serves: {', '.join(names) or 'nothing'}", names
            ) from error
        except MalformedOutput as error:
            if error.code not in ("malformed-reply", "broken-stream"):
                raise
            if str(error).startswith(self.door.base_url):
                raise
            raise MalformedOutput(f"{self.door.base_url}: {error}", error.code) from error
        return reader.sampled()

    async def context_length(self, name: str) -> int | None:
        """Tokens that a model takes, prompt and reply together; None where nobody says.

        Args:
            name: of the model, as the server has it.
        """
        try:
            return (await self._known_contexts()).get(name)
        except ServerError:
            return None

    async def aclose(self) -> None:
        """Close all connections."""
        await self.door.aclose()

    async def _stream(self, body: bytes, reader: _Reader) -> None:
        splitter = EventSplitter()
        empty = True

        def on_read(read: bytes) -> bool:
            nonlocal empty
            payloads = splitter.feed(read)
            empty = empty and not payloads
            done = DONE in payloads
            for payload in payloads[: payloads.index(DONE)] if done else payloads:
                reader.take(payload)
            return done

        if await self.door.stream(PATH, body, on_read):
            return
        if empty and not is_event(splitter.rest):
            reader.take(splitter.rest)  # no stream, but one JSON body: an error, or all of it
            return
        for payload in splitter.end():
            if payload != DONE:
                reader.take(payload)

    async def _room(self, request: TokenRequest) -> int:
        """How many tokens the step may have.

        Raises:
            ContextTooLong: none.
        """
        context = (await self._known_contexts()).get(request.model)
        wanted = request.sampling.max_tokens
        if context is None:
            return wanted or ROOM
        if (left := context - len(request.prompt)) < 1:
            raise ContextTooLong(
                f"the prompt has {len(request.prompt)} tokens, and {request.model} at "
                f"{self.door.base_url} takes {context} with its reply (max_model_len)",
                tokens=len(request.prompt),
                length=context,
            )
        return min(left, wanted or left)

    async def _known_contexts(self) -> dict[str, int | None]:
        if self._contexts is None:
            try:
                body = await self.door.get("/models")
            except ServerStatus as error:
                if error.status in _AWAY:  # what it lists is not known yet: the step is tried again
                    raise
                self._contexts = {}  # not every server lists its models
                return self._contexts
            try:
                listed = msgspec.json.decode(body, type=_Models)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise MalformedOutput(
                    f"{self.door.base_url}/models does not answer like an OpenAI-compatible "
                    f"server ({error}); is the path right? vLLM's ends in /v1"
                ) from error
            self._contexts = {card.id: card.max_model_len for card in listed.data}
        return self._contexts

    async def _names(self) -> list[str]:
        return list(await self._known_contexts())


def _encoded(request: TokenRequest, room: int, *, stream: bool) -> bytes:
    for name in _OURS:
        if name in request.extra:
            raise ConfigError(
                f"extra_body: {name!r} is set by toolrun, which samples token by token here; give "
                "sampling=Sampling(max_tokens=...) for the length"
            )
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if request.logprobs:
        body["logprobs"] = 0
    if CALL not in request.stop:
        # vLLM adds the stop ids of the model's generation_config.json, of which <|call|> is one.
        body["ignore_eos"] = True
    body |= msgspec.to_builtins(request.sampling)
    body |= {"skip_special_tokens": False} | request.extra
    body |= {
        "max_tokens": room,
        "stop_token_ids": request.stop,
        "return_token_ids": True,
    }
    return msgspec.json.encode(body)


class _Card(Struct):
    id: str
    max_model_len: int | None = None


class _Models(Struct):
    data: list[_Card]


class _Logprobs(Struct):
    token_logprobs: list[float | None] | None = None


class _Choice(Struct):
    finish_reason: str | None = None
    token_ids: list[int] | None = None
    logprobs: _Logprobs | None = None


class _Reply(Struct):
    """A reply, or a chunk of one."""

    id: str | None = None
    choices: list[_Choice] | None = None
    usage: UsageParts | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Reply).decode


class _Reader:
    """Adds up what comes of one step."""

    def __init__(self, request: TokenRequest, on_tokens: OnTokens | None) -> None:
        self._request = request
        self._on_tokens = on_tokens
        self._tokens: list[int] = []
        self._logprobs: list[float] = []
        self._finish: str | None = None
        self._usage: UsageParts | None = None
        self._id: str | None = None

    def take(self, payload: bytes) -> None:
        """Take a chunk, or the whole reply.

        Raises:
            MalformedOutput: it is none.
            ServerStatus: it is an error.
            ServerError: it has no ids.
        """
        try:
            reply = _decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedOutput(f"not a reply ({error}): {shown(payload)}") from error
        if (said := bytes(reply.error)) not in (b"", b"null"):
            raise error_of(said)
        self._id = reply.id or self._id
        self._usage = reply.usage or self._usage
        if reply.choices:
            self._choice(reply.choices[0])

    def _choice(self, choice: _Choice) -> None:
        self._finish = choice.finish_reason or self._finish
        if choice.token_ids is None:
            raise _no_ids()
        self._tokens += choice.token_ids
        if len(self._tokens) > MAX_TOKENS:
            raise MalformedOutput(f"the reply has more than {MAX_TOKENS} tokens")
        if self._request.logprobs:
            found = choice.logprobs.token_logprobs if choice.logprobs is not None else None
            self._logprobs += (_LEAST if each is None else each for each in found or ())
        if self._on_tokens is not None and choice.token_ids:
            self._on_tokens(choice.token_ids)

    def sampled(self) -> Sampled:
        """What was sampled, after the last chunk.

        Raises:
            MalformedOutput: it broke off.
        """
        if self._finish is None:
            raise MalformedOutput("the stream stopped without a finish_reason", "broken-stream")
        usage = self._usage or UsageParts()
        details = usage.prompt_tokens_details
        logprobs = tuple(self._logprobs) if self._request.logprobs else None
        if logprobs is not None and len(logprobs) != len(self._tokens):
            raise MalformedOutput(
                f"the server gave {len(logprobs)} log-probabilities for {len(self._tokens)} tokens"
            )
        return Sampled(
            tuple(self._tokens),
            logprobs,
            self._finish,
            usage.prompt_tokens or len(self._request.prompt),
            details.cached_tokens if details is not None else None,
            self._id,
        )


_LEAST = -9999.0
"""Stands for a probability of 0, whose logarithm JSON has no number for; vLLM says the same."""


def _no_ids() -> ServerError:
    error = ServerError(
        "the server gives no token ids, which direct sampling needs: vLLM does from 0.10.2 on "
        "(return_token_ids). Take via='chat'"
    )
    error.code = "no-token-ids"
    return error
