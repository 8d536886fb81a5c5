"""What will probably be said next? Guesses, which the model then reads all at once, and judges.

Much of what it says is said each time (`<|end|><|start|>assistant`). A guess never changes a reply:
where the model says another token, the rest of the guess is dropped. What it copies is not guessed:
that a text goes on as it did before is too seldom right to be worth reading more at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = Path(__file__).with_name("drafts.npy")
"""Rows: the tokens before (-1 where fewer count), the token, how often of a hundred times. Made by
`python -m tests.rig.nano.drafts`."""
LONGEST = 3
"""So many tokens before are looked at."""
_SURE = 0.5
"""A guess that is less probable as a whole goes no further."""
_LEAST = 2
"""A guess of fewer tokens is not worth it: reading two at once takes almost twice as long."""


def usual(path: Path = FILE) -> dict[tuple[int, ...], tuple[int, float]]:
    """What is usually said after some tokens, and how probably."""
    found: dict[tuple[int, ...], tuple[int, float]] = {}
    for *before, token, percent in np.load(path).tolist():
        found[tuple(one for one in before if one >= 0)] = token, percent / 100
    return found


class Drafts:
    """Guesses for one step.

    Args:
        usual: what is usually said.
        read: the prompt.
    """

    def __init__(
        self, usual: Mapping[tuple[int, ...], tuple[int, float]], read: Sequence[int]
    ) -> None:
        self._usual = usual
        self._last = list(read[-LONGEST:])

    def heard(self, token: int) -> None:
        """A token was said."""
        self._last = [*self._last[1 - LONGEST :], token]

    def guess(self, most: int) -> list[int]:
        """What will come: up to so many tokens, or none."""
        found: list[int] = []
        chance = 1.0
        while len(found) < most:
            token, probably = self._next([*self._last, *found])
            chance *= probably
            if chance < _SURE:
                break
            found.append(token)
        return found if len(found) >= _LEAST else []

    def _next(self, said: Sequence[int]) -> tuple[int, float]:
        found = (self._usual.get(tuple(said[-count:])) for count in range(LONGEST, 0, -1))
        return next((one for one in found if one is not None), (0, 0.0))
