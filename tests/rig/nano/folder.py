"""How is the model's file made into a Hugging Face folder, for transformers and vLLM?

`python -m tests.rig.nano.folder FILE FOLDER VOCABULARY`, in the rig's environment: torch,
transformers, safetensors, openai_harmony and TIKTOKEN_ENCODINGS_BASE. VOCABULARY is the file
o200k_base.tiktoken. 224 MB in half a minute: the vectors of all tokens are written out, twice, for
vLLM ties none. `python -m tests.rig serve --model nano` makes the folder by itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tests.rig.make_model import save_tokenizer
from tests.rig.nano import vocabulary
from tests.rig.nano.spelling import VOCABULARY
from tests.rig.versions import NANO_CONTEXT
from toolrun.models.nano.weights import Weights, read

if TYPE_CHECKING:
    from toolrun.models.nano.codes import Vectors

_RETURN, _PAD, _CALL, _BOS = 200_002, 199_999, 200_012, 199_998


def table(weights: Weights, workers: int = 1) -> Vectors:
    """The vectors of all tokens."""
    found = vocabulary.every(weights.shape.width, workers)
    found[weights.ranks] = weights.vectors
    return found


def state(weights: Weights, rows: Vectors) -> dict[str, torch.Tensor]:
    """The weights by the names that transformers gives them."""
    w = {name: torch.from_numpy(array) for name, array in weights.body.items()}
    every = torch.from_numpy(rows)
    found = {
        "model.embed_tokens.weight": every * weights.embed_scale,
        "lm_head.weight": every * weights.head_scale,
        "model.norm.weight": w["norm"],
    }
    for layer in range(weights.shape.layers):
        at = f"model.layers.{layer}."
        for name in "qkvo":
            found[f"{at}self_attn.{name}_proj.weight"] = w[name][layer].t()
            found[f"{at}self_attn.{name}_proj.bias"] = w[f"{name}_bias"][layer]
        found[f"{at}self_attn.sinks"] = w["sinks"][layer]
        found[f"{at}input_layernorm.weight"] = w["norm_1"][layer]
        found[f"{at}post_attention_layernorm.weight"] = w["norm_2"][layer]
        found[f"{at}mlp.router.weight"] = w["router"][layer]
        found[f"{at}mlp.router.bias"] = w["router_bias"][layer]
        for name, here in (("gate_up", "gate_up_proj"), ("down", "down_proj")):
            found[f"{at}mlp.experts.{here}"] = w[name][layer]
            found[f"{at}mlp.experts.{here}_bias"] = w[f"{name}_bias"][layer]
    return {name: tensor.contiguous() for name, tensor in found.items()}


def config(weights: Weights) -> Any:
    """The sizes as transformers has them. vLLM always builds YaRN; with factor 1 it is none."""
    from transformers import GptOssConfig

    s = weights.shape
    found = GptOssConfig(
        num_hidden_layers=s.layers,
        hidden_size=s.width,
        intermediate_size=s.inner,
        num_local_experts=s.experts,
        num_experts_per_tok=s.active,
        head_dim=s.head,
        num_attention_heads=s.heads,
        num_key_value_heads=s.kv_heads,
        vocab_size=VOCABULARY,
        sliding_window=s.window,
        max_position_embeddings=NANO_CONTEXT,
        eos_token_id=_RETURN,
        pad_token_id=_PAD,
        bos_token_id=_BOS,
        tie_word_embeddings=False,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": s.theta,
            "factor": 1.0,
            "original_max_position_embeddings": NANO_CONTEXT,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "truncate": False,
        },
    )
    found.architectures = ["GptOssForCausalLM"]
    return found


def model(weights: Weights, rows: Vectors, dtype: Any = torch.float32) -> Any:
    """The model as transformers runs it."""
    from transformers import GptOssForCausalLM

    found = GptOssForCausalLM(config(weights)).to(dtype)
    found.load_state_dict({name: tensor.to(dtype) for name, tensor in state(weights, rows).items()})
    found.eval()
    return found


def save(path: Path, folder: Path, vocabulary_file: Path, workers: int = 1) -> None:
    """Write the folder."""
    weights = read(path)
    found = model(weights, table(weights, workers), torch.bfloat16)
    found.config.dtype = "bfloat16"
    found.generation_config.eos_token_id = [_RETURN, _PAD, _CALL]
    found.generation_config.pad_token_id = _PAD
    found.generation_config.bos_token_id = _BOS
    folder.mkdir(parents=True, exist_ok=True)
    found.save_pretrained(folder)
    save_tokenizer(folder, vocabulary_file)


if __name__ == "__main__":
    save(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), os.cpu_count() or 1)
