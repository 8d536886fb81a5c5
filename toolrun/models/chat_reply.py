"""How does a Chat Completions reply, streamed or not, become an `AssistantMessage`?

Only the fields that are used are decoded. Reasoning is read from `reasoning`, else from
`reasoning_content`: vLLM renamed the field twice (see `dialects`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from toolrun.errors import MalformedOutput, ServerStatus
from toolrun.events import AssistantMessage, ReasoningDelta, TextDelta, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.model import Observe


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(Struct):
    """A message of a reply, or the delta of a chunk: the same fields."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct):
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None
    token_ids: list[int] | None = None


class _PromptDetails(Struct):
    cached_tokens: int | None = None


class _CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Reply(Struct):
    id: str | None = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    prompt_token_ids: list[int] | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Reply).decode


def read_reply(body: bytes) -> AssistantMessage:
    """The message of an unstreamed reply.

    Raises:
        MalformedOutput: the body is not a Chat Completions reply.
        ServerStatus: the body is an error in JSON.
    """
    reply = _decoded(body)
    if not reply.choices or reply.choices[0].message is None:
        raise MalformedOutput(f"the reply has no message: {_shown(body)}")
    choice = reply.choices[0]
    said = choice.message
    assert said is not None
    return AssistantMessage(
        content=said.content or None,
        reasoning=said.reasoning or said.reasoning_content or None,
        tool_calls=_finished_calls(said.tool_calls or ()),
        finish_reason=choice.finish_reason,
        usage=_usage(reply.usage),
        response_id=reply.id,
        prompt_token_ids=_ids(reply.prompt_token_ids),
        token_ids=_ids(choice.token_ids),
    )


class StreamReader:
    """Adds the chunks of a streamed reply up to one message."""

    def __init__(self, observe: Observe | None) -> None:
        self._observe = observe
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._arguments: dict[int, list[str]] = {}
        self._finish: str | None = None
        self._usage: _Usage | None = None
        self._id: str | None = None
        self._prompt_ids: list[int] | None = None
        self._ids: list[int] | None = None

    def feed(self, payloads: Sequence[bytes]) -> None:
        """Take the payloads of one read.

        Raises:
            MalformedOutput: a payload is not a chunk.
            ServerStatus: the server reports an error in mid-stream, after its HTTP 200.
        """
        for payload in payloads:
            chunk = _decoded(payload)
            self._id = chunk.id or self._id
            if chunk.usage is not None:
                self._usage = chunk.usage
            if chunk.prompt_token_ids is not None:
                self._prompt_ids = chunk.prompt_token_ids
            if chunk.choices:
                self._take(chunk.choices[0])

    def _take(self, choice: _Choice) -> None:
        if choice.finish_reason is not None:
            self._finish = choice.finish_reason
        if choice.token_ids is not None:
            self._ids = (self._ids or []) + choice.token_ids
        said = choice.delta
        if said is None:
            return
        if reasoning := said.reasoning or said.reasoning_content:
            self._reasoning.append(reasoning)
            if self._observe is not None:
                self._observe(ReasoningDelta(reasoning))
        if said.content:
            self._content.append(said.content)
            if self._observe is not None:
                self._observe(TextDelta(said.content))
        for call in said.tool_calls or ():
            self._take_call(call)

    def _take_call(self, piece: _Call) -> None:
        """A call's first piece has index, id and name, the later ones index and arguments."""
        index = piece.index if piece.index is not None else max(self._calls, default=0)
        whole = self._calls.setdefault(index, _Call(function=_Function()))
        assert whole.function is not None
        whole.id = whole.id or piece.id
        if piece.function is not None:
            whole.function.name = whole.function.name or piece.function.name
            if piece.function.arguments:
                self._arguments.setdefault(index, []).append(piece.function.arguments)

    def message(self) -> AssistantMessage:
        """The whole message, after the last chunk.

        Raises:
            MalformedOutput: the stream stopped before its end.
        """
        if self._finish is None:
            raise MalformedOutput("the stream stopped without a finish_reason")
        for index, call in self._calls.items():
            assert call.function is not None
            call.function.arguments = "".join(self._arguments.get(index, ()))
        return AssistantMessage(
            content="".join(self._content) or None,
            reasoning="".join(self._reasoning) or None,
            tool_calls=_finished_calls([self._calls[index] for index in sorted(self._calls)]),
            finish_reason=self._finish,
            usage=_usage(self._usage),
            response_id=self._id,
            prompt_token_ids=_ids(self._prompt_ids),
            token_ids=_ids(self._ids),
        )


def _decoded(payload: bytes) -> _Reply:
    try:
        reply = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedOutput(f"not a reply ({error}): {_shown(payload)}") from error
    if (said := bytes(reply.error)) not in (b"", b"null"):
        raise _error(said)
    return reply


def _error(raw: bytes) -> ServerStatus:
    """The error object that vLLM puts into a body or a stream."""
    try:
        fields = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        fields = None
    if not isinstance(fields, dict):
        fields = {"message": _shown(raw)}
    code = fields.get("code")
    return ServerStatus(
        f"the server reports an error in its reply: {fields.get('message')}",
        code if isinstance(code, int) else 500,
    )


def _finished_calls(calls: Sequence[_Call]) -> tuple[ToolCall, ...]:
    """The calls with ids that are there and differ: results are matched by them."""
    finished: list[ToolCall] = []
    seen: set[str] = set()
    for number, call in enumerate(calls):
        function = call.function or _Function()
        call_id = call.id or f"call-{number}"
        if call_id in seen:
            call_id = f"{call_id}-{number}"
        seen.add(call_id)
        finished.append(ToolCall(call_id, function.name or "", function.arguments or ""))
    return tuple(finished)


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens or 0,
        (prompt.cached_tokens or 0) if prompt else 0,
        (completion.reasoning_tokens or 0) if completion else 0,
    )


def _ids(ids: list[int] | None) -> tuple[int, ...] | None:
    return None if ids is None else tuple(ids)


def _shown(body: bytes) -> str:
    """The beginning of a body, for an error message."""
    text = body[:200].decode("utf-8", "replace")
    return repr(text + ("..." if len(body) > len(text) else ""))
