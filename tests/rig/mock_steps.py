"""What does the mock model say at a step, and how does the server spoil it?

A script is a list of steps. Which of them answers a request is read from the request alone, so that
any number of sessions can run at once.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

Fault: TypeAlias = Literal[
    # The server answers with an error, or with something that isn't an answer.
    "http_400",
    "http_408",
    "http_425",
    "http_429",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "header_500",
    "header_200",
    "malformed_header",
    "html",
    "gzip_garbage",
    "empty_body",
    "truncated_json",
    # The connection fails, or stands still.
    "closed_early",
    "closed_midway",
    "cut",
    "hang_early",
    "hang_midway",
    "sse_error",
    "sse_503",
    # The answer is whole and wrong: the parser, or the model, failed.
    "nothing_said",
    "null_content",
    "analysis_only",
    "name_with_channel",
    "name_with_namespace",
    "markup_in_content",
    "hidden_truncation",
    "duplicate_ids",
    "unknown_tool",
    "invalid_json",
    "deep_json",
    "huge_arguments",
    "many_calls",
    "aborted",
    "no_tool_parser",
    # The stream is wrong; unstreamed, the answer is right.
    "garbled_calls",
    "lost_calls",
    "merged_calls",
    "no_finish",
    "after_done",
]

ReasoningFields: TypeAlias = Literal["reasoning", "reasoning_content", "both"]


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """A call that the mock model makes; `id` is a new one unless given."""

    name: str
    arguments: str = "{}"
    id: str | None = None


class Step(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One message of the mock model, and how it is sent.

    Attributes:
        finish_reason: None stands for what vLLM would say (`tool_calls` or `stop`).
        usage: replaces the usage object of the reply, key by key.
        delay_s: seconds before the first byte.
        chunk_delay_s: seconds between two writes of a stream.
        chunks_per_write: chunks that reach the network together; a busy server groups few.
        fault: what goes wrong.
        fault_times: how many requests with the same body meet the fault; None for all of them.
        retry_after: the header of that name, beside an HTTP fault.
        retry_after_ms: the header of that name, beside an HTTP fault.
        reasoning_fields: the fields that carry the reasoning; None for those of the version.
    """

    reasoning: str | None = None
    content: str | None = None
    tool_calls: tuple[Call, ...] = ()
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    chunks_per_write: Annotated[int, msgspec.Meta(ge=1)] = 8
    fault: Fault | None = None
    fault_times: int | None = None
    retry_after: str | None = None
    retry_after_ms: str | None = None
    reasoning_fields: ReasoningFields | None = None


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """Steps under a name; `default` answers requests that name no script."""

    steps: tuple[Step, ...]
    name: str = "default"


class Message(Struct, frozen=True):
    """What the mock reads of a message of a request."""

    role: str
    content: str | list[Any] | None = None


class ChatRequest(Struct, frozen=True):
    """What the mock reads of a request to Chat Completions."""

    messages: list[Message]
    model: str | None = None
    stream: bool | None = False
    stream_options: dict[str, Any] | None = None
    vllm_xargs: dict[str, Any] | None = None
    return_token_ids: bool | None = None
    include_reasoning: bool = True
    reasoning_effort: str | None = None


_WEATHER = Call("get_weather", '{"city":"Paris"}')

SCRIPTS: dict[str, tuple[Step, ...]] = {
    "default": (Step("The user greets me.", "Hello there, friend!"),),
    "final": (Step("The user greets me.", "Hello there, friend!"),),
    "tool": (
        Step("Need the weather tool.", tool_calls=(_WEATHER,)),
        Step("Got it.", "It is 20 degrees in Paris."),
    ),
    "preamble": (
        Step("Look it up first.", "I will check.", tool_calls=(_WEATHER,)),
        Step("Got it.", "It is 20 degrees in Paris."),
    ),
    "broken": (
        Step("Hmm", tool_calls=(Call("get_weather", '{"city":'),)),
        Step("That was not JSON.", tool_calls=(_WEATHER,)),
        Step("Got it.", "It is 20 degrees in Paris."),
    ),
    "undeclared": (
        Step("Use a tool.", tool_calls=(Call("launch", '{"city":"Paris"}'),)),
        Step("There is none.", "I cannot do that."),
    ),
    "long": (Step(None, " word" * 400),),
}

_DEEP, _MANY = 10_000, 1000
_HUGE, _PIECE = 1024 * 1024, 64 * 1024

_MARKER = re.compile(r"\[\[script:([^\]]+)\]\]")
_TOKEN = re.compile(r"\s*\S{1,6}|\s+")


def tokens(text: str) -> list[str]:
    """Cut a text into pieces of about a token each, a huge one into fewer; joined, they are it."""
    if len(text) > _HUGE:
        return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    return _TOKEN.findall(text)


def choose(request: ChatRequest, scripts: dict[str, tuple[Step, ...]]) -> Step | None:
    """The step that answers a request; None when it names a script that there isn't.

    The script is named by `vllm_xargs` or by the last marker of a user message. The step is
    the number of rounds of tool results since then: the results of one message count once.
    """
    name, since = "default", 0
    for at in range(len(request.messages) - 1, -1, -1):
        message = request.messages[at]
        if message.role != "user":
            continue
        since = max(since, at)
        if found := _MARKER.findall(_text(message)):
            name, since = found[-1], at
            break
    if request.vllm_xargs and "script" in request.vllm_xargs:
        name = str(request.vllm_xargs["script"])
    steps = scripts.get(name)
    return steps[min(_rounds(request.messages[since:]), len(steps) - 1)] if steps else None


def _text(message: Message) -> str:
    if isinstance(message.content, list):
        return " ".join(str(part.get("text", "")) for part in message.content)
    return message.content or ""


def _rounds(messages: list[Message]) -> int:
    roles = ["", *(message.role for message in messages)]
    return sum(now == "tool" and before != "tool" for before, now in pairwise(roles))


def spoil(step: Step) -> Step:
    """The step as a faulty parser or model gives it; other faults leave it as it is."""
    changes: dict[str, Any] = {}
    match step.fault:
        case "nothing_said":
            changes = {"reasoning": None, "content": None, "tool_calls": ()}
        case "null_content":
            changes = {"content": None, "tool_calls": ()}
        case "analysis_only":
            thought = step.reasoning or "Only thinking."
            changes = {"reasoning": thought, "content": None, "tool_calls": ()}
        case "markup_in_content":
            content = f"<|channel|>final<|message|>{step.content or 'oops'}"
            changes = {"content": content, "tool_calls": ()}
        case "aborted":
            half = (step.content or "It is")[: len(step.content or "") // 2 + 1]
            changes = {"content": half, "tool_calls": (), "finish_reason": "abort"}
        case "no_tool_parser" if step.tool_calls:
            changes = {"tool_calls": (), "finish_reason": "stop"}
        case "no_tool_parser":
            changes = {"fault": None}
        case _ if step.tool_calls:
            changes = {"tool_calls": _spoil_calls(step.fault, step.tool_calls)}
    return msgspec.structs.replace(step, **changes)


def _spoil_calls(fault: Fault | None, calls: tuple[Call, ...]) -> tuple[Call, ...]:
    first, *rest = calls
    match fault:
        case "name_with_channel":
            first = msgspec.structs.replace(first, name=f"{first.name}<|channel|>commentary")
        case "name_with_namespace":
            first = msgspec.structs.replace(first, name=f"functions.{first.name}")
        case "hidden_truncation":
            half = first.arguments[: max(1, len(first.arguments) // 2)]
            first = msgspec.structs.replace(first, arguments=half)
        case "unknown_tool":
            first = msgspec.structs.replace(first, name=f"{first.name}_v2")
        case "invalid_json":
            first = msgspec.structs.replace(first, arguments=f"{first.arguments[:-1]} and so on}}")
        case "deep_json":
            first = msgspec.structs.replace(
                first, arguments='{"x":' + "[" * _DEEP + "]" * _DEEP + "}"
            )
        case "huge_arguments":
            first = msgspec.structs.replace(first, arguments=f'{{"city":"{"x" * _HUGE}"}}')
        case "many_calls":
            return calls * (_MANY // len(calls))
        case "duplicate_ids":
            both = calls if rest else calls * 2
            return tuple(Call(call.name, call.arguments, "chatcmpl-tool-0") for call in both)
    return (first, *rest)
