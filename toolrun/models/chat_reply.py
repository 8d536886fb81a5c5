"""How does a Chat Completions reply become an `AssistantMessage`?

Only the fields that are used are decoded; streams are `chat_stream`'s. Reasoning is read from
`reasoning`, else from `reasoning_content`: vLLM renamed the field twice (see `dialects`).
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from toolrun.errors import ContextTooLong, MalformedOutput, ServerStatus
from toolrun.events import AssistantMessage
from toolrun.models import faults
from toolrun.values import ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

CALL_TOKEN = 200012
"""`<|call|>` in o200k_harmony: the model stopped (`stop_reason`) because it made a call."""


class Function(Struct):
    """What is called, or a piece of it."""

    name: str | None = None
    arguments: str | None = None


class CallPart(Struct):
    """A call of a message, or a piece of one in a chunk."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Said(Struct):
    """A message of a reply, or the delta of a chunk: the same fields."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[CallPart] | None = None


class Choice(Struct):
    """The reply proper; toolrun asks for one."""

    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    token_ids: list[int] | None = None


class _PromptDetails(Struct):
    cached_tokens: int | None = None


class _CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class UsageParts(Struct):
    """The usage object; servers leave out or null what they do not count."""

    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class Reply(Struct):
    """A reply, or a chunk of one."""

    id: str | None = None
    choices: list[Choice] | None = None
    usage: UsageParts | None = None
    prompt_token_ids: list[int] | None = None
    error: msgspec.Raw = msgspec.Raw()


_ERRORS = range(400, 600)
_decode = msgspec.json.Decoder(Reply).decode
_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def read_reply(body: bytes) -> AssistantMessage:
    """The message of an unstreamed reply.

    Raises:
        MalformedOutput: the body is not a Chat Completions reply, or its calls were lost.
        ServerStatus: the body is an error in JSON.
    """
    reply = decoded(body)
    if not reply.choices or (said := reply.choices[0].message) is None:
        raise MalformedOutput(f"the reply has no message: {shown(body)}")
    choice = reply.choices[0]
    if not said.tool_calls and lost_a_call(choice.finish_reason, choice.stop_reason):
        raise lost_call()
    return AssistantMessage(
        content=said.content or None,
        reasoning=said.reasoning or said.reasoning_content or None,
        tool_calls=finished_calls(said.tool_calls or ()),
        finish_reason=choice.finish_reason,
        usage=usage_of(reply.usage),
        response_id=reply.id,
        prompt_token_ids=ids_of(reply.prompt_token_ids),
        token_ids=ids_of(choice.token_ids),
    )


def decoded(payload: bytes) -> Reply:
    """A reply or chunk.

    Raises:
        MalformedOutput: the payload is none.
        ServerStatus: it is an error in JSON.
    """
    try:
        reply = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        whole = without_lone_surrogates(payload)
        if whole != payload:
            return decoded(whole)
        raise MalformedOutput(f"not a reply ({error}): {shown(payload)}") from error
    if (said := bytes(reply.error)) not in (b"", b"null"):
        raise error_of(said)
    return reply


def lost_a_call(finish_reason: str | None, stop_reason: object) -> bool:
    """Whether a reply without calls ended in one: a tool parser would have said `tool_calls`."""
    return stop_reason == CALL_TOKEN and finish_reason == "stop"


def lost_call() -> MalformedOutput:
    """The error of a reply that ended in `<|call|>` and has no call.

    So it looks where vLLM runs without its tool parser: the call is gone, and nothing says so
    (#48672; stop_reason 200012 seen on 0.28.0 and 0.32.0).
    """
    return MalformedOutput(
        f"the model made a call (stop_reason {CALL_TOKEN}), and the server did not see it. vLLM "
        f"needs the flags {faults.PARSER_FLAGS}",
        "no-tool-parser",
    )


def finished_calls(calls: Sequence[CallPart]) -> tuple[ToolCall, ...]:
    """The calls with ids that are there and differ: results are matched by them.

    Raises:
        MalformedOutput: there are more than any model means.
    """
    if len(calls) > faults.MAX_CALLS:
        raise faults.too_many_calls()
    finished: list[ToolCall] = []
    seen: set[str] = set()
    for number, call in enumerate(calls):
        function = call.function or Function()
        call_id = call.id or f"call-{number}"
        while call_id in seen:
            call_id = f"{call_id}-{number}"
        seen.add(call_id)
        finished.append(ToolCall(call_id, function.name or "", function.arguments or ""))
    return tuple(finished)


def usage_of(usage: UsageParts | None) -> Usage:
    """The usage, 0 where a server says nothing."""
    if usage is None:
        return Usage()
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        (prompt.cached_tokens or 0) if prompt else 0,
        (completion.reasoning_tokens or 0) if completion else 0,
    )


def ids_of(ids: list[int] | None) -> tuple[int, ...] | None:
    """Token ids as a message holds them."""
    return None if ids is None else tuple(ids)


def without_lone_surrogates(payload: bytes) -> bytes:
    r"""The payload with U+FFFD for each half of a surrogate pair (`\ud83d`) that stands alone.

    Proxies that count in UTF-16 cut an emoji in two; halves are no text, and JSON decoders differ.
    """
    if b"\\u" not in payload:
        return payload
    return _SURROGATE.sub(lambda found: b"\\ufffd" if found["lone"] else found[0], payload)


def error_of(raw: bytes) -> ServerStatus | ContextTooLong:
    """The error object that vLLM puts into a body or a stream."""
    fields: Any = None
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fields = msgspec.json.decode(raw)
    if not isinstance(fields, dict):
        fields = {"message": shown(raw)}
    code, text = fields.get("code"), str(fields.get("message"))
    status = code if isinstance(code, int) and code in _ERRORS else 500
    if (long := faults.context_fault(text)) is not None:
        said = f"the server reports an error in its reply: {text}"
        return ContextTooLong(said, tokens=long[0], length=long[1])
    error = ServerStatus(f"the server reports an error in its reply: {text}", status)
    if faults.is_header_fault(text):
        error.code = "malformed-header"
    elif faults.is_call_fault(text):
        error.code = "malformed-call"
    return error


def shown(body: bytes) -> str:
    """The beginning of a body, for an error message."""
    text = body[:200].decode("utf-8", "replace")
    return repr(text + ("..." if len(body) > len(text) else ""))
