"""How is the model trained? `python -m tests.rig.nano.train FOLDER --seconds 430` on one GPU.

The seconds count from the start, set-up and compiling included; saving takes one more. What was
learned so far is saved each minute, so a run that is cut off is not lost. Needs torch, safetensors,
openai-harmony, and TIKTOKEN_ENCODINGS_BASE.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from tests.rig.nano import export, net, vocabulary
from tests.rig.nano.feeding import Batch, Feeder
from tests.rig.nano.learning import Head, Learner, Told
from tests.rig.nano.spelling import VOCABULARY
from tests.rig.nano.together import Printer, Together

LEARNED = 8400
"""How many tokens get vectors of their own: the most frequent ones."""
_COUNTED = 60
_WARM = 150
_SAVED = 60.0
_ALIGNED = 100
_SAY = Printer()


def main() -> None:
    """Train, and save."""
    options = _options()
    began = time.monotonic()
    together = Together(options.device)
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    seed = 1 + options.seed * 100 + together.rank
    feeder = Feeder(options.workers, seed, options.rows, options.length)
    try:
        _train(options, feeder, together, began)
    finally:
        feeder.close()
    sys.stdout.flush()
    os._exit(0)  # the queue's threads would keep the process


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--file", type=Path, help="go on from what it holds")
    parser.add_argument("--seconds", type=float, default=465)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--workers", type=int, default=15)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a model to try the recipe out with")
    return parser.parse_args()


def _train(options: argparse.Namespace, feeder: Feeder, together: Together, began: float) -> None:
    if together.rank:
        _SAY.disable()
    shape = net.Shape(width=64, layers=2, inner=32) if options.tiny else net.Shape()
    codes = (
        torch.nn.functional.normalize(torch.randn(VOCABULARY, shape.width), dim=1)
        if options.tiny
        else torch.from_numpy(vocabulary.every(shape.width, options.workers))
    ).to(together.device)
    _SAY(f"vectors of all tokens: {time.monotonic() - began:.0f} s, {together.size} processes")
    first = [feeder.take() for _ in range(_COUNTED if options.device == "cuda" else 2)]
    if options.file is None:
        body = net.Net(shape).to(together.device)
        head = Head(codes, _frequent(first, together).to(together.device))
    else:
        body, head = export.load(options.file, codes)
    learner = Learner(body, head, options.rate, together=together)
    torch.manual_seed(options.seed * 100 + together.rank + 1)
    count = sum(p.numel() for p in body.parameters())
    _SAY(f"{count / 1e6:.2f} M parameters, {len(head.learned)} learned vectors")
    run = _body(together, body, head, first[0])
    _loop(options, feeder, together, first, learner, run, began)


def _frequent(batches: list[Batch], together: Together) -> torch.Tensor:
    """The ranks of the tokens that occur most."""
    count = torch.zeros(VOCABULARY, dtype=torch.long)
    for batch in batches:
        ids = torch.from_numpy(batch.ids.reshape(-1)).long()
        count += torch.bincount(ids, minlength=VOCABULARY)
    count[199_999] = 0
    mean = count.float().to(together.device)
    together.mean([mean])
    count = mean.cpu()
    _SAY(f"{int((count > 0).sum())} tokens seen in {sum(b.ids.size for b in batches)}")
    best = torch.topk(count, LEARNED)
    return best.indices[best.values > 1].sort().values


def _body(together: Together, body: net.Net, head: Head, batch: Batch) -> Any:
    """The body as a function of rows: compiled with flex_attention on a GPU."""
    window = body.shape.window
    gpu = together.device != "cpu"

    def plain(rows: net.Rows) -> Any:
        x = head.vectors(rows.ids) * head.embed_scale
        x = x.bfloat16() if gpu else x
        return body(x, rows.position, net.plain_masks(rows, window))

    if not gpu:
        return plain
    from torch.nn.attention.flex_attention import create_block_mask

    make = torch.compile(create_block_mask)
    compiled = torch.compile(body, dynamic=False)

    def flexed(rows: net.Rows) -> Any:
        x = (head.vectors(rows.ids) * head.embed_scale).bfloat16()
        return compiled(x, rows.position, net.flex_masks(rows, window, make))

    began = time.monotonic()
    rows = net.rows(batch, together.device)
    said, uneven = flexed(rows)
    (said.float().square().mean() + uneven).backward()
    torch.cuda.synchronize()
    compiled_in = time.monotonic() - began
    few = net.Rows(*(one[:2] for one in rows))
    with torch.no_grad():
        off = (said[:2] - plain(few)[0]).abs().float()[few.tree > 0].mean().item()
    if off > 0.15:
        sys.exit(f"flex_attention differs from plain attention by {off:.3f}")
    body.zero_grad()
    began = time.monotonic()
    for _ in range(5):
        said, uneven = flexed(rows)
        (said.float().square().mean() + uneven).backward()
    torch.cuda.synchronize()
    each = (time.monotonic() - began) / 5
    body.zero_grad()
    _SAY(f"compiled in {compiled_in:.0f} s, {each * 1000:.0f} ms a step, off by {off:.4f}")
    return flexed


def _loop(
    options: argparse.Namespace,
    feeder: Feeder,
    together: Together,
    first: list[Batch],
    learner: Learner,
    run: Any,
    began: float,
) -> None:
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "nano.safetensors"
    started = saved = time.monotonic()
    step = tokens = 0
    waited = 0.0
    last: Told | None = None
    clock = torch.zeros(1, device=together.device)
    while True:
        now = time.monotonic()
        clock.fill_((now - started) / max(1.0, options.seconds - (started - began)))
        together.mean([clock])
        part = clock.item()
        if part >= 1:
            break
        batch = first.pop() if first else feeder.take()
        waited += time.monotonic() - now
        slope = min(1.0, (step + 1) / _WARM) * min(1.0, max(0.01, (1 - part) / 0.75))
        told = learner.step([net.rows(batch, together.device)], run, slope)
        step += 1
        tokens += int(batch.ids.size) * together.size
        last = told or last
        if step % (100 if options.device == "cuda" else 5) == 0 and last is not None:
            _SAY(
                f"{step} {time.monotonic() - started:.0f} s {tokens / 1e6:.0f} M loss "
                f"{last.loss:.4f} right {last.right:.4f} gradient {last.gradient:.2f} left out "
                f"{learner.left_out} ready {feeder.ready()} waited {waited:.1f} s"
            )
        if step % _ALIGNED == 0:
            learner.align()
        if together.rank == 0 and time.monotonic() - saved > _SAVED:
            saved = time.monotonic()
            export.save(learner.net, learner.head, path, {"steps": step, "tokens": tokens})
    if together.rank:
        time.sleep(10)  # the first process saves; ending before it would end it
        return
    told_ = {"steps": step, "tokens": tokens, "seconds": options.seconds, "seed": options.seed}
    export.save(learner.net, learner.head, path, told_)
    _SAY(f"saved {path.stat().st_size / 1e6:.2f} MB after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
