"""How is the model tuned, without a GPU? `python -m tests.rig.nano.tuning FOLDER`.

It goes on from the file that ships, at a low rate that falls to nothing at the end of its seconds,
on one core for each process (`torch.distributed.run` starts several; see `together`).
`FOLDER/nano.safetensors` is written anew every five minutes. Needs torch with a C++ compiler,
safetensors, openai-harmony, and TIKTOKEN_ENCODINGS_BASE.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from tests.rig.nano import export, net, vocabulary
from tests.rig.nano.conversations import Writer
from tests.rig.nano.feeding import packed
from tests.rig.nano.learning import Learner, Told
from tests.rig.nano.onecore import OneCore
from tests.rig.nano.spelling import encoding
from tests.rig.nano.together import Printer, Together
from toolrun.models.nano.sampler import NanoSampler
from toolrun.models.nano.weights import FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.models.nano.words import Words

Said: TypeAlias = "Callable[[net.Rows], tuple[torch.Tensor, torch.Tensor]]"
_WARM = 20
_MOST_OFF = 0.15
_SEED = 123
_COUNTED = 2000
_SAVED = 300.0
_TOLD = 10
_OTHERS = 2048
_SAY = Printer()


def main() -> None:
    """Tune, and save."""
    options = _options()
    began = time.monotonic()
    torch.set_num_threads(1)
    together = Together("cpu")
    if together.rank:
        _SAY.disable()
    torch.manual_seed(options.seed * 100 + together.rank)
    codes = _codes(options.folder)
    also = unsaid(NanoSampler(options.file).voice().words, Writer(), _COUNTED)
    body, head = export.load(options.file, codes, also)
    learner = Learner(body, head, options.rate, _OTHERS, together)
    _SAY(f"{together.size} processes, ready after {time.monotonic() - began:.0f} s: {options}")
    _SAY(f"{len(also)} more tokens with vectors of their own: {encoding().decode(also)}")
    _loop(options, learner, together)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--file", type=Path, default=FILE, help="the file to go on from")
    parser.add_argument("--seconds", type=float, default=3600, help="0: only widen and save")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--rows", type=int, default=8, help="of a step, in each process")
    parser.add_argument("--length", type=int, default=1024)
    return parser.parse_args()


def _codes(folder: Path) -> torch.Tensor:
    """The vectors of all tokens; they are kept, for computing them takes minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "codes.npy"
    if not path.exists():
        np.save(path, vocabulary.every(net.Shape().width, 1))
    return torch.from_numpy(np.load(path))


def unsaid(words: Words, writer: Writer, count: int) -> list[int]:
    """The tokens that so many trees want said, and that are neither learned nor copied."""
    learned, r = frozenset(words.learned.tolist()), Random(_SEED)
    found: set[int] = set()
    for _ in range(count):
        tree = writer.tree(r)
        for branch in tree.branches:
            pairs = list(zip(branch.ids, branch.learned, strict=True))
            new = {token for token, said in pairs if said} - learned
            if new:
                read = [*tree.head, *(token for token, said in pairs if not said)]
                found |= new - {*words.sayable(read).tolist()}
    return sorted(found)


def _loop(options: argparse.Namespace, learner: Learner, together: Together) -> None:
    path = options.folder / "nano.safetensors"
    run = OneCore(learner.net, compiled=True)
    writer, r = Writer(), Random(options.seed * 1000 + together.rank + 500_000)

    def said(rows: net.Rows) -> tuple[torch.Tensor, torch.Tensor]:
        return run(learner.head.vectors(rows.ids) * learner.head.embed_scale, rows)

    off = _off(learner, said, net.rows(packed(writer, Random(_SEED), 1, options.length), "cpu"))
    if off > _MOST_OFF:
        sys.exit(f"the body on one core differs from the plain one by {off:.3f}")
    began = saved = time.monotonic()
    step, tokens, recent = 0, 0, []
    clock = torch.zeros(1)
    while True:
        clock.fill_((time.monotonic() - began) / options.seconds if options.seconds else 1.0)
        together.mean([clock])
        if clock.item() >= 1:
            break
        batch = [net.rows(packed(writer, r, 1, options.length), "cpu") for _ in range(options.rows)]
        told = learner.step(batch, said, min((step + 1) / _WARM, 1.0) * (1 - clock.item()))
        step += 1
        tokens += sum(int((rows.tree > 0).sum()) for rows in batch) * together.size
        if told is not None:
            recent.append(told)
        if step % _TOLD == 0 and recent:
            _tell(step, time.monotonic() - began, tokens, recent)
            recent = []
            ctypes.CDLL(None).malloc_trim(0)  # sizes differ from step to step; glibc keeps the gaps
        if step % 50 == 0:
            learner.align()
        if together.rank == 0 and time.monotonic() - saved > _SAVED:
            saved = time.monotonic()
            export.save(learner.net, learner.head, path, {"tuned": step, "tokens": tokens})
    if together.rank == 0:
        about = {"tuned": step, "tokens": tokens, "seconds": options.seconds, "seed": options.seed}
        export.save(learner.net, learner.head, path, about)
        _SAY(f"saved {path.stat().st_size / 1e6:.2f} MB after {step} steps, {tokens} tokens")


@torch.no_grad()  # type: ignore[untyped-decorator]
def _off(learner: Learner, said: Said, rows: net.Rows) -> float:
    """How far the body's vectors are from those in float32 with masks of all tokens."""
    body, head = learner.net, learner.head
    masks = net.plain_masks(rows, body.shape.window)
    plain, _ = body(head.vectors(rows.ids) * head.embed_scale, rows.position, masks)
    return float((said(rows)[0] - plain).abs()[rows.tree > 0].mean())


def _tell(step: int, seconds: float, tokens: int, recent: list[Told]) -> None:
    loss, right, size = (sum(numbers) / len(recent) for numbers in zip(*recent, strict=True))
    _SAY(
        f"{step} {seconds:.0f} s {tokens / 1e6:.2f} M loss {loss:.4f} right {right:.4f} "
        f"gradient {size:.2f}"
    )


if __name__ == "__main__":
    main()
