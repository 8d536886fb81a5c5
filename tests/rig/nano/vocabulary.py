"""What are the vectors of all tokens, before anything is learned?"""

from __future__ import annotations

import multiprocessing
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tests.rig.nano.spelling import VOCABULARY, ordinary, token_texts
from toolrun.models.nano.codes import vectors

if TYPE_CHECKING:
    from toolrun.models.nano.codes import Vectors


def spell(text: str) -> tuple[str, ...]:
    """The texts of the tokens that spell a text; see `codes.Spell`."""
    found = [token_texts()[rank] for rank in ordinary(text)]
    return tuple(one for one in found if one is not None) if None not in found else ()


def some(ranks: range, width: int) -> Vectors:
    """The vectors of some tokens."""
    texts = token_texts()
    return vectors(((rank, texts[rank]) for rank in ranks), spell, width)


def every(width: int, workers: int) -> Vectors:
    """The vectors of all tokens, a row for each."""
    if workers < 2:
        return some(range(VOCABULARY), width)
    size = -(-VOCABULARY // (3 * workers))
    parts = [range(at, min(at + size, VOCABULARY)) for at in range(0, VOCABULARY, size)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        return np.concatenate(pool.map(partial(some, width=width), parts))
