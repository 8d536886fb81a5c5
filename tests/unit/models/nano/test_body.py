"""Do the layers in numpy compute what gpt-oss's architecture says?

`tests/rig/nano` compares them with transformers; here they are compared with the plain formulas,
token by token and without a cache.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.models.nano import small
from toolrun.errors import ConfigError
from toolrun.models.nano.body import Body
from toolrun.models.nano.weights import Weights, read

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return read(small.write(tmp_path_factory.mktemp("nano") / "small.safetensors"))


@pytest.fixture(scope="module")
def asked() -> Any:
    return np.random.default_rng(1).normal(size=(20, small.SHAPE.width)).astype(np.float32)


def test_reading_in_pieces_is_reading_at_once(weights: Weights, asked: Any) -> None:
    body = Body(weights)
    whole = body.read(asked, body.cache())
    cache = body.cache()
    pieces = [body.read(asked[a:b], cache) for a, b in ((0, 9), (9, 10), (10, 19), (19, 20))]
    assert np.allclose(np.concatenate(pieces), whole, atol=1e-4)


def test_reading_one_token_quickly_is_reading_it(weights: Weights, asked: Any) -> None:
    body = Body(weights)
    whole = body.read(asked, body.cache())
    cache = body.cache()
    body.read(asked[:5], cache)
    one_by_one = np.stack([body.say(vector, cache) for vector in asked[5:]])
    assert np.allclose(one_by_one, whole[5:], atol=1e-4)


def test_the_layers_are_the_formulas(weights: Weights, asked: Any) -> None:
    body = Body(weights)
    assert np.allclose(body.read(asked, body.cache()), _plain(weights, asked), atol=1e-3)


def test_a_cache_goes_on_beyond_the_room_that_it_began_with(weights: Weights) -> None:
    body = Body(weights)
    many = np.random.default_rng(2).normal(size=(1100, small.SHAPE.width)).astype(np.float32)
    cache = body.cache()
    in_two = [body.read(many[:700], cache), body.read(many[700:], cache)]
    assert cache.length == 1100
    assert np.allclose(np.concatenate(in_two), body.read(many, body.cache()), atol=1e-3)


def test_a_copy_of_a_cache_is_left_alone_by_what_is_read_into_the_other(
    weights: Weights, asked: Any
) -> None:
    body = Body(weights)
    cache = body.cache()
    body.read(asked[:10], cache)
    copy = cache.copy(8)
    body.read(asked[10:], cache)
    again = body.cache()
    body.read(asked[:8], again)
    assert np.allclose(body.read(asked[15:17], copy), body.read(asked[15:17], again), atol=1e-4)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(ConfigError, match=r"other\.safetensors is no file of an embedded model"):
        read(path)
    with pytest.raises(ConfigError, match="missing"):
        read(tmp_path / "missing")


def _plain(weights: Weights, x: Any) -> Any:
    """The same in float64, in the words of the architecture, a query at a time."""
    s, w = weights.shape, {k: v.astype(np.float64) for k, v in weights.body.items()}
    x = x.astype(np.float64)
    for layer in range(s.layers):
        h = _rms(x, w["norm_1"][layer])
        parts = [h @ w[n][layer] + w[f"{n}_bias"][layer] for n in "qkv"]
        q, k, v = (part.reshape(len(x), -1, s.head) for part in parts)
        q, k = _turned(q, s.theta), _turned(k, s.theta)
        seen = np.zeros((len(x), s.heads, s.head))
        for at in range(len(x)):
            first = max(0, at - s.window + 1) if layer % 2 == 0 else 0
            for head in range(s.heads):
                of = head // (s.heads // s.kv_heads)
                scores = k[first : at + 1, of] @ q[at, head] / math.sqrt(s.head)
                each = np.exp(np.append(scores, w["sinks"][layer][head]))
                seen[at, head] = (each / each.sum())[:-1] @ v[first : at + 1, of]
        x = x + seen.reshape(len(x), -1) @ w["o"][layer] + w["o_bias"][layer]
        x = x + np.stack([_experts(s, w, layer, row) for row in _rms(x, w["norm_2"][layer])])
    return _rms(x, w["norm"])


def _rms(x: Any, weight: Any) -> Any:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight


def _turned(x: Any, theta: float) -> Any:
    half = x.shape[-1] // 2
    angles = np.arange(len(x))[:, None] / theta ** (np.arange(half) / half)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    one, two = x[..., :half], x[..., half:]
    return np.concatenate([one * cos - two * sin, two * cos + one * sin], -1)


def _experts(s: Any, w: Any, layer: int, h: Any) -> Any:
    scores = w["router"][layer] @ h + w["router_bias"][layer]
    best = np.argsort(-scores)[: s.active]
    share = np.exp(scores[best]) / np.exp(scores[best]).sum()
    total = np.zeros(s.width)
    for expert, part in zip(best, share, strict=True):
        both = h @ w["gate_up"][layer, expert] + w["gate_up_bias"][layer, expert]
        gate, up = np.minimum(both[::2], 7), np.clip(both[1::2], -7, 7)
        inner = (up + 1) * gate / (1 + np.exp(-1.702 * gate))
        out = inner @ w["down"][layer, expert] + w["down_bias"][layer, expert]
        total += part * out
    return total
