"""What does direct sampling ask of whatever samples tokens, and what comes back?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct, field

from toolrun.values import Json, Sampling

START, MESSAGE = 200006, 200008
END, RETURN, CALL = 200007, 200002, 200012
"""The marks of o200k_harmony that are looked for."""

OnTokens: TypeAlias = Callable[[Sequence[int]], None]
"""Is told the ids that were sampled, some at a time, in their order, as they come."""


class TokenRequest(Struct, frozen=True, eq=False):
    """One sampling of tokens.

    Attributes:
        prompt: the ids that the model reads; never changed by whoever samples.
        sampling: temperature and the like. `max_tokens` is None where nobody said; the sampler then
            takes what the context leaves.
        stop: ids that end the sampling; the one that did is the last of what was sampled.
        logprobs: whether a log-probability is wanted for each sampled id.
        model: its name, as the sampler knows it.
        extra: sampler-specific fields, as given by the user.
        request_id: names the step, where a sampler wants a name; unique among those that run.
    """

    prompt: Sequence[int]
    sampling: Sampling = Sampling()
    stop: tuple[int, ...] = ()
    logprobs: bool = False
    model: str = ""
    extra: dict[str, Json] = field(default_factory=dict)
    request_id: str = ""


class Sampled(Struct, frozen=True, gc=False):
    """What was sampled.

    Attributes:
        tokens: the ids, the stop id that ended them included.
        logprobs: one natural logarithm of a probability for each id; None where not asked for.
        finish_reason: "stop", "length" or what else the sampler says ("abort").
        prompt_tokens: how many ids the prompt had.
        cached_tokens: how many of them came out of a prefix cache; None where nobody says.
        response_id: as the server names it.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    finish_reason: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int | None = None
    response_id: str | None = None


class TokenSampler(Protocol):
    """Something that samples tokens after a prompt of tokens. Many steps at once."""

    async def sample(self, request: TokenRequest, on_tokens: OnTokens | None = None) -> Sampled:
        """Sample until a stop id, `max_tokens` or the end of the context.

        Args:
            request: what to sample from.
            on_tokens: told of the ids as they come; None where nobody wants them piece by piece. A
                sampler that cannot stream tells it all of them at the end. What it raises ends the
                sampling and comes out of here.

        Returns:
            What was sampled.

        Raises:
            ServerError: nothing could be sampled; `code` and `status` as for Chat Completions.
            ContextTooLong: the prompt leaves no room in the model's context.
        """
        ...

    async def aclose(self) -> None:
        """Release what was opened; no step may run."""
        ...
