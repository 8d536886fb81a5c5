"""Which bytes does vLLM write for a step?

Field orders are those of vLLM 0.32 (`ChatCompletionResponse.model_dump()`; chunks are dumped with
`exclude_unset`). Ids have a fixed length, so that a reply is encoded once and only its ids change.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from tests.rig.mock_steps import ReasoningFields, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.mock_steps import Call, Step

_ID = "0123456789abcdef"  # stands for the id, then for the ids of the calls
_CALL = "fedcba98{:08d}"
_CREATED = 9876543210
_SEEDED_TIME = 1767225600
_HARMONY_HEADER = 3  # <|channel|> NAME <|message|>: tokens that carry no text
_CALL_HEADER = 9
_RETURN, _CALL_STOP = None, 200012

_FINGERPRINT = "vllm-0.32.0-988d5cba"

encode = msgspec.json.encode


class Style(Struct, frozen=True):
    """What of a reply depends on the server and the request, not on the step."""

    model: str
    reasoning: ReasoningFields = "reasoning"
    usage: bool = False
    token_ids: bool = False
    include_reasoning: bool = True


class Template(Struct, frozen=True):
    """A reply with stand-ins for what is new in each: ids and the time.

    `parts` are the bodies of unstreamed replies (one part) or the groups of chunks of a stream.
    """

    parts: tuple[bytes, ...]
    calls: int

    def fill(self, seed: bytes | None = None) -> list[bytes]:
        """The bytes to send, with ids of their own; as long as those of the template.

        Args:
            seed: what the ids follow from, and a fixed time with them; None for new ones.
        """
        created = _SEEDED_TIME if seed is not None else int(time.time())
        news = [(str(_CREATED).encode(), str(created).encode())]
        stand_ins = [_ID, *(_CALL.format(at) for at in range(self.calls))]
        news += [(old.encode(), _new_id(seed, at)) for at, old in enumerate(stand_ins)]
        return [_replace(part, news) for part in self.parts]


def _new_id(seed: bytes | None, at: int) -> bytes:
    if seed is None:
        return os.urandom(8).hex().encode()
    return hashlib.blake2b(b"%d." % at + seed, digest_size=8).hexdigest().encode()


def _replace(part: bytes, news: list[tuple[bytes, bytes]]) -> bytes:
    for old, new in news:
        part = part.replace(old, new)
    return part


def unstreamed(step: Step, style: Style) -> Template:
    """The body of a whole reply."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": step.content,
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
    }
    if step.tool_calls:
        message["tool_calls"] = [
            {
                "id": _call_id(at, call),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for at, call in enumerate(step.tool_calls)
        ]
    message |= _reasoning(step.reasoning if style.include_reasoning else None, style)
    body = {
        "id": f"chatcmpl-{_ID}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": style.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": _finish(step),
                "stop_reason": _stop(step),
                "token_ids": None,
                "routed_experts": None,
            }
        ],
        "service_tier": None,
        "system_fingerprint": _FINGERPRINT,
        "usage": _usage(step, details=None),
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "prompt_text": None,
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }
    return Template((encode(body),), len(step.tool_calls))


def chunks(step: Step, style: Style) -> list[bytes]:
    """The events of a stream, `data: …` and two newlines each, the end included."""
    start = _chunk(style, {"role": "assistant", "content": ""}, None)
    start |= {"prompt_token_ids": None, "prompt_text": None}
    events = [start]
    events += [_chunk(style, delta, "more") for delta in _deltas(step, style)]
    if step.fault != "no_finish":
        events.append(_chunk(style, {}, "end", step))
    if not style.usage:
        events[-1]["system_fingerprint"] = _FINGERPRINT  # on the last chunk that there is
    else:
        last: dict[str, Any] = {key: start[key] for key in ("id", "object", "created", "model")}
        last |= {"choices": [], "usage": _usage(step), "system_fingerprint": _FINGERPRINT}
        events.append(last)
    after = [b"data: {nonsense\n\n"] if step.fault == "after_done" else []
    return [*(_event(event) for event in events), b"data: [DONE]\n\n", *after]


def streamed(step: Step, style: Style) -> Template:
    """The events of a stream in the groups in which they are written."""
    events, size = chunks(step, style), step.chunks_per_write
    groups = [b"".join(events[at : at + size]) for at in range(0, len(events), size)]
    return Template(tuple(groups), len(step.tool_calls))


def failure(message: str, kind: str, param: str | None, code: int) -> bytes:
    """The body of an error."""
    return encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def sse_error(message: str, code: int = 500) -> bytes:
    """How vLLM ends a stream in which something went wrong: an error, then the usual end."""
    error = {"message": message, "type": "InternalServerError", "param": None, "code": code}
    body = json.dumps({"error": error})  # with spaces, as vLLM does here and nowhere else
    return f"data: {body}\n\ndata: [DONE]\n\n".encode()


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + encode(body) + b"\n\n"


def _chunk(
    style: Style,
    delta: dict[str, Any],
    place: Literal["more", "end"] | None,
    step: Step | None = None,
) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    if place == "end" and step is not None:
        choice |= {"finish_reason": _finish(step), "stop_reason": _stop(step)}
    if place is not None:
        choice["token_ids"] = None
    return {
        "id": f"chatcmpl-{_ID}",
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": style.model,
        "choices": [choice],
    }


def _deltas(step: Step, style: Style) -> Iterator[dict[str, Any]]:
    """What each sampled token adds; those of headers add nothing, and are sent with token ids."""
    header: list[dict[str, Any]] = [{}] * (_HARMONY_HEADER if style.token_ids else 0)
    if step.reasoning and style.include_reasoning:
        yield from header
        for token in tokens(step.reasoning):
            yield _reasoning(token, style)
    if step.content:
        yield from header
        for token in tokens(step.content):
            yield {"content": token}
    for at, call in enumerate(step.tool_calls):
        yield from ([{}] * (_CALL_HEADER if style.token_ids else 0))
        yield from _call_deltas(at, call, step, style)


def _call_deltas(at: int, call: Call, step: Step, style: Style) -> Iterator[dict[str, Any]]:
    """A call's name, then its arguments; faults of the stream alone garble them."""
    if step.fault == "lost_calls":  # the arguments end up in the reasoning (#27641)
        yield from (_reasoning(token, style) for token in tokens(call.arguments))
        return
    named = {"name": call.name, "arguments": ""}
    index = 0 if step.fault == "merged_calls" else at
    if step.fault == "garbled_calls":
        yield {"tool_calls": [{"index": index, "function": {"arguments": call.name}}]}
    else:
        first = {"id": _call_id(at, call), "type": "function", "index": index, "function": named}
        yield {"tool_calls": [first]}
    for token in tokens(call.arguments):
        yield {"tool_calls": [{"index": index, "function": {"arguments": token}}]}


def _call_id(at: int, call: Call) -> str:
    return call.id or f"chatcmpl-tool-{_CALL.format(at)}"


def _reasoning(text: str | None, style: Style) -> dict[str, Any]:
    names = ["reasoning", "reasoning_content"] if style.reasoning == "both" else [style.reasoning]
    return dict.fromkeys(names, text)


def _finish(step: Step) -> str:
    return step.finish_reason or ("tool_calls" if step.tool_calls else "stop")


def _stop(step: Step) -> int | None:
    return _CALL_STOP if step.tool_calls or step.fault == "no_tool_parser" else _RETURN


def _usage(step: Step, **more: None) -> dict[str, Any]:
    reasoning = len(tokens(step.reasoning or ""))
    said = len(tokens(step.content or ""))
    called = sum(_CALL_HEADER + len(tokens(call.arguments)) for call in step.tool_calls)
    completion = 2 * _HARMONY_HEADER + reasoning + said + called
    usage: dict[str, Any] = {
        "prompt_tokens": 100,
        "total_tokens": 100 + completion,
        "completion_tokens": completion,
    }
    if more:
        usage["prompt_tokens_details"] = None
    usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return usage | (step.usage or {})
