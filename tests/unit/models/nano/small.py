"""A model's file of a few kilobytes, with weights by chance, to test the runtime with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from toolrun.models.nano.weights import Shape

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = Shape(
    width=32, layers=4, heads=4, kv_heads=2, head=8, experts=4, active=2, inner=16, window=6,
    theta=10_000.0,
)  # fmt: skip
RANKS = np.arange(0, 4000, 5, dtype=np.int32)
_NAMES = {np.dtype(np.int8): "I8", np.dtype(np.float16): "F16", np.dtype(np.int32): "I32"}


def tensors(seed: int = 0) -> dict[str, Any]:
    """The file's tensors."""
    r = np.random.default_rng(seed)
    s = SHAPE
    n, w, q, kv = s.layers, s.width, s.heads * s.head, s.kv_heads * s.head
    big = {
        "q": (n, w, q), "k": (n, w, kv), "v": (n, w, kv), "o": (n, q, w),
        "gate_up": (n, s.experts, w, 2 * s.inner), "down": (n, s.experts, s.inner, w),
    }  # fmt: skip
    small = {
        "q_bias": (n, q), "k_bias": (n, kv), "v_bias": (n, kv), "o_bias": (n, w),
        "sinks": (n, s.heads), "router": (n, s.experts, w), "router_bias": (n, s.experts),
        "gate_up_bias": (n, s.experts, 2 * s.inner), "down_bias": (n, s.experts, w),
        "norm_1": (n, w), "norm_2": (n, w), "norm": (w,),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, sizes in big.items():
        found[name] = r.integers(-127, 128, sizes, dtype=np.int8)
        found[f"{name}.scale"] = np.full((*sizes[:-2], 1, sizes[-1]), 0.004, np.float16)
    for name, sizes in small.items():
        found[name] = (r.normal(size=sizes) * 0.3 + name.startswith("norm")).astype(np.float16)
    found["rows"] = r.integers(-127, 128, (len(RANKS), w), dtype=np.int8)
    found["rows.scale"] = np.full((len(RANKS), 1), 0.002, np.float16)
    found["ranks"] = RANKS
    return found


def write(path: Path, seed: int = 0) -> Path:
    """Write the file."""
    header: dict[str, Any] = {}
    body = b""
    for name, array in tensors(seed).items():
        raw = array.tobytes()
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    shape = {field: getattr(SHAPE, field) for field in SHAPE.__struct_fields__}
    about = {"shape": shape, "embed_scale": 4.0, "head_scale": 2.0}
    header["__metadata__"] = {"nano": json.dumps(about)}
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)
    return path
