"""What is the model's body? gpt-oss's architecture in plain torch, small.

All layers' weights of a kind are one tensor. The experts are computed densely: on a GPU that is
faster than routing for so few. Parity with transformers' GptOssForCausalLM is tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from tests.rig.nano.feeding import Batch

MATRICES = ("q", "k", "v", "o", "gate_up", "down")
"""The weights that are stored as int8; all else is small."""
IN_ORDER = (
    "norm_1", "q", "q_bias", "k", "k_bias", "v", "v_bias", "o", "o_bias", "sinks",
    "norm_2", "router", "router_bias", "gate_up", "gate_up_bias", "down", "down_bias",
)  # fmt: skip
EPSILON = 1e-5
CLAMP, SHARP = 7.0, 1.702


@dataclass(frozen=True)
class Shape:
    """The sizes of a model."""

    width: int = 256
    layers: int = 8
    heads: int = 8
    kv_heads: int = 4
    head: int = 64
    experts: int = 4
    active: int = 2
    inner: int = 256
    window: int = 128
    theta: float = 10_000.0


class Masks(NamedTuple):
    """Who may attend to whom: in the layers with a window, and in the others."""

    window: Any
    full: Any
    flex: bool


class Rows(NamedTuple):
    """Packed trees, a row for each line of the batch; see `feeding`.

    Attributes:
        ids: the tokens.
        tree: the number of each token's tree in its row; 0 for padding.
        branch: the number of its branch; 0 for what all branches share.
        position: how many tokens stand before it on the way from the beginning of its tree.
        learned: whether the model is to say it.
    """

    ids: Tensor
    tree: Tensor
    branch: Tensor
    position: Tensor
    learned: Tensor


class Net(nn.Module):  # type: ignore[misc]
    """The body: from vectors of tokens to vectors that the head compares with tokens'."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        n, w, e = shape.layers, shape.width, shape.experts
        q, kv, inner = shape.heads * shape.head, shape.kv_heads * shape.head, shape.inner
        into, out = 1 / math.sqrt(w), 0.5 / math.sqrt(2 * n)
        self.q = _drawn(n, w, q, std=into)
        self.k = _drawn(n, w, kv, std=into)
        self.v = _drawn(n, w, kv, std=into)
        self.o = _drawn(n, q, w, std=out / math.sqrt(q))
        self.gate_up = _drawn(n, e, w, 2 * inner, std=into)
        self.down = _drawn(n, e, inner, w, std=out / math.sqrt(inner))
        self.router = _drawn(n, e, w, std=0.02)
        self.q_bias, self.k_bias, self.v_bias = _zeros(n, q), _zeros(n, kv), _zeros(n, kv)
        self.o_bias, self.sinks = _zeros(n, w), _zeros(n, shape.heads)
        self.router_bias = _zeros(n, e)
        self.gate_up_bias, self.down_bias = _zeros(n, e, 2 * inner), _zeros(n, e, w)
        self.norm_1, self.norm_2 = nn.Parameter(torch.ones(n, w)), nn.Parameter(torch.ones(n, w))
        self.norm = nn.Parameter(torch.ones(w))
        turns = 1.0 / shape.theta ** (torch.arange(0, shape.head, 2).float() / shape.head)
        self.register_buffer("turns", turns, persistent=False)

    def forward(self, x: Tensor, position: Tensor, masks: Masks) -> tuple[Tensor, Tensor]:
        """The vectors after the last norm, and how unevenly the experts were chosen (1: evenly)."""
        angles = position[:, None, :, None].float() * self.turns
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        uneven = x.new_zeros((), dtype=torch.float32)
        weights = zip(*(getattr(self, name).unbind(0) for name in IN_ORDER), strict=True)
        for place, of_layer in enumerate(weights):
            mask = masks.full if place % 2 else masks.window
            x, more = _layer(x, (cos, sin), mask, masks.flex, self.shape, of_layer)
            uneven = uneven + more
        return rms(x, self.norm), uneven / self.shape.layers


def _drawn(*sizes: int, std: float) -> nn.Parameter:
    return nn.Parameter(torch.randn(*sizes) * std)


def _zeros(*sizes: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(*sizes))


def rms(x: Tensor, weight: Tensor) -> Tensor:
    """Root-mean-square norm, computed in float32."""
    normed = functional.rms_norm(x.float(), (x.shape[-1],), weight.float(), EPSILON)
    return normed.to(x.dtype)


def rotated(x: Tensor, turned: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = turned
    one, two = x.chunk(2, -1)
    return torch.cat([one * cos - two * sin, two * cos + one * sin], -1)


def _layer(
    x: Tensor,
    turned: tuple[Tensor, Tensor],
    mask: Any,
    flex: bool,  # noqa: FBT001
    s: Shape,
    weights: tuple[Tensor, ...],
) -> tuple[Tensor, Tensor]:
    (n1, wq, bq, wk, bk, wv, bv, wo, bo, sinks, n2, wr, br, wgu, bgu, wd, bd) = weights
    rows, length, width = x.shape
    d = x.dtype

    def heads(weight: Tensor, bias: Tensor, count: int) -> Tensor:
        return (h @ weight.to(d) + bias.to(d)).view(rows, length, count, s.head).transpose(1, 2)

    h = rms(x, n1)
    q = rotated(heads(wq, bq, s.heads), turned)
    k = rotated(heads(wk, bk, s.kv_heads), turned)
    seen = _attended(q, k, heads(wv, bv, s.kv_heads), mask, flex, sinks)
    x = x + seen.transpose(1, 2).reshape(rows, length, -1) @ wo.to(d) + bo.to(d)
    h = rms(x, n2).reshape(-1, width)
    scores = (h @ wr.to(d).t() + br.to(d)).float()
    best, chosen = scores.topk(s.active, -1)
    share = torch.zeros_like(scores).scatter(1, chosen, best.softmax(-1))
    used = (share > 0).float().mean(0) / s.active
    uneven = s.experts * (scores.softmax(-1).mean(0) * used).sum()
    y = torch.zeros_like(h)
    for e in range(s.experts):
        both = h @ wgu[e].to(d) + bgu[e].to(d)
        gate, up = both[:, ::2].clamp(max=CLAMP), both[:, 1::2].clamp(-CLAMP, CLAMP)
        inner = (up + 1) * gate * torch.sigmoid(gate * SHARP)
        y = y + (inner @ wd[e].to(d) + bd[e].to(d)) * share[:, e : e + 1].to(d)
    return x + y.view(rows, length, width), uneven


def _attended(q: Tensor, k: Tensor, v: Tensor, mask: Any, flex: bool, sinks: Tensor) -> Tensor:  # noqa: FBT001
    if flex:
        from torch.nn.attention.flex_attention import flex_attention

        out, lse = flex_attention(q, k, v, block_mask=mask, enable_gqa=True, return_lse=True)
        return out * torch.sigmoid(lse - sinks.float()[None, :, None])[..., None].to(out.dtype)
    times = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(times, 1), v.repeat_interleave(times, 1)
    scores = (q @ k.transpose(-1, -2)).float() / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~mask, -1e9)
    sink = sinks.float()[None, :, None, None].expand(*scores.shape[:3], 1)
    return torch.cat([scores, sink], -1).softmax(-1)[..., :-1].to(v.dtype) @ v


def rows(batch: Batch, device: str) -> Rows:
    """A batch on a device."""
    return Rows(
        torch.from_numpy(batch.ids).long().to(device, non_blocking=True),
        torch.from_numpy(batch.tree).int().to(device, non_blocking=True),
        torch.from_numpy(batch.branch).int().to(device, non_blocking=True),
        torch.from_numpy(batch.position).int().to(device, non_blocking=True),
        torch.from_numpy(batch.learned).to(device, non_blocking=True),
    )


def plain_masks(rows: Rows, window: int) -> Masks:
    """The masks as tensors: for a CPU, and to compare with."""
    place = torch.arange(rows.ids.shape[1], device=rows.ids.device)
    tree, branch, position = rows.tree, rows.branch, rows.position
    seen = (place[:, None] >= place[None, :]) & (tree[:, :, None] == tree[:, None, :])
    seen = seen & ((branch[:, None, :] == 0) | (branch[:, :, None] == branch[:, None, :]))
    near = position[:, :, None] - position[:, None, :] < window
    return Masks((seen & near)[:, None], seen[:, None], flex=False)


def flex_masks(rows: Rows, window: int, make: Any) -> Masks:
    """The masks as flex_attention's blocks; `make` is `create_block_mask`."""
    tree, branch, position = rows.tree, rows.branch, rows.position

    def full(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        same = (branch[b, k] == 0) | (branch[b, q] == branch[b, k])
        return (q >= k) & (tree[b, q] == tree[b, k]) & same

    def near(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return full(b, h, q, k) & (position[b, q] - position[b, k] < window)

    count, length = rows.ids.shape
    made = [make(rule, count, None, length, length, device=tree.device) for rule in (near, full)]
    return Masks(made[0], made[1], flex=True)
