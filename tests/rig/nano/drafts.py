"""What does the model usually say? `python -m tests.rig.nano.drafts` writes the table of it.

Counted in made-up conversations: no model is asked, so the table fits whatever was trained on them.
It takes some seconds, and no GPU.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tests.rig.nano.conversations import Writer
from tests.rig.nano.spelling import canonical
from toolrun.models.nano.drafts import FILE, LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

Counts: TypeAlias = "dict[tuple[int, ...], Counter[int]]"
_OPENING = "<|start|>assistant"
_SEED = 31_337
_SAYINGS = 6_000
_OFTEN = 8
"""What was heard less often tells nothing."""
_LIKELY = 0.3
_APART = 0.1


def sayings(count: int, seed: int = _SEED) -> Iterator[list[int]]:
    """What is to be learned of made-up conversations, with what opens it."""
    writer, r = Writer(), Random(seed)
    opening = canonical(_OPENING)
    while count > 0:
        for ids, learned in writer.tree(r).branches:
            ends = [0, *(i for i in range(1, len(ids)) if learned[i] != learned[i - 1]), len(ids)]
            for begin, end in pairwise(ends):
                if learned[begin]:
                    count -= 1
                    yield opening + ids[begin:end]


def table(count: int = _SAYINGS) -> list[tuple[int, ...]]:
    """Rows for `drafts.FILE`: more tokens before only where they tell more than fewer do."""
    counts: Counts = defaultdict(Counter)
    opened = len(canonical(_OPENING))
    for said in sayings(count):
        for place in range(opened, len(said)):
            for size in range(1, min(LONGEST, place) + 1):
                counts[tuple(said[place - size : place])][said[place]] += 1
    found: dict[tuple[int, ...], tuple[int, float]] = {}
    for before in sorted(counts, key=lambda one: (len(one), one)):
        row = _row(counts[before], _shorter(found, before))
        if row is not None:
            found[before] = row
    return [
        (*[-1] * (LONGEST - len(before)), *before, token, round(100 * chance))
        for before, (token, chance) in found.items()
    ]


def _shorter(
    found: dict[tuple[int, ...], tuple[int, float]], before: tuple[int, ...]
) -> tuple[int, float] | None:
    shorter = (found.get(before[cut:]) for cut in range(1, len(before)))
    return next((one for one in shorter if one is not None), None)


def _row(heard: Counter[int], shorter: tuple[int, float] | None) -> tuple[int, float] | None:
    """The likeliest token and its chance; no chance where fewer tokens promised too much."""
    if heard.total() < _OFTEN:
        return None
    [(token, times)] = heard.most_common(1)
    chance = times / heard.total()
    if chance < _LIKELY:
        return (0, 0.0) if shorter else None
    if shorter and shorter[0] == token and abs(shorter[1] - chance) <= _APART:
        return None
    return token, chance


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("file", type=Path, nargs="?", default=FILE)
    rows = table()
    path = parser.parse_args().file
    np.save(path, np.array(rows, np.int32))
    print(f"{path}: {len(rows)} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
