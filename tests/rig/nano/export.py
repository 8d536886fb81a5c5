"""How is what was learned kept: as the file that ships? How does training go on from it?

Matrices are int8 with a scale for each output column, learned vectors int8 with a scale for each
row, all else float16. The sizes stand in the file's metadata.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import torch
from safetensors.torch import save_file  # type: ignore[import-not-found]

from tests.rig.nano.learning import Head
from tests.rig.nano.net import MATRICES, Net, Shape
from toolrun.models.nano.weights import read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import Tensor


@torch.no_grad()  # type: ignore[untyped-decorator]
def save(net: Net, head: Head, path: Path, told: dict[str, Any]) -> None:
    """Write the model's file, as a whole or not at all."""
    kept: dict[str, Tensor] = {}
    for name, weight in net.named_parameters():
        if name in MATRICES:
            kept[name], kept[f"{name}.scale"] = _small(weight.float().cpu(), -2)
        else:
            kept[name] = weight.half().cpu()
    vectors = head.vectors(head.learned).float().cpu()
    kept["rows"], kept["rows.scale"] = _small(vectors, -1)
    kept["ranks"] = head.learned.to(torch.int32).cpu()
    about = {
        "shape": dataclasses.asdict(net.shape),
        "embed_scale": head.embed_scale,
        "head_scale": head.scale.item() / 10.0,
        "training": told,
    }
    part = path.with_suffix(".part")
    whole = {name: tensor.contiguous() for name, tensor in kept.items()}
    save_file(whole, str(part), metadata={"nano": json.dumps(about)})
    part.replace(path)


def load(path: Path, codes: Tensor, also: Iterable[int] = ()) -> tuple[Net, Head]:
    """The model of a file, to be trained further.

    Args:
        path: of the file.
        codes: the vectors of all tokens, computed; what is loaded comes to where they are.
        also: tokens that get learned vectors now, which begin as what is computed.

    Raises:
        ConfigError: it is no file of an embedded model.
    """
    found = read(path)
    net = Net(Shape(**msgspec.structs.asdict(found.shape))).to(codes.device)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in found.body.items()})
    ranks = torch.from_numpy(found.ranks.astype(np.int64))
    more = torch.tensor(sorted({*also} - {*ranks.tolist()}))
    ranks = ranks.to(codes.device)
    head = Head(codes, torch.cat([ranks, more.to(codes.device)]).long())
    with torch.no_grad():
        vectors = torch.from_numpy(found.vectors).to(codes.device)
        head.corrections[: len(ranks)] = vectors - codes[ranks]
        head.scale.fill_(found.head_scale * 10.0)
    return net, head


def _small(weight: Tensor, along: int) -> tuple[Tensor, Tensor]:
    """int8, and the scale that it is to be multiplied with."""
    scale = (weight.abs().amax(along, keepdim=True).clamp(min=1e-8) / 127).half()
    return (weight / scale.float()).round().clamp(-127, 127).to(torch.int8), scale
