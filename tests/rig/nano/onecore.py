"""How does a tree run through the body on one core of a CPU, forwards and back?

Matrices in bfloat16, which cores with AMX multiply seven times as fast as float32; the sums that a
layer adds up stay in float32. What is not attention is compiled, for rows of one length. Attention
goes branch by branch: a branch looks at the head and at itself, so the rest of the row is not
computed only to be hidden.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from tests.rig.nano.net import CLAMP, EPSILON, SHARP, rotated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.rig.nano.net import Net, Rows, Shape

_STEP = 32
_forwards = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


class Look(NamedTuple):
    """Some tokens in a row, and what they look at: the head's part, and their own branch's.

    Attributes:
        asking: the tokens.
        head, own: where the keys stand; an empty slice where there are none.
        mask: 0 where they may look, far below elsewhere: a row for each token. Both sizes are made
            whole steps, for the kernels keep a program for each size that they meet.
    """

    asking: slice
    head: slice
    own: slice
    mask: Tensor


def looks(tree: Sequence[int], branch: Sequence[int], window: int | None, dtype: Any) -> list[Look]:
    """What is to be attended to in a row, each branch by itself; padding is left out."""
    found: list[Look] = []
    at, head = 0, slice(0, 0)
    while at < len(tree) and tree[at]:
        end = at
        while end < len(tree) and (tree[end], branch[end]) == (tree[at], branch[at]):
            end += 1
        if branch[at] == 0:
            head = slice(at, at)
        found += _pieces(head, at, end, window, dtype)
        if branch[at] == 0:
            head = slice(at, end)
        at = end
    return found


def _pieces(head: slice, at: int, end: int, window: int | None, dtype: Any) -> list[Look]:
    """A head or a branch, cut where a window lets each part see little."""
    step = window or end - at
    found: list[Look] = []
    for first in range(at, end, step):
        last = min(first + step, end)
        own = slice(at if window is None else max(at, first - window + 1), last)
        seen = head
        if window is not None:
            hidden = first - at  # of the window, what the branch itself fills
            seen = slice(max(head.start, head.stop - max(0, window - 1 - hidden)), head.stop)
        count = seen.stop - seen.start
        place = torch.arange(own.start - count, own.stop)
        back = torch.arange(first, last)[:, None] - place
        off = back < 0 if window is None else (back < 0) | (back >= window)
        mask = torch.full([-(-size // _STEP) * _STEP for size in off.shape], -1e9, dtype=dtype)
        mask[: off.shape[0], : off.shape[1]].masked_fill_(~off, 0)
        found.append(Look(slice(first, last), seen, own, mask))
    return found


class Attended(torch.autograd.Function):  # type: ignore[misc]
    """Attention with sinks, branch by branch.

    The kernel knows no sinks. A sink only makes all shares smaller: so what comes out is multiplied
    with what it leaves, and the kernel's way back is right when it is told of the smaller shares.
    """

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, sinks: Tensor, plan: list[Look]
    ) -> Tensor:
        """Of all tokens.

        Args:
            ctx: keeps what the way back needs.
            q: by key head, head of its group, token, number.
            k: by key head, token, number; `v` as well.
            v: see there.
            sinks: by key head and head of its group, float32.
            plan: who looks at what.
        """
        out = torch.zeros_like(q)
        totals = q.new_zeros(q.shape[:3], dtype=torch.float32)
        for look in plan:
            asked, keys, values = _taken(q, look), _seen(k, look), _seen(v, look)
            found, total = _forwards(asked, keys, values, attn_mask=_twice(look, q))
            total = _part(total[0, ..., None], look, q)[..., 0]
            whole = torch.logaddexp(total, sinks[..., None])
            left = (total - whole).exp()
            out[:, :, look.asking] = _part(found[0], look, q) * left[..., None]
            totals[:, :, look.asking] = whole
        ctx.save_for_backward(q, k, v, sinks, out, totals)
        ctx.plan = plan
        return out

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> Any:
        """The gradients."""
        q, k, v, sinks, out, totals = ctx.saved_tensors
        above = above.contiguous()
        of_q, of_k, of_v = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
        means = (above.float() * out.float()).sum(-1, keepdim=True)
        scale = 1 / math.sqrt(q.shape[-1])
        for look in ctx.plan:
            asked, keys, values = _taken(q, look)[0], _seen(k, look)[0], _seen(v, look)[0]
            up, total, mean = (_taken(one, look)[0] for one in (above, totals[..., None], means))
            shares, of_scores = _shares(
                asked @ keys.mT, up @ values.mT, _twice(look, q)[0], total, mean, scale
            )
            dq, dk, dv = of_scores @ keys, of_scores.mT @ asked, shares.mT @ up
            of_q[:, :, look.asking] = _part(dq, look, q)
            count = look.head.stop - look.head.start
            for whole, part in ((of_k, dk), (of_v, dv)):
                whole[:, look.head] += part[:, :count]
                whole[:, look.own] += part[:, count:][:, : look.own.stop - look.own.start]
        of_sinks = -((sinks[..., None] - totals).exp() * means[..., 0]).sum(-1)
        return of_q, of_k, of_v, of_sinks, None


def _by_hand(
    scores: Tensor, of_shares: Tensor, mask: Tensor, total: Tensor, mean: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    shares = (scores.float() * scale + mask.float() - total).exp()  # naught where none asks
    of_scores = shares * (of_shares.float() - mean) * scale
    return shares.bfloat16(), of_scores.bfloat16()


_shares = torch.compile(_by_hand, dynamic=True)


def _taken(heads: Tensor, look: Look) -> Tensor:
    """Those that ask, of a group's heads one after another; naught where there is none."""
    found = _whole(heads[:, :, look.asking], len(look.mask))
    return found.reshape(1, heads.shape[0], -1, heads.shape[3])


def _part(found: Tensor, look: Look, q: Tensor) -> Tensor:
    """What `_taken` took, as it was, without what it added."""
    count = look.asking.stop - look.asking.start
    return found.view(*q.shape[:2], len(look.mask), -1)[:, :, :count]


def _seen(keys: Tensor, look: Look) -> Tensor:
    found = torch.cat([keys[:, look.head], keys[:, look.own]], 1)
    return _whole(found, look.mask.shape[1])[None]


def _whole(tokens: Tensor, count: int) -> Tensor:
    return functional.pad(tokens, (0, 0, 0, count - tokens.shape[-2]))


def _twice(look: Look, q: Tensor) -> Tensor:
    return look.mask.repeat(q.shape[1], 1)[None, None]


def _normed(x: Tensor, weight: Tensor) -> Tensor:
    return functional.rms_norm(x, (x.shape[-1],), weight, EPSILON).bfloat16()


def _asked(
    x: Tensor, turned: tuple[Tensor, Tensor], norm: Tensor, weight: Tensor, bias: Tensor, s: Shape
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries by key head and head of its group, keys, values."""
    every = (_normed(x, norm) @ weight).float() + bias
    heads = every.view(len(x), -1, s.head).transpose(0, 1)
    both = rotated(heads[: s.heads + s.kv_heads], turned).bfloat16().contiguous()
    q = both[: s.heads].view(s.kv_heads, -1, *both.shape[1:])
    return q, both[s.heads :], heads[s.heads + s.kv_heads :].bfloat16().contiguous()


def _thought(x: Tensor, seen: Tensor, of: tuple[Tensor, ...], s: Shape) -> tuple[Tensor, Tensor]:
    """What attention and experts add, and how unevenly the experts were chosen."""
    wo, bo, norm, wr, br, into, into_bias, down, down_bias = of
    seen = seen.flatten(0, 1).transpose(0, 1).reshape(len(x), -1)
    x = x + (seen @ wo).float() + bo
    h = _normed(x, norm)
    scores = (h @ wr).float() + br
    best, chosen = scores.topk(s.active, -1)
    share = torch.zeros_like(scores).scatter(1, chosen, best.softmax(-1))
    used = (share > 0).float().mean(0) / s.active
    uneven = s.experts * (scores.softmax(-1).mean(0) * used).sum()
    gate, up = ((h @ into).float() + into_bias).chunk(2, -1)
    gate, up = gate.clamp(max=CLAMP), up.clamp(-CLAMP, CLAMP)
    inner = ((up + 1) * gate * torch.sigmoid(gate * SHARP)).view(len(x), s.experts, -1)
    inner = (inner * share[..., None]).view(len(x), -1).bfloat16()
    return x + (inner @ down).float() + share @ down_bias, uneven


def _together(net: Net) -> list[tuple[Tensor, ...]]:
    """The weights of each layer, so that few and large products are made of them."""
    s = net.shape
    qkv = torch.cat([net.q, net.k, net.v], -1).bfloat16()
    qkv_bias = torch.cat([net.q_bias, net.k_bias, net.v_bias], -1)
    gates, ups = net.gate_up[..., ::2], net.gate_up[..., 1::2]
    into = torch.stack([gates, ups], 1).permute(0, 3, 1, 2, 4).flatten(2).bfloat16()
    bias = torch.stack([net.gate_up_bias[..., ::2], net.gate_up_bias[..., 1::2]], 1).flatten(1)
    sinks = net.sinks.view(s.layers, s.kv_heads, -1)
    router = net.router.transpose(1, 2).bfloat16()
    parts = (
        net.norm_1, qkv, qkv_bias, sinks, net.o.bfloat16(), net.o_bias, net.norm_2, router,
        net.router_bias, into, bias, net.down.flatten(1, 2).bfloat16(), net.down_bias,
    )  # fmt: skip
    return list(zip(*(part.unbind(0) for part in parts), strict=True))


class OneCore:
    """The body, for rows of one length.

    Args:
        net: the body.
        compiled: whether what is not attention is compiled: slow at first, quick then.
    """

    def __init__(self, net: Net, *, compiled: bool) -> None:
        self._net = net

        def made(f: Any) -> Any:
            return torch.compile(f, dynamic=False) if compiled else f

        self._asked, self._thought = made(_asked), made(_thought)

    def __call__(self, x: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
        """What `Net.forward` gives, for vectors of tokens in float32."""
        net, s = self._net, self._net.shape
        layers = _together(net)
        found, uneven = [], x.new_zeros(())
        for row in range(len(x)):
            tree, branch = rows.tree[row].tolist(), rows.branch[row].tolist()
            plans = [looks(tree, branch, w, torch.bfloat16) for w in (s.window, None)]
            angles = rows.position[row][:, None].float() * net.turns
            turned = angles.cos(), angles.sin()
            y = x[row]
            for place, (norm, qkv, bias, sinks, *rest) in enumerate(layers):
                q, k, v = self._asked(y, turned, norm, qkv, bias, s)
                seen = Attended.apply(q, k, v, sinks, plans[place % 2])
                y, more = self._thought(y, seen, tuple(rest), s)
                uneven = uneven + more
            found.append(_normed(y, net.norm))
        return torch.stack(found), uneven / s.layers / len(x)
