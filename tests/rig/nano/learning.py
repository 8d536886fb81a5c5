"""How does the model learn from a batch: the head, the loss, the step?

Muon moves the matrices, AdamW all else. The loss compares with the tokens that have learned
vectors, those of the batch, and some of the others, weighed as all of them. A step whose loss or
gradient is no finite number is left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.rig.nano.net import MATRICES, Rows
from tests.rig.nano.spelling import ORDINARY, VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.rig.nano.net import Net
    from tests.rig.nano.together import Together

_SPECIALS = range(ORDINARY, 200_019)
_UNEVEN = 0.01
_EMBED = 0.25
_SCALE = 10.0
_MOMENTUM, _DECAY = 0.95, 0.05


class Told(NamedTuple):
    """What a step gave: the loss, the share of tokens that were right, the gradient's size."""

    loss: float
    right: float
    gradient: float


class Head(nn.Module):  # type: ignore[misc]
    """The vectors of tokens, at the input and at the output.

    Args:
        codes: of all tokens, computed; they stay as they are.
        learned: the ranks of those that get a correction.
    """

    def __init__(self, codes: Tensor, learned: Tensor) -> None:
        super().__init__()
        self.learned, self._codes = learned, codes
        self.embed_scale = math.sqrt(codes.shape[1]) * _EMBED
        self.corrections = nn.Parameter(codes.new_zeros(len(learned), codes.shape[1]))
        self.scale = nn.Parameter(codes.new_tensor(_SCALE))
        place = torch.full((VOCABULARY,), len(learned), dtype=torch.long, device=codes.device)
        place[learned] = torch.arange(len(learned), device=codes.device)
        self._place = place
        self._marks = torch.arange(_SPECIALS.start, _SPECIALS.stop, device=codes.device)

    def vectors(self, ranks: Tensor) -> Tensor:
        """The vectors of some tokens."""
        none = self.corrections.new_zeros(1, self.corrections.shape[1])
        corrections = torch.cat([self.corrections, none])
        return functional.embedding(ranks, self._codes) + functional.embedding(
            self._place[ranks], corrections
        )

    def loss(
        self, said: Tensor, wanted: Tensor, read: Tensor, others: int
    ) -> tuple[Tensor, Tensor]:
        """The mean loss of what was said, and whether each was right.

        Args:
            said: the body's vectors where the model is to say something.
            wanted: the ranks that it is to say.
            read: all ranks of the batch.
            others: how many tokens that are not there are drawn to compare with, too.
        """
        there = torch.unique(torch.cat([self.learned, self._marks, read.reshape(-1)]))
        known = torch.zeros(VOCABULARY, dtype=torch.bool, device=there.device)
        known[there] = True
        drawn = torch.randint(0, ORDINARY, (others,), device=there.device)
        drawn = torch.unique(drawn[~known[drawn]])
        ranks = torch.cat([there, drawn])
        place = torch.full((VOCABULARY,), -1, dtype=torch.long, device=there.device)
        place[ranks] = torch.arange(len(ranks), device=there.device)
        scores = (said @ self.vectors(ranks).to(said.dtype).t()).float() * (self.scale / _SCALE)
        weight = torch.zeros(len(ranks), device=there.device)
        left = max(1, ORDINARY - len(there)) / max(1, len(drawn))
        weight[len(there) :] = math.log(left)
        loss = functional.cross_entropy(scores + weight, place[wanted])
        return loss, scores.detach().argmax(-1) == place[wanted]


class Learner:
    """Takes steps.

    Args:
        net: the body.
        head: the vectors of tokens.
        rate: the highest learning rate.
        others: see `Head.loss`.
        together: the processes that learn as one; None: this one alone.
    """

    def __init__(
        self,
        net: Net,
        head: Head,
        rate: float,
        others: int = 8192,
        together: Together | None = None,
    ) -> None:
        self.net, self.head = net, head
        self._together = together
        self.left_out = 0
        self._rate, self._others = rate, others
        self._big = [getattr(net, name) for name in MATRICES]
        small = [p for p in net.parameters() if not any(p is big for big in self._big)]
        self._rest = [*small, head.corrections, head.scale]
        self._adam = torch.optim.AdamW(
            [
                {"params": small, "times": 1.0},
                {"params": [head.corrections], "times": 0.5},
                {"params": [head.scale], "times": 5.0},
            ],
            lr=rate,
            betas=(0.9, 0.98),
            weight_decay=0.0,
        )
        self._moved = [torch.zeros_like(p) for p in self._big]

    def step(self, batch: Sequence[Rows], run: Any, part: float) -> Told | None:
        """Learn from a batch; None where it was left out.

        Args:
            batch: as many rows at once as memory has room for, one piece after another.
            run: the body, from rows to vectors and unevenness.
            part: of the highest rate.
        """
        for parameter in [*self._big, *self._rest]:
            parameter.grad = None
        pieces = [self._learned(rows, run, 1 / len(batch)) for rows in batch]
        loss = self._averaged(torch.stack([loss for loss, _ in pieces]).mean())
        right = torch.cat([right for _, right in pieces])
        size = torch.nn.utils.clip_grad_norm_(self._rest, 1.0)
        big = torch.stack([p.grad.float().norm() for p in self._big]).norm()
        if not bool(loss.isfinite() & size.isfinite() & big.isfinite()):
            self.left_out += 1
            return None
        for group in self._adam.param_groups:
            group["lr"] = self._rate * part * group["times"]
        self._adam.step()
        self._move(self._rate * part)
        return Told(loss.item(), right.float().mean().item(), big.item())

    def _learned(self, rows: Rows, run: Any, share: float) -> tuple[Tensor, Tensor]:
        """The loss of some rows, and what was right; their gradient is added to the others'."""
        said, uneven = run(rows)
        chosen = rows.learned[:, 1:]
        wanted = rows.ids[:, 1:][chosen]
        loss, right = self.head.loss(said[:, :-1][chosen], wanted, rows.ids, self._others)
        ((loss + _UNEVEN * uneven) * share).backward()
        return loss.detach(), right

    def _averaged(self, loss: Tensor) -> Tensor:
        """The loss and the gradients of all processes, averaged; what this one had is replaced."""
        mean = loss.detach().clone()
        if self._together is not None:
            self._together.mean([mean, *(p.grad for p in (*self._big, *self._rest))])
        return mean

    def align(self) -> None:
        """Average the weights of all processes: rounding lets them drift apart."""
        if self._together is not None:
            self._together.mean([p.data for p in (*self._big, *self._rest)])

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _move(self, rate: float) -> None:
        for weight, moved in zip(self._big, self._moved, strict=True):
            moved.mul_(_MOMENTUM).add_(weight.grad)
            step = _orthogonal(weight.grad.add(moved, alpha=_MOMENTUM))
            weight.mul_(1 - rate * _DECAY)
            weight.add_(step, alpha=-rate * 0.2 * math.sqrt(max(weight.shape[-2:])))


def _orthogonal(gradient: Tensor) -> Tensor:
    """The nearest orthogonal matrix, nearly: five Newton-Schulz steps, as Muon takes them."""
    x = gradient.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    high = x.shape[-2] > x.shape[-1]
    x = x.mT if high else x
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.mT if high else x).float()
