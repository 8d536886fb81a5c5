"""How does a request become bytes, each of them encoded once?

A session's transcript only grows, so each message is encoded when it is first sent and kept in the
request's `cache`; the body of a step is a join. An assistant message has two forms, with and
without its reasoning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.events import AssistantMessage
from toolrun.models.encoded import encoded_of
from toolrun.transcript import Message, message_to_openai

if TYPE_CHECKING:
    from toolrun.models.dialects import Dialect
    from toolrun.models.model import Request

_encode = msgspec.json.Encoder().encode
_KEY = "chat"


class _Encoded:
    """The encoded messages of one session in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.messages: list[Message] = []
        self.times = 0
        self.bare: list[bytes] = []
        self.full: list[bytes] = []
        self.head = b""
        self.head_of: tuple[Any, ...] = ()


def encode_body(request: Request, dialect: Dialect) -> bytes:
    """The JSON body of a Chat Completions request."""
    encoded = _encoded(request, dialect)
    kept = request.reasoning_from
    parts = encoded.bare[:kept] + encoded.full[kept:]
    if request.nudge is not None:
        parts.append(_encode({"role": "user", "content": request.nudge}))
    return b"".join((_head(request, encoded), b",".join(parts), b"]}"))


def _encoded(request: Request, dialect: Dialect) -> _Encoded:
    """The cache, brought up to the request's messages; begun anew where history was changed."""
    encoded, new = encoded_of(request, _KEY, dialect, _Encoded)
    for message in new:
        bare, full = _message(message, dialect)
        encoded.messages.append(message)
        encoded.bare.append(bare)
        encoded.full.append(full)
    return encoded


def _message(message: Message, dialect: Dialect) -> tuple[bytes, bytes]:
    """A message without and with its reasoning."""
    plain = message_to_openai(message)
    if not isinstance(message, AssistantMessage):
        if not dialect.tool_name and plain["role"] == "tool":
            del plain["name"]
        only = _encode(plain)
        return only, only
    reasoning = plain.pop("reasoning", None)
    bare = _encode(plain)
    if reasoning is None:
        return bare, bare
    return bare, _encode(plain | dict.fromkeys(dialect.reasoning_out, reasoning))


def _head(request: Request, encoded: _Encoded) -> bytes:
    """All of the body up to the first message of the transcript."""
    key = request.head
    if key != encoded.head_of:
        encoded.head = _new_head(request)
        encoded.head_of = key
    return encoded.head


def _new_head(request: Request) -> bytes:
    body: dict[str, Any] = {"model": request.model}
    if request.streams:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if request.tools and request.response_format is None:
        body["tools"] = list(request.tools)
        if request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
    if request.effort is not None:
        body["reasoning_effort"] = request.effort
    body |= msgspec.to_builtins(request.sampling)
    body |= request.extra
    if request.response_format is not None:
        body["response_format"] = request.response_format
    messages = b""
    if request.instructions:
        messages = _encode({"role": "system", "content": request.instructions}) + b","
    return _encode(body)[:-1] + b',"messages":[' + messages
