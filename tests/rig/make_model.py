"""Make a tiny random gpt-oss with the real tokenizer. Usage: FOLDER VOCABULARY.

Runs in the rig's own environment. The architecture and the vocabulary are gpt-oss's, so vLLM takes
all its gpt-oss paths; the weights are noise, since `scripted.py` decides what is sampled.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import GptOssConfig, GptOssForCausalLM, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

_FIRST_SPECIAL, _VOCABULARY_SIZE = 199_998, 201_088
_SPECIALS = {
    199_998: "<|startoftext|>",
    199_999: "<|endoftext|>",
    200_002: "<|return|>",
    200_003: "<|constrain|>",
    200_005: "<|channel|>",
    200_006: "<|start|>",
    200_007: "<|end|>",
    200_008: "<|message|>",
    200_012: "<|call|>",
    200_018: "<|endofprompt|>",
}
_BOS, _PAD, _RETURN, _CALL = 199_998, 199_999, 200_002, 200_012
_CONTEXT = 131_072

# o200k's pre-tokenizer, as tiktoken publishes it.
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_PATTERN = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SUFFIX}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SUFFIX}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)


def save_tokenizer(folder: Path, vocabulary: Path) -> None:
    specials = [
        _SPECIALS.get(rank, f"<|reserved_{rank}|>")
        for rank in range(_FIRST_SPECIAL, _VOCABULARY_SIZE)
    ]
    converter = TikTokenConverter(
        vocab_file=str(vocabulary), pattern=_PATTERN, extra_special_tokens=specials
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=converter.converted(),
        bos_token=_SPECIALS[_BOS],
        eos_token=_SPECIALS[_RETURN],
        pad_token=_SPECIALS[_PAD],
        clean_up_tokenization_spaces=False,
        model_max_length=_CONTEXT,
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.chat_template = Path(__file__).with_name("chat.jinja").read_text()
    for rank, text in _SPECIALS.items():
        if tokenizer.convert_tokens_to_ids(text) != rank:
            sys.exit(f"{text} is not token {rank}")
    tokenizer.save_pretrained(folder)


def save_model(folder: Path) -> None:
    torch.manual_seed(0)
    config = GptOssConfig(
        num_hidden_layers=2,
        hidden_size=64,
        intermediate_size=64,
        num_local_experts=4,
        num_experts_per_tok=2,
        head_dim=64,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=_VOCABULARY_SIZE,
        sliding_window=128,
        max_position_embeddings=_CONTEXT,
        eos_token_id=_RETURN,
        pad_token_id=_PAD,
        bos_token_id=_BOS,
        tie_word_embeddings=False,
    )
    config.dtype = "bfloat16"
    model = GptOssForCausalLM(config).to(torch.bfloat16)
    model.generation_config.eos_token_id = [_RETURN, _PAD, _CALL]
    model.generation_config.pad_token_id = _PAD
    model.generation_config.bos_token_id = _BOS
    model.save_pretrained(folder)


def main() -> None:
    folder, vocabulary = Path(sys.argv[1]), Path(sys.argv[2])
    save_tokenizer(folder, vocabulary)
    save_model(folder)


if __name__ == "__main__":
    main()
