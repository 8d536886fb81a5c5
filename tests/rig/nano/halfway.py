"""What lies between two files? `python -m tests.rig.nano.halfway AFTER OUT --share 0.5`.

Weights between two of one training average what the last rows taught, and are better than either.
Needs torch, safetensors and TIKTOKEN_ENCODINGS_BASE.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from tests.rig.nano import export
from tests.rig.nano.spelling import VOCABULARY, token_texts
from tests.rig.nano.vocabulary import spell
from toolrun.models.nano.codes import vectors
from toolrun.models.nano.weights import FILE, Weights, read


def main() -> None:
    """Mix, and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("after", type=Path, help="of a training that went on")
    parser.add_argument("out", type=Path)
    parser.add_argument("--before", type=Path, default=FILE, help="what it went on from")
    parser.add_argument("--share", type=float, default=0.5, help="of the way that is gone")
    options = parser.parse_args()
    mix(options.before, options.after, options.out, options.share)


@torch.no_grad()  # type: ignore[untyped-decorator]
def mix(before: Path, after: Path, out: Path, share: float) -> None:
    """Write what lies between.

    Args:
        before: a file.
        after: another; the tokens with learned vectors are those of both.
        out: the file that is written.
        share: 0: as before; 1: as after.
    """
    two = read(before), read(after)
    codes = _codes(*two)
    every = [*two[0].ranks.tolist(), *two[1].ranks.tolist()]
    (net, head), (other, heads) = (export.load(path, codes, every) for path in (before, after))
    for weight, to in zip(net.parameters(), other.parameters(), strict=True):
        weight.lerp_(to, share)
    was, now = (one.vectors(one.learned) for one in (head, heads))
    place = torch.zeros(VOCABULARY, dtype=torch.long)
    place[heads.learned] = torch.arange(len(heads.learned))
    head.corrections.add_(now[place[head.learned]] - was, alpha=share)
    head.scale.lerp_(heads.scale, share)
    export.save(net, head, out, {"share": share, "of": [one.sha256 for one in two]})


def _codes(one: Weights, two: Weights) -> torch.Tensor:
    """The computed vectors of the tokens that one file learned and the other did not."""
    width = one.shape.width
    only = sorted({*one.ranks.tolist()} ^ {*two.ranks.tolist()})
    found = torch.zeros(VOCABULARY, width)
    texts = token_texts()
    found[only] = torch.from_numpy(vectors(((rank, texts[rank]) for rank in only), spell, width))
    return found


if __name__ == "__main__":
    main()
