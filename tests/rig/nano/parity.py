"""Do the runtime, transformers and vLLM say the same? `python -m tests.rig.nano.parity FILE`.

Greedy replies to unseen prompts by the runtime in numpy, by transformers in float32 and bfloat16,
which compares the whole vocabulary, and by each server that `--server URL` names (`python -m
tests.rig serve --model nano`); `replies` says how they are compared. `parity.txt` is what it
printed for the file that ships.

It runs in an environment of the rig's (`tests/rig/README.md`): torch, transformers, openai_harmony
and TIKTOKEN_ENCODINGS_BASE; making the vectors of the whole vocabulary takes half a minute.
"""

from __future__ import annotations

import argparse
import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tests.rig.nano import folder
from tests.rig.nano.replies import Compared, Reply, beside, prompts
from toolrun.models.nano.sampler import NanoSampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LIKELIEST = 5
"""Of how many tokens the logits are compared: as many as a server tells."""
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=100, help="prompts")
    parser.add_argument("--server", action="append", default=[], help="root URL; may be repeated")
    options = parser.parse_args()
    voice = NanoSampler(options.file).voice()
    _print([f"{options.count} prompts; the file's sha256 is {voice.weights.sha256}"])
    replies = [Reply(voice, prompt) for prompt in prompts(options.count)]
    for root in options.server:
        _print(beside(root, replies).lines(f"vLLM {_version(root)}, bfloat16"))
    rows = folder.table(voice.weights)
    for name, dtype in _DTYPES.items():
        model = folder.model(voice.weights, rows, dtype)
        _print(transformed(model, replies).lines(f"transformers, {name}"))


def transformed(model: Any, replies: Sequence[Reply]) -> Compared:
    """What transformers' model holds for the likeliest at each token of the replies."""
    found = Compared()
    for reply in replies:
        logits = _logits(model, [*reply.prompt, *reply.said[:-1]], len(reply.said))
        found.note(reply, logits.argmax(-1).tolist())
        for at, row in enumerate(logits):
            likely = np.argpartition(-row, _LIKELIEST)[:_LIKELIEST]
            found.apart += np.abs(reply.scores(at, likely.tolist()) - row[likely]).tolist()
    return found


@torch.no_grad()  # type: ignore[untyped-decorator]
def _logits(model: Any, ids: list[int], last: int) -> NDArray[np.float32]:
    """The logits after the last so many tokens, of the whole vocabulary."""
    found = model(torch.tensor([ids]), logits_to_keep=last).logits[0]
    array: NDArray[np.float32] = found.float().numpy()
    return array


def _version(root: str) -> str:
    with urllib.request.urlopen(f"{root}/version", timeout=10) as answer:
        return str(json.load(answer)["version"]).partition("+")[0]


def _print(lines: list[str]) -> None:
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    main()
