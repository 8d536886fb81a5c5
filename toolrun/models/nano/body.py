"""How does a token become what is said next? gpt-oss's layers in numpy, with a key-value cache.

Attention sinks, layers with and without a window by turns, grouped queries, a mixture of experts
with gpt-oss's clamped gates, rotary positions (harmony's model has YaRN, whose factor is 1 here).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from toolrun.models.nano.codes import Vectors
    from toolrun.models.nano.weights import Shape, Weights

CONTEXT = 4096
"""How many tokens there can be in all; the positions of a model served by vLLM end there, too."""
_EPSILON = np.float32(1e-5)
_CLAMP, _SHARP = np.float32(7.0), np.float32(1.702)
_AWAY, _ONE = np.float32(-1e9), np.float32(1)
_GROWTH = 512


class Cache:
    """Keys and values of the tokens so far."""

    def __init__(self, shape: Shape) -> None:
        self.length = 0
        self._sizes = (shape.layers, 2, shape.kv_heads)
        self._head = shape.head
        self.kept = np.zeros((*self._sizes, _GROWTH, shape.head), np.float32)

    def room(self, more: int) -> None:
        """Make room for more tokens."""
        have, need = self.kept.shape[3], self.length + more
        if need > have:
            size = max(need, min(2 * have, CONTEXT))
            grown = np.zeros((*self._sizes, size, self._head), np.float32)
            grown[:, :, :, : self.length] = self.kept[:, :, :, : self.length]
            self.kept = grown

    def copy(self, length: int) -> Cache:
        """A cache of the first tokens."""
        found = object.__new__(Cache)
        found.length, found._sizes, found._head = length, self._sizes, self._head
        found.kept = self.kept.copy()
        return found


class Body:
    """The layers.

    Args:
        weights: as they were read.
    """

    def __init__(self, weights: Weights) -> None:
        s, w = weights.shape, weights.body
        self.shape = s
        self._w = w
        self._scale = np.float32(1 / math.sqrt(s.head))
        self._qkv = np.concatenate([w["q"], w["k"], w["v"]], -1)
        self._qkv_bias = np.concatenate([w["q_bias"], w["k_bias"], w["v_bias"]], -1)
        self._router = np.ascontiguousarray(w["router"].transpose(0, 2, 1))
        self._gate_up = np.concatenate([w["gate_up"][..., ::2], w["gate_up"][..., 1::2]], -1)
        bias = w["gate_up_bias"]
        self._gate_up_bias = np.concatenate([bias[..., ::2], bias[..., 1::2]], -1)
        turns = 1.0 / s.theta ** (np.arange(0, s.head, 2) / s.head)
        angles = np.arange(CONTEXT)[:, None] * turns
        self._cos = np.cos(angles).astype(np.float32)
        self._sin = np.sin(angles).astype(np.float32)

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
        cache.room(count)
        cos, sin = self._cos[at : at + count], self._sin[at : at + count]
        x = vectors
        for layer in range(self.shape.layers):
            x = x + self._attended(x, layer, cache, cos, sin)
            x = x + self._thought(x, layer)
        cache.length += count
        return _normed(x, self._w["norm"])

    def _attended(
        self, x: Vectors, layer: int, cache: Cache, cos: Vectors, sin: Vectors
    ) -> Vectors:
        s, w = self.shape, self._w
        count, at = len(x), cache.length
        every = _normed(x, w["norm_1"][layer]) @ self._qkv[layer] + self._qkv_bias[layer]
        heads = every.reshape(count, s.heads + 2 * s.kv_heads, s.head).transpose(1, 0, 2)
        turned = _rotated(heads[: s.heads + s.kv_heads], cos, sin)
        kept = cache.kept[layer]
        kept[0, :, at : at + count] = turned[s.heads :]
        kept[1, :, at : at + count] = heads[s.heads + s.kv_heads :]
        narrow = layer % 2 == 0
        first = max(0, at - s.window + 1) if narrow else 0
        keys, values = kept[0, :, first : at + count], kept[1, :, first : at + count]
        group = s.heads // s.kv_heads
        queries = turned[: s.heads].reshape(s.kv_heads, group * count, s.head)
        scores = queries @ keys.transpose(0, 2, 1) * self._scale
        scores = scores.reshape(s.kv_heads, group, count, -1)
        if count > 1:
            back = np.arange(at, at + count)[:, None] - np.arange(first, at + count)
            away = (back < 0) | (back >= s.window) if narrow else back < 0
            scores = np.where(away, _AWAY, scores)
        sinks = w["sinks"][layer].reshape(s.kv_heads, group, 1, 1)
        highest = np.maximum(scores.max(-1, keepdims=True), sinks)
        scores = np.exp(scores - highest)
        scores /= scores.sum(-1, keepdims=True) + np.exp(sinks - highest)
        seen = scores.reshape(s.kv_heads, group * count, -1) @ values
        seen = seen.reshape(s.heads, count, s.head).transpose(1, 0, 2).reshape(count, -1)
        out: Vectors = seen @ w["o"][layer] + w["o_bias"][layer]
        return out

    def _thought(self, x: Vectors, layer: int) -> Vectors:
        s, w = self.shape, self._w
        h = _normed(x, w["norm_2"][layer])
        scores = h @ self._router[layer] + w["router_bias"][layer]
        chosen = np.argsort(-scores, -1, kind="stable")[:, : s.active]
        best = np.take_along_axis(scores, chosen, -1)
        share = np.exp(best - best[:, :1])
        share /= share.sum(-1, keepdims=True)
        y = np.zeros_like(x)
        for expert in range(s.experts):
            rows, place = np.nonzero(chosen == expert)
            if len(rows):
                here = h if len(rows) == len(h) else h[rows]
                y[rows] += self._expert(here, layer, expert) * share[rows, place][:, None]
        return y

    def _expert(self, h: Vectors, layer: int, expert: int) -> Vectors:
        both = h @ self._gate_up[layer, expert] + self._gate_up_bias[layer, expert]
        gate = np.minimum(both[:, : self.shape.inner], _CLAMP)
        up = np.clip(both[:, self.shape.inner :], -_CLAMP, _CLAMP)
        inner = (up + 1) * gate / (1 + np.exp(-_SHARP * gate))
        out: Vectors = inner @ self._w["down"][layer, expert] + self._w["down_bias"][layer, expert]
        return out

    def say(self, vector: Vectors, cache: Cache) -> Vectors:
        """Read one token: what `read` does, in fewer and smaller steps, for speed."""
        at = cache.length
        cache.room(1)
        x = vector
        for layer in range(self.shape.layers):
            x = x + self._attended_one(x, layer, cache.kept[layer], at)
            x = x + self._thought_one(x, layer)
        cache.length += 1
        return _normed_one(x, self._w["norm"])

    def _attended_one(self, x: Vectors, layer: int, kept: Vectors, at: int) -> Vectors:
        s, w = self.shape, self._w
        every = _normed_one(x, w["norm_1"][layer]) @ self._qkv[layer] + self._qkv_bias[layer]
        heads = every.reshape(-1, s.head)
        asked = s.heads + s.kv_heads
        turned = _rotated(heads[:asked], self._cos[at], self._sin[at])
        kept[0, :, at], kept[1, :, at] = turned[s.heads :], heads[asked:]
        first = max(0, at - s.window + 1) if layer % 2 == 0 else 0
        queries = turned[: s.heads].reshape(s.kv_heads, -1, s.head) * self._scale
        scores = queries @ kept[0, :, first : at + 1].transpose(0, 2, 1)
        sinks = w["sinks"][layer].reshape(s.kv_heads, -1, 1)
        highest = np.maximum(scores.max(-1, keepdims=True), sinks)
        scores = np.exp(scores - highest)
        scores /= scores.sum(-1, keepdims=True) + np.exp(sinks - highest)
        seen = (scores @ kept[1, :, first : at + 1]).reshape(-1)
        out: Vectors = seen @ w["o"][layer] + w["o_bias"][layer]
        return out

    def _thought_one(self, x: Vectors, layer: int) -> Vectors:
        h = _normed_one(x, self._w["norm_2"][layer])
        scores = (h @ self._router[layer] + self._w["router_bias"][layer]).tolist()
        chosen = sorted(range(len(scores)), key=lambda e: -scores[e])[: self.shape.active]
        weights = [math.exp(scores[expert] - scores[chosen[0]]) for expert in chosen]
        total = np.zeros_like(x)
        for expert, weight in zip(chosen, weights, strict=True):
            total += self._expert_one(h, layer, expert) * np.float32(weight / sum(weights))
        return total

    def _expert_one(self, h: Vectors, layer: int, expert: int) -> Vectors:
        both = h @ self._gate_up[layer, expert] + self._gate_up_bias[layer, expert]
        gate = np.minimum(both[: self.shape.inner], _CLAMP)
        up = np.minimum(np.maximum(both[self.shape.inner :], -_CLAMP), _CLAMP)
        inner = (up + _ONE) * gate / (_ONE + np.exp(gate * -_SHARP))
        out: Vectors = inner @ self._w["down"][layer, expert] + self._w["down_bias"][layer, expert]
        return out


def _normed_one(x: Vectors, weight: Vectors) -> Vectors:
    size = math.sqrt(float(x @ x) / len(x) + float(_EPSILON))
    normed: Vectors = x * np.float32(1 / size) * weight
    return normed


def _normed(x: Vectors, weight: Vectors) -> Vectors:
    normed: Vectors = x / np.sqrt((x * x).mean(-1, keepdims=True) + _EPSILON) * weight
    return normed


def _rotated(x: Vectors, cos: Vectors, sin: Vectors) -> Vectors:
    half = x.shape[-1] // 2
    one, two = x[..., :half], x[..., half:]
    return np.concatenate([one * cos - two * sin, two * cos + one * sin], -1)
