"""How does a token become what is said next? gpt-oss's layers in numpy, with a key-value cache.

Attention sinks, layers with and without a window by turns, grouped queries, a mixture of experts
with gpt-oss's clamped gates, rotary positions (harmony's model has YaRN, whose factor is 1 here).
Tokens are columns here: so several are read for little more than one, as memory is what is slow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from toolrun.models.nano.cache import CONTEXT, Cache
from toolrun.models.nano.layers import bounds, layers

if TYPE_CHECKING:
    from toolrun.models.nano.codes import Vectors
    from toolrun.models.nano.layers import Layer
    from toolrun.models.nano.weights import Shape, Weights

_EPSILON = 1e-5
_AWAY, _ONE = np.float32(-1e9), np.float32(1)
_BLOCK = 256
FEW = 12
"""So many tokens are read by blocks of a matrix, which is not copied then; more make up for it."""


class Body:
    """The layers.

    Args:
        weights: as they were read.
    """

    def __init__(self, weights: Weights) -> None:
        self.shape: Shape = weights.shape
        s = self.shape
        self._layers = layers(weights)
        self._norm = weights.body["norm"]
        self._inner = s.inner
        self._least, self._most = bounds(s.inner)
        turns = 1.0 / s.theta ** (np.arange(0, s.head, 2) / s.head)
        angles = np.arange(CONTEXT)[:, None] * turns
        self._turns = np.exp(1j * angles).astype(np.complex64)

    def cache(self) -> Cache:
        """An empty cache."""
        return Cache(self.shape)

    def read(self, vectors: Vectors, cache: Cache) -> Vectors:
        """Read tokens behind those of the cache.

        Args:
            vectors: of the tokens, scaled as they are to be read, a row for each.
            cache: gets their keys and values.

        Returns:
            What is to be said after each of them: a row that is compared with tokens' vectors.
        """
        count, at = len(vectors), cache.length
        if count == 1:
            return self.say(vectors[0], cache)[None]
        cache.room(count)
        turns = self._turns[at : at + count].T[:, None]
        cos = np.ascontiguousarray(turns.real)
        sin = np.concatenate([-turns.imag, turns.imag], 1)
        away = [self._away(at, count, narrow=narrow) for narrow in (False, True)]
        x = np.array(vectors.T, order="C")
        for layer, kept in zip(self._layers, cache.kept, strict=True):
            heads = self._asked(x, layer, cos, sin)
            kept[:, at : at + count] = heads[self.shape.heads :].transpose(0, 2, 1)
            x += self._attended(heads, layer, kept, at, away[layer.narrow])
            x += self._thought(x, layer)
        cache.length += count
        x = _normed(x)
        x *= self._norm[:, None]
        return x.T

    def _first(self, at: int, *, narrow: bool) -> int:
        """The first token that a token looks at."""
        return max(0, at - self.shape.window + 1) if narrow else 0

    def _away(self, at: int, count: int, *, narrow: bool) -> Vectors:
        """What is added to scores, a column for each token: much less, where it can't look."""
        first = self._first(at, narrow=narrow)
        back = np.arange(at, at + count) - np.arange(first, at + count)[:, None]
        hidden = (back < 0) | (back >= self.shape.window) if narrow else back < 0
        return np.where(hidden, _AWAY, np.float32(0))[:, None]

    def _asked(self, x: Vectors, layer: Layer, cos: Vectors, sin: Vectors) -> Vectors:
        """Queries, keys and values: by head, its numbers, token."""
        s, count = self.shape, x.shape[1]
        every = times(layer.qkv, _normed(x))
        every += layer.qkv_bias[:, None]
        pairs = every.reshape(-1, s.head // 2, 2, count)[: s.heads + s.kv_heads]
        pairs[:] = pairs * cos + pairs[:, :, ::-1] * sin
        return every.reshape(-1, s.head, count)

    def _attended(
        self, heads: Vectors, layer: Layer, kept: Vectors, at: int, away: Vectors
    ) -> Vectors:
        s, count = self.shape, heads.shape[2]
        seen = kept[:, self._first(at, narrow=layer.narrow) : at + count]
        keys, values = seen[: s.kv_heads], seen[s.kv_heads :]
        group = s.heads // s.kv_heads
        grouped = heads[: s.heads].reshape(s.kv_heads, group, s.head, count).transpose(0, 2, 1, 3)
        scores = keys @ grouped.reshape(s.kv_heads, s.head, -1)
        scores = scores.reshape(s.kv_heads, -1, group, count)
        scores += away
        sinks = layer.sinks[:, None]
        highest = np.maximum(scores.max(1, keepdims=True), sinks)
        scores -= highest
        np.exp(scores, out=scores)
        total = scores.sum(1, keepdims=True) + np.exp(sinks - highest)
        found = values.transpose(0, 2, 1) @ scores.reshape(s.kv_heads, -1, group * count)
        found = found.reshape(s.kv_heads, s.head, group, count) / total
        out = times(layer.out, found.transpose(0, 2, 1, 3).reshape(-1, count))
        out += layer.out_bias[:, None]
        return out

    def _thought(self, x: Vectors, layer: Layer) -> Vectors:
        h = _normed(x)
        scores = layer.router @ h
        scores += layer.router_bias[:, None]
        ranked = np.sort(scores, 0)
        share = np.exp(scores - ranked[-1])
        share *= scores >= ranked[-self.shape.active]
        share /= share.sum(0)
        y: Vectors = layer.down_bias @ share
        for expert, part in enumerate(share):
            columns = np.nonzero(part)[0]
            if len(columns):
                both = times(layer.gate_up[expert], h[:, columns])
                both += layer.gate_up_bias[expert][:, None]
                np.minimum(both, self._most[:, None], out=both)
                np.maximum(both, self._least[:, None], out=both)
                inner = _gated(both[: self._inner], both[self._inner :])
                inner *= part[columns]
                y[:, columns] += times(layer.down[expert], inner)
        return y

    def say(self, vector: Vectors, cache: Cache) -> Vectors:
        """Read one token: what `read` does, in fewer and smaller steps, for speed."""
        at = cache.length
        cache.room(1)
        turns = self._turns[at]
        x = vector.copy()
        for layer, kept in zip(self._layers, cache.kept, strict=True):
            x += self._attended_one(x, layer, kept, at, turns)
            x += self._thought_one(x, layer)
        cache.length += 1
        x = _normed_one(x)
        x *= self._norm
        return x

    def _attended_one(
        self, x: Vectors, layer: Layer, kept: Vectors, at: int, turns: Vectors
    ) -> Vectors:
        s = self.shape
        every: Any = _normed_one(x) @ layer.qkv_one
        every += layer.qkv_bias
        heads = every.reshape(-1, s.head)
        asked = heads[: s.heads + s.kv_heads].view(np.complex64)
        asked *= turns
        kept[:, at] = heads[s.heads :]
        seen = kept[:, self._first(at, narrow=layer.narrow) : at + 1]
        queries = heads[: s.heads].reshape(s.kv_heads, -1, s.head)
        scores = queries @ seen[: s.kv_heads].transpose(0, 2, 1)
        most: Vectors = np.maximum.reduce(scores, -1, keepdims=True)
        highest = np.maximum(most, layer.sinks)
        scores -= highest
        np.exp(scores, out=scores)
        total = np.add.reduce(scores, -1, keepdims=True)
        total += np.exp(layer.sinks - highest)
        found = scores @ seen[s.kv_heads :] / total
        out: Vectors = layer.out @ found.reshape(-1)
        out += layer.out_bias
        return out

    def _thought_one(self, x: Vectors, layer: Layer) -> Vectors:
        h = _normed_one(x)
        scores: list[float] = (layer.router @ h + layer.router_bias).tolist()
        chosen = sorted(range(len(scores)), key=scores.__getitem__)[-self.shape.active :]
        highest = scores[chosen[-1]]
        share = [math.exp(scores[expert] - highest) for expert in chosen]
        both = layer.gate_up_bias[chosen]
        for place, expert in enumerate(chosen):
            both[place] += h @ layer.gate_up_one[expert]
        np.minimum(both, self._most, out=both)
        np.maximum(both, self._least, out=both)
        inner = _gated(both[:, : self._inner], both[:, self._inner :])
        y: Vectors = np.zeros_like(x)
        for through, expert, part in zip(inner, chosen, share, strict=True):
            out = layer.down[expert] @ through
            out += layer.down_bias[:, expert]
            out *= np.float32(part / sum(share))
            y += out
        return y


def times(matrix: Vectors, columns: Vectors) -> Vectors:
    """A product; of few columns by blocks, for which no copy of the matrix is made."""
    rows, width = matrix.shape
    whole = rows - rows % _BLOCK
    if not 1 < columns.shape[1] <= FEW or not whole:
        found: Vectors = matrix @ columns
        return found
    blocks: Vectors = matrix[:whole].reshape(-1, _BLOCK, width) @ columns
    blocks = blocks.reshape(whole, -1)
    return blocks if whole == rows else np.concatenate([blocks, matrix[whole:] @ columns])


def _gated(gate: Vectors, up: Vectors) -> Vectors:
    """What gates let through; see `Layer.gate_up`."""
    up *= gate
    np.exp(gate, out=gate)
    gate += _ONE
    up /= gate
    return up


def _normed_one(x: Vectors) -> Vectors:
    normed: Vectors = x * np.float32(1 / math.sqrt(float(x @ x) / len(x) + _EPSILON))
    return normed


def _normed(x: Vectors) -> Vectors:
    normed: Vectors = x / np.sqrt((x * x).mean(0) + np.float32(_EPSILON))
    return normed
