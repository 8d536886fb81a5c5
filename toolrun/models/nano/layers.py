"""How do a layer's weights lie, so that they are read once, in order and with few operations?

A matrix has a row for each output, which is quickest for a few tokens at once; the two big ones are
there the other way round as well, which is quickest for one. What can be multiplied beforehand is:
the norm's weight, the scale of the scores, the sharpness of the gates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from toolrun.models.nano.codes import Vectors
    from toolrun.models.nano.weights import Weights


CLAMP, SHARP = 7.0, 1.702
_NOTHING = 80.0
"""A gate so far below naught lets nothing through, and its exponential is still a number."""


class Layer(NamedTuple):
    """One layer.

    Attributes:
        narrow: whether a token attends only to those of the window.
        qkv: queries, keys, values: a row for each number of each head. The two numbers that a
            position turns stand beside each other.
        qkv_bias: of them.
        qkv_one, gate_up_one: the other way round: a column for each number.
        sinks: of each group of heads that share keys.
        out, out_bias: of what was attended to.
        router, router_bias: a row for each expert.
        gate_up, gate_up_bias: of each expert: first the gates, times -1.702, then what they let
            through, plus one.
        down, down_bias: of each expert, for what comes of such gates; the bias has columns.
    """

    narrow: bool
    qkv: Vectors
    qkv_bias: Vectors
    sinks: Vectors
    out: Vectors
    out_bias: Vectors
    router: Vectors
    router_bias: Vectors
    gate_up: Vectors
    gate_up_bias: Vectors
    down: Vectors
    down_bias: Vectors
    qkv_one: Vectors
    gate_up_one: Vectors


def layers(weights: Weights) -> list[Layer]:
    """The layers of a model, the first one first."""
    return [_layer(weights, number) for number in range(weights.shape.layers)]


def bounds(inner: int) -> tuple[Vectors, Vectors]:
    """The least and the greatest that gates, and what they let through, can be."""
    gates = np.full(inner, -SHARP * CLAMP), np.full(inner, _NOTHING)
    ups = np.full(inner, 1 - CLAMP), np.full(inner, 1 + CLAMP)
    least, most = (np.concatenate(both).astype(np.float32) for both in zip(gates, ups, strict=True))
    return least, most


def _layer(weights: Weights, number: int) -> Layer:
    s = weights.shape
    w = {name: whole[number] for name, whole in weights.body.items() if name != "norm"}
    scale, sharp = np.float32(1 / math.sqrt(s.head)), np.float32(-SHARP)
    qkv = np.concatenate([w["q"] * scale, w["k"], w["v"]], -1).T * w["norm_1"]
    qkv_bias = np.concatenate([w["q_bias"] * scale, w["k_bias"], w["v_bias"]])
    turned = (s.heads + s.kv_heads) * s.head
    qkv[:turned] = _paired(qkv[:turned], s.head)
    qkv_bias[:turned] = _paired(qkv_bias[:turned], s.head)
    gates, ups = w["gate_up"][..., ::2] * sharp, w["gate_up"][..., 1::2]
    gate_up = np.concatenate([gates, ups], -1).transpose(0, 2, 1)
    gate_up = np.ascontiguousarray(gate_up * w["norm_2"])
    bias = w["gate_up_bias"]
    return Layer(
        narrow=number % 2 == 0,
        qkv=np.ascontiguousarray(qkv),
        qkv_bias=qkv_bias,
        sinks=w["sinks"].reshape(s.kv_heads, -1, 1),
        out=np.ascontiguousarray(w["o"].T),
        out_bias=w["o_bias"],
        router=w["router"] * w["norm_2"],
        router_bias=w["router_bias"],
        gate_up=gate_up,
        gate_up_bias=np.concatenate([bias[:, ::2] * sharp, bias[:, 1::2] + 1], -1),
        down=np.ascontiguousarray(w["down"].transpose(0, 2, 1) / sharp),
        down_bias=np.ascontiguousarray(w["down_bias"].T),
        qkv_one=np.ascontiguousarray(qkv.T),
        gate_up_one=np.ascontiguousarray(gate_up.transpose(0, 2, 1)),
    )


def _paired(rows: Vectors, head: int) -> Vectors:
    """Rows of heads, so that those that turn together stand beside each other."""
    halves = rows.reshape(-1, 2, head // 2, *rows.shape[1:])
    return np.swapaxes(halves, 1, 2).reshape(rows.shape)
