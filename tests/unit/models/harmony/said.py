"""A model that says what a test wants, in harmony, without a server."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio.lowlevel

from toolrun.models.harmony.tokens import CALL, RETURN, Sampled, TokenRequest
from toolrun.models.harmony.vocabulary import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.harmony.tokens import OnTokens

ENCODING = load()


def tokens(text: str) -> list[int]:
    """Harmony's tokens; its marks are marks."""
    return list(ENCODING.encode(text, allowed_special="all"))


def text(ids: Sequence[int]) -> str:
    return str(ENCODING.decode(ids))


def analysis(said: str) -> str:
    return f"<|channel|>analysis<|message|>{said}<|end|><|start|>assistant"


def call(name: str, arguments: str) -> str:
    return (
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{arguments}<|call|>"
    )


def final(said: str) -> str:
    return f"<|channel|>final<|message|>{said}<|return|>"


class Says:
    """A `TokenSampler` that says one text after another, as a server samples it.

    Args:
        steps: what is said after `<|start|>assistant`; an exception is raised.
        piece: so many tokens come at once, where they come piece by piece.
    """

    def __init__(self, *steps: str | Exception, piece: int = 1) -> None:
        self.requests: list[TokenRequest] = []
        self._steps = list(steps)
        self._piece = piece

    async def sample(self, request: TokenRequest, on_tokens: OnTokens | None = None) -> Sampled:
        await anyio.lowlevel.checkpoint()
        self.requests.append(request)
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        ids = tokens(step)
        for at, token in enumerate(ids):
            if token in request.stop:
                del ids[at + 1 :]
        most = request.sampling.max_tokens or len(ids)
        reason = "length" if len(ids) > most else "stop"
        del ids[most:]
        if on_tokens is not None:
            for at in range(0, len(ids), self._piece):
                on_tokens(ids[at : at + self._piece])
        logprobs = tuple(-math.log(1 + at) for at in range(len(ids))) if request.logprobs else None
        return Sampled(tuple(ids), logprobs, reason, len(request.prompt), 7)

    async def aclose(self) -> None:
        pass


__all__ = ["CALL", "ENCODING", "RETURN", "Says", "analysis", "call", "final", "text", "tokens"]
