"""Does the runtime say what transformers says? `python -m tests.rig.nano.parity FILE`, in the rig.

Greedy replies to unseen prompts, compared token by token with transformers' likeliest of the whole
vocabulary, and what is compared with tokens' vectors, number by number. Needs torch, transformers,
openai_harmony and TIKTOKEN_ENCODINGS_BASE; making the whole vocabulary takes half a minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

import numpy as np
import torch

from tests.rig.nano import folder
from tests.rig.nano.conversations import Writer
from tests.rig.nano.spelling import encoding
from toolrun.models.harmony.tokens import CALL, RETURN
from toolrun.models.nano.body import Body
from toolrun.models.nano.run import Run, Voice
from toolrun.models.nano.weights import read
from toolrun.models.nano.words import Words
from toolrun.values import Sampling

_SEED = 77
_LONGEST = 120


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=100, help="prompts")
    options = parser.parse_args()
    weights = read(options.file)
    rows = folder.table(weights)
    other = folder.model(weights, rows)
    voice = Voice(weights, Body(weights), Words(weights, encoding()))
    writer, r = Writer(), Random(_SEED)
    same, count, most = 0, 0, 0.0
    while count < options.count:
        for sample in writer.samples(r)[:1]:
            run = Run(voice, sample.prompt, (CALL, RETURN), Sampling(max_tokens=_LONGEST))
            while run.reason is None:
                run.advance(_LONGEST)
            ids = [*sample.prompt, *run.said]
            said = slice(len(sample.prompt) - 1, -1)
            with torch.no_grad():
                wanted = other(torch.tensor([ids])).logits[0, said].numpy()
            vectors = voice.words.vectors(ids) * np.float32(weights.embed_scale)
            ours = voice.body.read(vectors, voice.body.cache())[said]
            scores = ours @ (rows * np.float32(weights.head_scale)).T
            most = max(most, float(np.abs(scores - wanted).max()))
            same += wanted.argmax(-1).tolist() == run.said
            count += 1
    print(f"{same} of {count} replies the same; logits differ by {most:.6f} at most")


if __name__ == "__main__":
    main()
