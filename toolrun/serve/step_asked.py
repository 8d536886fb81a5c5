"""Which step does a request to Chat Completions ask of a model in this process?

Where a server stands behind the front, that server reads the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from toolrun.errors import ConfigError
from toolrun.events import AssistantMessage, ToolCallFinished, UserMessage
from toolrun.models.model import Request
from toolrun.serve.chat_asked import misfit
from toolrun.serve.failures import refused
from toolrun.transcript import ToolMessage, from_openai, reasoning_kept_from
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolrun.transcript import Message

_UNKNOWN: Final[Mapping[str, tuple[Any, ...]]] = {
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "min_p": (0,),
    "modalities": (["text"],),
    "n": (1,),
    "presence_penalty": (0,),
    "prompt_logprobs": (0,),
    "repetition_penalty": (1,),
    "response_format": ({"type": "text"},),
    "structured_outputs": ({},),
    "top_k": (0, -1),
    "top_logprobs": (0,),
}
"""What the embedded model cannot keep, each with the values that ask for nothing."""
_Count = Annotated[int, Meta(ge=1)]


class _Function(Struct, frozen=True):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(Struct, frozen=True):
    type: Literal["function"]
    function: _Function


class _Named(Struct, frozen=True):
    name: str


class _Choice(Struct, frozen=True):
    type: Literal["function"]
    function: _Named


class _Asked(Struct):
    """The parameters that are taken; null stands for not given."""

    model: str
    messages: list[dict[str, Any]]
    tools: list[_Tool] = []
    tool_choice: Literal["auto", "none", "required"] | _Choice = "auto"
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    stop: str | list[str] | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    stream: bool = False


def step_asked(body: Mapping[str, Any]) -> Request:
    """The step.

    Raises:
        Failure: a parameter does not fit, or is one that cannot be kept; names it.
    """
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name in _UNKNOWN and value not in _UNKNOWN[name]:
            raise refused(name, f"{name} cannot be had of the embedded model.", "unsupported")
    try:
        asked = msgspec.convert(given, _Asked)
    except msgspec.ValidationError as error:
        raise misfit(error) from None
    try:
        instructions, events = from_openai(asked.messages)
    except ConfigError as error:
        raise refused("messages", f"{error}.") from None
    messages = [*_messages(events)]
    stop = (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ())
    return Request(
        asked.model,
        messages,
        reasoning_kept_from(messages),
        instructions,
        tools=[msgspec.to_builtins(each) for each in asked.tools],
        tool_choice=_choice(asked),
        effort=asked.reasoning_effort,
        sampling=Sampling(
            asked.temperature,
            asked.top_p,
            asked.max_completion_tokens or asked.max_tokens,
            asked.seed,
            stop or None,
        ),
        stream=asked.stream,
    )


def _messages(events: Sequence[object]) -> Iterator[Message]:
    for event in events:
        match event:
            case UserMessage() | AssistantMessage():
                yield event
            case ToolCallFinished():
                yield ToolMessage(event.call_id, event.name, event.result.content)
            case _:
                raise AssertionError(event)


def _choice(asked: _Asked) -> str | dict[str, Any]:
    """Which tool has to be called.

    Raises:
        Failure: one that is not offered.
    """
    if isinstance(asked.tool_choice, str):
        if asked.tool_choice == "required" and not asked.tools:
            raise refused("tool_choice", "tool_choice is required, and there are no tools.")
        return asked.tool_choice
    name = asked.tool_choice.function.name
    if all(each.function.name != name for each in asked.tools):
        raise refused("tool_choice", f"tool_choice names {name!r}, which is none of the tools.")
    return {"type": "function", "function": {"name": name}}
