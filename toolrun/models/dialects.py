"""How does one kind of server depart from the common wire format? As data, by kind and version.

vLLM, read from its releases 0.10.1 to 0.33.0: the reasoning of a reply stands in
`reasoning_content` (to 0.11.0), in both fields (#27752, 0.11.1 to 0.15), in `reasoning` alone
(#33402, from 0.16). Sent back, it was ignored (to 0.12, #27653), taken from either field (#28729,
0.13 to 0.15), from `reasoning` alone (0.16 to 0.21, #38488), and from either again (#42664, 0.22).
Over Responses a reasoning item became a message without a channel (#28262, read from 0.11.1), later
one of the analysis channel (read from and run on 0.28.0 and 0.32.0). Token ids go in and come out
from 0.10.2 on (#22587). `strict` binds from 0.27 on.

The others, read from their public sources, and not run:

- Ollama: ollama/ollama openai/openai.go has `reasoning` in both directions, a prompt of
  /v1/completions that is a text, and no field for `tool_choice`, `parallel_tool_calls`, `strict`;
  openai/responses.go reads a reasoning item's `encrypted_content` alone; harmony/harmonyparser.go
  fails the request with 500 where a call's arguments are no JSON (#11704, #12064, #17638).
- LM Studio: `reasoning` since 0.3.23 (lmstudio-bug-tracker #894), Responses since 0.3.29
  (lmstudio.ai/docs/developer/api-changelog), calls that it can't parse are left out (#942). Whether
  reasoning is taken back is not documented.
- LiteLLM: `reasoning_content` in replies (BerriAI/litellm #20246). What is sent back depends on the
  version (#41392: hosted_vllm drops `reasoning_content` from 1.100.0 on) and on the server behind.
- llama.cpp: common/chat.cpp reads `reasoning_content`, which its gpt-oss template takes for
  `thinking`; a reply that it can't parse is a 500. /v1/completions tells no token ids.
- Some hosts refuse a request with `reasoning_content` in it (seen of Groq: agentjido/req_llm #772),
  so a server that is not known is sent `reasoning` alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

Field = Literal["reasoning", "reasoning_content"]
Kind = Literal["vllm", "ollama", "lm-studio", "litellm", "llama.cpp", "generic"]
BadJson = Literal["told", "500", "lost"]
InResponses = Literal["analysis", "no channel", "dropped"]


class Dialect(Struct, frozen=True, kw_only=True):
    """What one kind of server sends, takes and rejects; None: it is not known.

    Attributes:
        name: of the server, with its version where that is known.
        kind: of the server.
        reasoning_in: the fields in which its replies hold reasoning.
        reasoning_out: the fields under which reasoning is sent back, all with the same text.
        reasoning_taken: the fields of those which reach the prompt; empty: none does.
        tool_name: whether a tool message may carry the function's `name`.
        calls: whether it makes calls of what the model calls.
        one_call: whether a reply holds one call at most.
        bad_json: what becomes of a call whose arguments are no JSON: the client is told of it, gets
            a 500 for the whole reply, or never hears of it.
        strict: whether `strict` of a tool binds the model to its schema.
        tokens: whether /v1/completions takes and gives token ids, as direct sampling needs.
        responses: whether it has the Responses API.
        responses_reasoning: where a reasoning item that is sent back gets in the prompt.
    """

    name: str
    kind: Kind = "generic"
    reasoning_in: tuple[Field, ...] = ("reasoning",)
    reasoning_out: tuple[Field, ...] = ("reasoning",)
    reasoning_taken: tuple[Field, ...] | None = None
    tool_name: bool = True
    calls: bool = True
    one_call: bool = True
    bad_json: BadJson | None = None
    strict: bool | None = None
    tokens: bool | None = None
    responses: bool | None = None
    responses_reasoning: InResponses | None = None

    @property
    def takes_reasoning(self) -> bool | None:
        """Whether reasoning that is sent back over Chat Completions reaches the prompt."""
        if self.reasoning_taken is None:
            return None
        return any(field in self.reasoning_taken for field in self.reasoning_out)

    @property
    def as_given(self) -> str:
        """What `given` makes this dialect of."""
        return f"{self.kind} {self.name[len(_TITLES[self.kind]) :].strip()}".strip()


BOTH: tuple[Field, ...] = ("reasoning", "reasoning_content")
GENERIC = Dialect(name="generic", reasoning_in=BOTH)  # some refuse "reasoning_content"

_TITLES: dict[Kind, str] = {
    "vllm": "vLLM",
    "ollama": "Ollama",
    "lm-studio": "LM Studio",
    "litellm": "LiteLLM",
    "llama.cpp": "llama.cpp",
    "generic": "generic",
}
_NUMBER = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


def vllm(version: str = "") -> Dialect:
    """The dialect of a vLLM, by its version text ("0.32.0", "0.11.2.dev3+gabc")."""
    number = _number(version)
    if number is None:
        return Dialect(
            name=_title("vllm", version), kind="vllm", reasoning_in=BOTH, reasoning_out=BOTH
        )
    return Dialect(
        name=_title("vllm", version),
        kind="vllm",
        reasoning_in=_vllm_in(number),
        reasoning_out=BOTH,
        reasoning_taken=_vllm_taken(number),
        calls=number >= (0, 10, 2),
        bad_json="told",
        strict=number >= (0, 27),
        tokens=number >= (0, 10, 2),
        responses=True,
        responses_reasoning=_vllm_responses(number),
    )


def ollama(version: str = "") -> Dialect:
    """The dialect of an Ollama."""
    return Dialect(
        name=_title("ollama", version),
        kind="ollama",
        reasoning_taken=("reasoning",),
        bad_json="500",
        strict=False,
        tokens=False,
        responses_reasoning="dropped",
    )


def lm_studio(version: str = "") -> Dialect:
    """The dialect of an LM Studio."""
    return Dialect(
        name=_title("lm-studio", version), kind="lm-studio", bad_json="lost", tokens=False
    )


def litellm(version: str = "") -> Dialect:
    """The dialect of a LiteLLM proxy; what is behind it is not known.

    Both fields are sent: the one may be dropped on the way, and the other taken.
    """
    return Dialect(
        name=_title("litellm", version),
        kind="litellm",
        reasoning_in=("reasoning_content",),
        reasoning_out=BOTH,
        one_call=False,
    )


def llama_cpp(version: str = "") -> Dialect:
    """The dialect of llama.cpp's server."""
    return Dialect(
        name=_title("llama.cpp", version),
        kind="llama.cpp",
        reasoning_in=("reasoning_content",),
        reasoning_out=("reasoning_content",),
        reasoning_taken=("reasoning_content",),
        bad_json="500",
        strict=False,
        tokens=False,
    )


_MAKERS: dict[Kind, Callable[[str], Dialect]] = {
    "vllm": vllm,
    "ollama": ollama,
    "lm-studio": lm_studio,
    "litellm": litellm,
    "llama.cpp": llama_cpp,
}


def named(name: str) -> Dialect:
    """The dialect that a trace names."""
    for kind, make in _MAKERS.items():
        title = _TITLES[kind]
        if name == title or name.startswith(f"{title} "):
            return make(name[len(title) :].strip())
    return GENERIC


def given(text: str) -> Dialect:
    """The dialect that a person names: "ollama", "vllm 0.12.0", "generic".

    Raises:
        ConfigError: there is none of that name.
    """
    kind, _, version = text.strip().partition(" ")
    if kind.lower() == "generic" and not version:
        return GENERIC
    for known, make in _MAKERS.items():
        if kind.lower() == known:
            return make(version.strip())
    raise ConfigError(
        f"dialect is one of {', '.join(_TITLES)}, with a version or without, not {text!r}"
    )


def _title(kind: Kind, version: str) -> str:
    return f"{_TITLES[kind]} {version}".strip()


def _number(version: str) -> tuple[int, int, int] | None:
    match = _NUMBER.match(version)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _vllm_in(number: tuple[int, int, int]) -> tuple[Field, ...]:
    if number < (0, 11, 1):
        return ("reasoning_content",)
    return BOTH if number < (0, 16) else ("reasoning",)


def _vllm_taken(number: tuple[int, int, int]) -> tuple[Field, ...]:
    if number < (0, 13):
        return ()
    return ("reasoning",) if (0, 16) <= number < (0, 22) else BOTH


def _vllm_responses(number: tuple[int, int, int]) -> InResponses | None:
    if number < (0, 13):
        return "no channel"
    return "analysis" if number >= (0, 28) else None
