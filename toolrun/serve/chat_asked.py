"""Which parameters of Chat Completions does a turn take, and what becomes of the others?

This holds where the server's tools run. A request of a client that runs its own tools is passed on
with all its parameters, to the server behind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from toolrun.errors import ConfigError
from toolrun.serve.failures import Failure, refused
from toolrun.transcript import from_openai
from toolrun.values import Sampling

if TYPE_CHECKING:
    from collections.abc import Mapping

IGNORED: Final = (
    *("user", "safety_identifier", "metadata", "store", "service_tier", "prompt_cache_key"),
    *("prompt_cache_retention", "parallel_tool_calls", "verbosity", "tools"),
)
"""What changes nothing here; `tools` where it is empty."""
REFUSED: Final[Mapping[str, str]] = {
    "audio": "there is no audio",
    "function_call": "it is replaced by tool_choice",
    "functions": "they are replaced by tools",
    "logprobs": "a turn has several steps",
    "modalities": "there is text alone",
    "n": "a turn has one answer",
    "prediction": "vLLM has none for gpt-oss",
    "top_logprobs": "a turn has several steps",
    "web_search_options": "the tools are the server's",
}
"""What would mean something else than the client thinks, and why it is refused."""
HARMLESS: Final[Mapping[str, tuple[Any, ...]]] = {
    "n": (1,),
    "logprobs": (False,),
    "modalities": (["text"],),
    "function_call": ("none",),
    "functions": ([],),
}
"""The values of those that say what is so anyway."""
_PASSED = ("frequency_penalty", "presence_penalty", "top_k", "min_p", "repetition_penalty")
_WHERE = re.compile(r" - at `\$\.?(.*)`$")
_Count = Annotated[int, Meta(ge=1)]


class _Schema(Struct, frozen=True):
    schema: dict[str, Any] = {}


class _Format(Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema = _Schema()


class _StreamOptions(Struct, frozen=True):
    include_usage: bool | None = False


class _Asked(Struct):
    """The parameters that are taken; null stands for not given."""

    messages: list[dict[str, Any]]
    model: Annotated[str, Meta(min_length=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=16)] | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    response_format: _Format | None = None
    tool_choice: Literal["auto", "none"] | None = None
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    top_k: Annotated[int, Meta(ge=-1)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Meta(gt=0)] | None = None


TAKEN: Final = _Asked.__struct_fields__


class TurnAsked(Struct, frozen=True):
    """A turn that a client asks for.

    Attributes:
        text: what the user says.
        history: the messages before that.
        model: None for the server's default.
        sampling: what the client sets of it.
        effort: how long the model reasons.
        tool_choice: "auto", "none", or None.
        output: the JSON Schema of the answer.
        extra: further sampling parameters for the server behind.
        stream: whether the answer is wanted piece by piece.
        usage: whether the stream ends with the usage.
    """

    text: str
    history: list[dict[str, Any]]
    model: str | None = None
    sampling: Sampling = Sampling()
    effort: Literal["low", "medium", "high"] | None = None
    tool_choice: str | None = None
    output: dict[str, Any] | None = None
    extra: dict[str, Any] = {}
    stream: bool = False
    usage: bool = False


def turn_asked(body: Mapping[str, Any]) -> TurnAsked:
    """The turn that a request to Chat Completions asks for.

    Raises:
        Failure: a parameter does not fit, or is one that a turn cannot keep; names it.
    """
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name in REFUSED and value not in HARMLESS.get(name, ()):
            raise refused(name, f"{name} cannot be had here: {REFUSED[name]}.", "unsupported")
        if name not in (*TAKEN, *IGNORED, *REFUSED):
            raise refused(name, f"There is no parameter {name!r}.", "unknown_parameter")
    try:
        asked = msgspec.convert(given, _Asked)
    except msgspec.ValidationError as error:
        raise misfit(error) from None
    history, text = _spoken(asked.messages)
    stop = (asked.stop,) if isinstance(asked.stop, str) else asked.stop and tuple(asked.stop)
    return TurnAsked(
        text,
        history,
        asked.model,
        Sampling(
            asked.temperature,
            asked.top_p,
            asked.max_completion_tokens or asked.max_tokens,
            asked.seed,
            stop or None,
        ),
        asked.reasoning_effort,
        asked.tool_choice,
        _output(asked.response_format),
        {name: given[name] for name in _PASSED if name in given},
        bool(asked.stream),
        bool(asked.stream_options and asked.stream_options.include_usage),
    )


def _spoken(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """The messages before the last one, and the text of that, which is the user's."""
    try:
        from_openai(messages)
        last = messages[-1] if messages else {}
        if last.get("role") != "user":
            raise refused("messages", "The last message must be the user's.")
        _, said = from_openai(messages[-1:])
    except ConfigError as error:
        raise refused("messages", f"{error}.") from None
    return messages[:-1], getattr(said[0], "content", "")


def _output(wanted: _Format | None) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    schema = wanted.json_schema.schema if wanted.type == "json_schema" else {"type": "object"}
    if _has_pattern(schema):
        raise refused(
            "response_format",
            "response_format: a schema with `pattern` or `patternProperties` is not taken, since a "
            "pattern can be made to take for ever.",
            "unsupported",
        )
    return schema


def _has_pattern(value: object) -> bool:
    """Whether a schema has a regular expression; a property may have the same name."""
    if isinstance(value, dict):
        own = isinstance(value.get("pattern"), str) or "patternProperties" in value
        return own or any(map(_has_pattern, value.values()))
    return isinstance(value, list) and any(map(_has_pattern, value))


def misfit(error: msgspec.ValidationError) -> Failure:
    """The failure of a body that does not fit, by what msgspec says of it."""
    text = str(error)
    found = _WHERE.search(text)
    name = found[1] if found else None
    message = text[: found.start()] if found else text
    return Failure(
        400, f"{name}: {message}." if name else message, code="invalid_value", param=name
    )
