"""How is one step sampled: prompt read, then a token at a time?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from toolrun.models.nano.body import FEW, Body, times
from toolrun.models.nano.cache import CONTEXT, Cache
from toolrun.models.nano.drafts import Drafts
from toolrun.models.nano.weights import Weights
from toolrun.models.nano.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.nano.codes import Vectors
    from toolrun.values import Sampling

_AT_ONCE = 256
"""How many tokens of a prompt are read in one go: more need more memory, fewer take longer."""


class Voice(msgspec.Struct, frozen=True, eq=False):
    """A model that can be sampled.

    Attributes:
        weights: that were learned.
        body: its layers.
        words: its vocabulary.
        usual: what it usually says, to guess by; None: nothing is guessed.
    """

    weights: Weights
    body: Body
    words: Words
    usual: Mapping[tuple[int, ...], tuple[int, float]] | None = None


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
        usual = voice.usual
        self._drafts = Drafts(usual, prompt) if usual is not None else None
        self._guessed: list[int] = []
        self._scores: list[Vectors] = []
        self._more = voice.words.sayable(prompt)
        self._vectors_of_more = voice.words.vectors(self._more)

    def advance(self, most: int) -> list[int]:
        """Read on, or say up to so many tokens; nothing came while the prompt is being read."""
        if not self.said and not self._scores:
            self._read(self._prompt[self._cache.length : self._cache.length + _AT_ONCE])
            return []
        came: list[int] = []
        while len(came) < most and self.reason is None:
            token = self._choose(self._scores.pop(0))
            came.append(token)
            self.said.append(token)
            if token in self._stop:
                self.reason = "stop"
            elif len(self.said) >= self._most:
                self.reason = "length"
            else:
                self._go_on(token)
        return came

    def past(self) -> Past:
        """What was read, for a step that goes on from here."""
        return Past((*self._prompt, *self.said)[: self._cache.length], self._cache)

    def _read(self, tokens: list[int]) -> None:
        """Read a piece of the prompt."""
        row = self._voice.body.read(self._vectors(tokens), self._cache)[-1:]
        if self._cache.length == len(self._prompt):
            self._scores = self._compared(row)

    def _go_on(self, token: int) -> None:
        """Read what was said, if it was not guessed, and with it a new guess."""
        if self._drafts is not None:
            self._drafts.heard(token)
        if self._guessed and self._guessed.pop(0) == token:
            self._cache.length += 1
            return
        room = min(FEW, self._most - len(self.said))
        self._guessed = self._drafts.guess(room - 1) if self._drafts is not None else []
        tokens = [token, *self._guessed]
        self._scores = self._compared(self._voice.body.read(self._vectors(tokens), self._cache))
        # what was guessed counts as read once it was said
        self._cache.length -= len(self._guessed)

    def _compared(self, rows: Vectors) -> list[Vectors]:
        """What is to be said, as scores of what can be said: for each row."""
        if len(rows) == 1:
            row = rows[0] * np.float32(self._voice.weights.head_scale)
            one = [self._voice.weights.vectors @ row, self._vectors_of_more @ row]
            return [np.concatenate(one)]
        scaled = (rows * np.float32(self._voice.weights.head_scale)).T
        parts = [times(self._voice.weights.vectors, scaled), self._vectors_of_more @ scaled]
        return list(np.ascontiguousarray(np.concatenate(parts).T))

    def _vectors(self, tokens: list[int]) -> Vectors:
        scale = np.float32(self._voice.weights.embed_scale)
        return self._voice.words.vectors(tokens) * scale

    def _choose(self, scores: Vectors) -> int:
        place = self._drawn(scores) if self._heat > 0 else int(scores.argmax())
        if self._logprobs:
            highest = scores.max()
            total = float(np.exp(scores - highest).sum())
            self.logprobs.append(float(scores[place] - highest) - math.log(total))
        learned = self._voice.words.learned
        return int(learned[place] if place < len(learned) else self._more[place - len(learned)])

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
