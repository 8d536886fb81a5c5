"""How is one step sampled: prompt read, then a token at a time?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from toolrun.models.nano.body import CONTEXT, Body, Cache
from toolrun.models.nano.weights import Weights
from toolrun.models.nano.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolrun.models.nano.codes import Vectors
    from toolrun.values import Sampling

_AT_ONCE = 256
"""How many tokens of a prompt are read in one go: more need more memory, fewer take longer."""


class Voice(msgspec.Struct, frozen=True, eq=False):
    """A model that can be sampled: its weights, its layers, its words."""

    weights: Weights
    body: Body
    words: Words


class Past(msgspec.Struct, frozen=True, eq=False):
    """Tokens that were read, and their keys and values."""

    tokens: tuple[int, ...]
    cache: Cache

    def shares(self, prompt: Sequence[int]) -> int:
        """How many of its first tokens the prompt begins with."""
        most = min(len(self.tokens), len(prompt))
        for place in range(most):
            if self.tokens[place] != prompt[place]:
                return place
        return most


class Run:
    """Samples one step.

    Args:
        voice: what samples.
        prompt: the tokens to go on from.
        stop: the tokens that end the step.
        sampling: temperature (none: the likeliest token), top_p, seed, max_tokens.
        past: of an earlier step; what the prompt shares with it is not read again.
        logprobs: whether they are wanted.

    Attributes:
        said: the tokens so far.
        logprobs: of each of them, among those that could be said, where they are wanted.
        reason: why it ended: "stop" or "length"; None where it has not.
        cached: how many tokens of the prompt were not read again.
    """

    def __init__(
        self,
        voice: Voice,
        prompt: Sequence[int],
        stop: Sequence[int],
        sampling: Sampling,
        past: Past | None = None,
        *,
        logprobs: bool = False,
    ) -> None:
        self.said: list[int] = []
        self.logprobs: list[float] = []
        self.reason: str | None = None
        self._logprobs = logprobs
        self._voice, self._prompt = voice, list(prompt)
        self._stop = frozenset(stop)
        left = CONTEXT - len(prompt)
        self._most = min(left, sampling.max_tokens or left)
        self._heat, self._top_p = sampling.temperature or 0.0, sampling.top_p or 1.0
        self._random = np.random.default_rng(sampling.seed)
        shared = min(past.shares(prompt), len(prompt) - 1) if past is not None else 0
        self.cached = shared
        self._cache = past.cache.copy(shared) if past and shared else voice.body.cache()
        self._next: Vectors | None = None
        more = voice.words.sayable(prompt)
        self._ranks: NDArray[np.int32] = np.concatenate([voice.words.learned, more])
        known = voice.weights.vectors
        self._table = np.concatenate([known, voice.words.vectors(more)]) if len(more) else known
        self._table = self._table * np.float32(voice.weights.head_scale)

    def advance(self, most: int) -> list[int]:
        """Read on, or say up to so many tokens; nothing came while the prompt is being read."""
        if self._next is None:
            self._read(self._prompt[self._cache.length : self._cache.length + _AT_ONCE])
            if self._cache.length < len(self._prompt):
                self._next = None
            return []
        came: list[int] = []
        while len(came) < most and self.reason is None:
            token = self._choose()
            came.append(token)
            if token in self._stop:
                self.reason = "stop"
            elif len(self.said) >= self._most:
                self.reason = "length"
            else:
                [vector] = self._vectors([token])
                self._next = self._voice.body.say(vector, self._cache)
        return came

    def past(self) -> Past:
        """What was read, for a step that goes on from here."""
        return Past((*self._prompt, *self.said)[: self._cache.length], self._cache)

    def _read(self, tokens: list[int]) -> None:
        self._next = self._voice.body.read(self._vectors(tokens), self._cache)[-1]

    def _vectors(self, tokens: list[int]) -> Vectors:
        scale = np.float32(self._voice.weights.embed_scale)
        return self._voice.words.vectors(tokens) * scale

    def _choose(self) -> int:
        assert self._next is not None
        scores = self._table @ self._next
        place = self._drawn(scores) if self._heat > 0 else int(scores.argmax())
        token = int(self._ranks[place])
        self.said.append(token)
        if self._logprobs:
            highest = scores.max()
            total = float(np.exp(scores - highest).sum())
            self.logprobs.append(float(scores[place] - highest) - math.log(total))
        return token

    def _drawn(self, scores: Vectors) -> int:
        """A token by chance, of the likeliest that make up `top_p`."""
        heated = np.exp((scores - scores.max()) / np.float32(self._heat)).astype(np.float64)
        chances = heated / heated.sum()
        if self._top_p < 1:
            order = np.argsort(-chances, kind="stable")
            kept = order[: int(np.searchsorted(np.cumsum(chances[order]), self._top_p)) + 1]
            only = np.zeros_like(chances)
            only[kept] = chances[kept]
            chances = only / only.sum()
        return int(self._random.choice(len(chances), p=chances))
