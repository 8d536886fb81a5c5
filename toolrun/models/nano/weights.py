"""What was learned: how is the model's file read?

One safetensors file: matrices as int8 with a scale for each output column, the vectors of frequent
tokens as int8 with a scale for each row, the rest as float16; the sizes stand in its metadata.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from toolrun.errors import ConfigError
from toolrun.models.nano.codes import Vectors

FILE = Path(__file__).with_name("nano.safetensors")
_KINDS = {"F16": np.float16, "F32": np.float32, "I8": np.int8, "I32": np.int32}


class Shape(msgspec.Struct, frozen=True):
    """The sizes of a model; `inner` is the width of an expert, `head` that of an attention head."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    experts: int
    active: int
    inner: int
    window: int
    theta: float


class Weights(msgspec.Struct, frozen=True):
    """A model's weights in float32.

    Attributes:
        shape: its sizes.
        embed_scale: what a token's vector is multiplied with where it is read.
        head_scale: what the likeness of a token's vector is multiplied with where it is said.
        body: the weights by their names, those of all layers in one array.
        ranks: the tokens whose vectors were learned, in their order.
        vectors: of those tokens, a row for each.
        sha256: of the file.
    """

    shape: Shape
    embed_scale: float
    head_scale: float
    body: dict[str, Vectors]
    ranks: NDArray[np.int32]
    vectors: Vectors
    sha256: str


def read(path: Path = FILE) -> Weights:
    """Read a model's file.

    Raises:
        ConfigError: it cannot be read, or is no file of an embedded model.
    """
    try:
        body = path.read_bytes()
        tensors, about = _tensors(body)
        shape = msgspec.convert(about["shape"], Shape)
        ranks, vectors = tensors.pop("ranks"), _scaled("rows", tensors)
        found = {name: _scaled(name, tensors) for name in list(tensors) if "." not in name}
        scales = float(about["embed_scale"]), float(about["head_scale"])
    except (OSError, ValueError, KeyError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path} is no file of an embedded model: {error}") from error
    return Weights(shape, *scales, found, ranks, vectors, hashlib.sha256(body).hexdigest())


def _tensors(body: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    size = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + size])
    about = json.loads(header.pop("__metadata__")["nano"])
    found: dict[str, NDArray[Any]] = {}
    for name, item in header.items():
        begin, end = item["data_offsets"]
        raw = np.frombuffer(body[8 + size + begin : 8 + size + end], _KINDS[item["dtype"]])
        found[name] = raw.reshape(item["shape"])
    return found, about


def _scaled(name: str, tensors: dict[str, NDArray[Any]]) -> Vectors:
    """A tensor in float32; its scale, where it has one, is multiplied in, and dropped."""
    tensor: Vectors = tensors.pop(name).astype(np.float32)
    scale = tensors.pop(f"{name}.scale", None)
    return tensor if scale is None else tensor * scale.astype(np.float32)
