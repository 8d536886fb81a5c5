"""How does a reply of the Responses API become an `AssistantMessage`?

Only what is used is decoded; streams are `responses_stream`'s. The items of one kind are joined by
a line feed, as vLLM's Chat Completions joins them, so that the message is the same by both ways.
What vLLM sends was read from its releases 0.28.0 and 0.32.0 (entrypoints/openai/responses) and
recorded from both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from toolrun.errors import MalformedOutput, ServerStatus
from toolrun.events import AssistantMessage, ServerToolCalled
from toolrun.models import faults
from toolrun.models.chat_reply import (
    CallPart,
    Function,
    error_of,
    finished_calls,
    shown,
    without_lone_surrogates,
)
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

_ABSENT = (b"", b"null")
_INPUTS = ("arguments", "code", "action", "queries", "input")
_OUTPUTS = ("output", "outputs", "results", "error")


class Item(Struct):
    """An item of the output: a message, reasoning, a call of ours, or one of the server's own."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    status: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    arguments: msgspec.Raw = msgspec.Raw()
    code: msgspec.Raw = msgspec.Raw()
    action: msgspec.Raw = msgspec.Raw()
    queries: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    outputs: msgspec.Raw = msgspec.Raw()
    results: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _InputDetails(Struct):
    cached_tokens: int | None = None


class _OutputDetails(Struct):
    reasoning_tokens: int | None = None


class UsageParts(Struct):
    """The usage object of a response."""

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Incomplete(Struct):
    reason: str | None = None


class Response(Struct):
    """A response. `input_messages` is the prompt as vLLM's messages, where it was asked for."""

    id: str | None = None
    status: str | None = None
    output: list[Item] | None = None
    usage: UsageParts | None = None
    incomplete_details: _Incomplete | None = None
    max_output_tokens: int | None = None
    input_messages: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _Part(Struct):
    text: str | None = None
    refusal: str | None = None


_decode = msgspec.json.Decoder(Response)
_decode_parts = msgspec.json.Decoder(list[_Part])


def read_response(body: bytes) -> Response:
    """A response that came whole, and is no error.

    Raises:
        MalformedOutput: the body is none.
        ServerStatus: the body is an error in JSON.
    """
    response = decoded(_decode, body)
    if bytes(response.error) not in _ABSENT:
        raise error_of(bytes(response.error))
    if response.output is None:
        raise MalformedOutput(f"the reply has no output: {shown(body)}")
    return response


def decoded(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    """What a payload holds.

    Raises:
        MalformedOutput: it is not what is expected.
    """
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        whole = without_lone_surrogates(payload)
        if whole != payload:
            return decoded(decoder, whole)
        raise MalformedOutput(f"not a reply ({error}): {shown(payload)}") from error


def message_of(response: Response, items: Sequence[Item]) -> AssistantMessage:
    """The message that the items of a response add up to.

    Raises:
        MalformedOutput: it did not come to its end, or has more calls than any model means.
        ServerStatus: the server failed.
    """
    calls = [
        CallPart(id=item.call_id or item.id, function=Function(item.name, text_of(item.arguments)))
        for item in items
        if item.type == "function_call"
    ]
    return AssistantMessage(
        content=_joined(items, "message"),
        reasoning=_joined(items, "reasoning"),
        tool_calls=finished_calls(calls),
        finish_reason=_finish_reason(response, called=bool(calls)),
        usage=usage_of(response.usage),
        response_id=response.id,
    )


def server_tools(items: Sequence[Item]) -> Iterator[ServerToolCalled]:
    """The calls that the server made of tools of its own; the client only hears of them."""
    for item in items:
        if item.type.endswith("_call") and item.type != "function_call":
            asked = next(filter(None, (text_of(getattr(item, name)) for name in _INPUTS)), "")
            gave = next(filter(None, (text_of(getattr(item, name)) for name in _OUTPUTS)), "")
            yield ServerToolCalled(
                item.call_id or item.id or "", item.type, item.status or "", asked, gave
            )


def text_of(raw: msgspec.Raw) -> str:
    """A field that is a text in JSON, or else whatever JSON it is; "" where it is not there."""
    said = bytes(raw)
    if said in _ABSENT:
        return ""
    value: Any = decoded(_ANY, said)
    return value if isinstance(value, str) else said.decode("utf-8", "replace")


def usage_of(usage: UsageParts | None) -> Usage:
    """The usage, 0 where a server says nothing."""
    if usage is None:
        return Usage()
    given, made = usage.input_tokens_details, usage.output_tokens_details
    return Usage(
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        (given.cached_tokens or 0) if given else 0,
        (made.reasoning_tokens or 0) if made else 0,
    )


_ANY = msgspec.json.Decoder()


def _joined(items: Sequence[Item], kind: str) -> str | None:
    """The texts of the items of a kind."""
    return "\n".join(filter(None, (_content(item) for item in items if item.type == kind))) or None


def _content(item: Item) -> str:
    said = bytes(item.content)
    if said in _ABSENT:
        return ""
    if said.startswith(b'"'):
        return text_of(item.content)
    return "".join(part.text or part.refusal or "" for part in decoded(_decode_parts, said))


def _finish_reason(response: Response, *, called: bool) -> str:
    """Why a response ended, in the words of Chat Completions."""
    match response.status:
        case "completed" | None:
            return "tool_calls" if called else "stop"
        case "incomplete":
            return _incomplete(response, called=called)
        case "failed":
            raise ServerStatus("the server says that its response failed, and not why", 500)
        case "cancelled":
            return "abort"
        case status:
            raise MalformedOutput(
                f"the response is {status}, not complete. Is `background` set in extra_body? "
                "toolrun waits for no such response",
                "broken-stream",
            )


def _incomplete(response: Response, *, called: bool) -> str:
    """Why a response is incomplete.

    vLLM says so, and gives "max_output_tokens" for the reason, of every reply without an item too
    (seen in 0.28.0 and 0.32.0): only the count of its tokens tells.
    """
    reason = response.incomplete_details.reason if response.incomplete_details else None
    if reason not in (None, "max_output_tokens"):
        return str(reason)
    most = response.max_output_tokens
    used = response.usage.output_tokens if response.usage else None
    if not response.output and most is not None and used is not None and used < most:
        return "tool_calls" if called else "stop"
    return "length"


def check_call(size: int) -> None:
    """Refuse a call that grows beyond any model's context.

    Raises:
        MalformedOutput: it is too long.
    """
    if size > faults.MAX_CALL:
        raise faults.call_too_long()
