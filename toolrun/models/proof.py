"""Is the reasoning of a step in the prompt that a later step was sampled from?

The proof reads the server's own token ids (`return_token_ids`, vLLM 0.10.2 and later) and has the
server tokenize the reasoning (`/tokenize`), so that nothing of toolrun's is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from toolrun.errors import MalformedOutput, ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import AssistantMessage
    from toolrun.models.door import Door

T = TypeVar("T")

ANALYSIS_HEADER = (200005, 35644, 200008)
"""`<|channel|>analysis<|message|>` in o200k_harmony."""
END = 200007
"""`<|end|>` in o200k_harmony."""


class Proof(Struct, frozen=True):
    """Where the reasoning of one step stands in the prompt of a later one.

    Attributes:
        found: whether it stands there whole, in a message of the analysis channel of its own.
        position: of its first token in the prompt, -1 where it is missing.
        tokens: how many tokens it has.
        prompt_tokens: how many the prompt has.
        excerpt: the prompt's text around it, as the server decodes it.
        how: what was compared with what.
    """

    found: bool
    position: int
    tokens: int
    prompt_tokens: int
    excerpt: str
    how: str


async def prove_reasoning(
    door: Door, model: str, step: AssistantMessage, later: AssistantMessage
) -> Proof:
    """Look for the reasoning of a step in the prompt of a later step of the same turn.

    Raises:
        ServerError: the server gives no token ids, or cannot tokenize.
    """
    if later.prompt_token_ids is None:
        raise ServerError(
            f"{door.base_url} gave no prompt_token_ids; set extra_body="
            '{"return_token_ids": True} (vLLM 0.10.2 and later)'
        )
    prompt = later.prompt_token_ids
    wanted = await tokenize(door, model, step.reasoning or "")
    position = find_analysis(prompt, wanted)
    begin = max(0, position - 8)
    shown = prompt[begin : position + len(wanted) + 12] if position >= 0 else prompt[-48:]
    return Proof(
        found=bool(wanted) and position >= 0,
        position=position,
        tokens=len(wanted),
        prompt_tokens=len(prompt),
        excerpt=await _detokenize(door, model, shown),
        how="the server's prompt_token_ids against its own tokenization of the reasoning",
    )


def find_analysis(prompt: Sequence[int], reasoning: Sequence[int]) -> int:
    """The position of a reasoning that fills a message of the analysis channel; -1: not there."""
    whole = (*ANALYSIS_HEADER, *reasoning, END)
    for index in range(len(prompt) - len(whole) + 1):
        if prompt[index] == whole[0] and tuple(prompt[index : index + len(whole)]) == whole:
            return index + len(ANALYSIS_HEADER)
    return -1


class _Tokens(Struct):
    tokens: list[int]


class _Prompt(Struct):
    prompt: str


async def tokenize(door: Door, model: str, text: str) -> tuple[int, ...]:
    """A text's token ids, as the server makes them.

    Raises:
        ServerError: it can't.
    """
    body = {"model": model, "prompt": text, "add_special_tokens": False}
    reply = await door.post(f"{door.root}/tokenize", msgspec.json.encode(body))
    return tuple(_decoded(reply, _Tokens, "/tokenize").tokens)


async def _detokenize(door: Door, model: str, tokens: Sequence[int]) -> str:
    body = {"model": model, "tokens": list(tokens)}
    reply = await door.post(f"{door.root}/detokenize", msgspec.json.encode(body))
    return _decoded(reply, _Prompt, "/detokenize").prompt


def _decoded(reply: bytes, kind: type[T], path: str) -> T:
    try:
        return msgspec.json.decode(reply, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedOutput(f"{path} does not answer as vLLM's does: {error}") from error
