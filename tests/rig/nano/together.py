"""How do several GPUs learn as one? Each from batches of its own; the gradients are averaged.

`torch.distributed.run` starts a process for each GPU. Alone, nothing of this happens.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
from torch import distributed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Together:
    """The processes of one run.

    Args:
        device: "cuda" or "cpu"; each process takes the GPU of its number.
    """

    def __init__(self, device: str) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.device = f"cuda:{self.rank}" if device == "cuda" else device
        if device == "cuda":
            torch.cuda.set_device(self.rank)
        if self.size > 1:
            distributed.init_process_group("nccl" if device == "cuda" else "gloo")

    def mean(self, tensors: Sequence[Tensor]) -> None:
        """Put the mean of all processes' tensors into each."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= self.size
        at = 0
        with torch.no_grad():
            for tensor in tensors:
                part = flat[at : at + tensor.numel()]
                tensor.copy_(part.view_as(tensor))
                at += tensor.numel()


class Printer:
    """Prints what a run has to say; of several processes one talks."""

    def __init__(self) -> None:
        self._loud = True

    def disable(self) -> None:
        """Be quiet from now on."""
        self._loud = False

    def __call__(self, text: str) -> None:
        """Print a line."""
        if self._loud:
            print(text, flush=True)
