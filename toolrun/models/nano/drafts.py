"""What will probably be said next? Guesses, which the model then reads all at once, and judges.

Much of what it says is said each time (`<|end|><|start|>assistant`), or stands in the prompt. A
guess never changes a reply: where the model says another token, the rest of the guess is dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

FILE = Path(__file__).with_name("drafts.npy")
"""Rows: the tokens before (-1 where fewer count), the token, how often of a hundred times. Made by
`python -m tests.rig.nano.drafts`."""
LONGEST = 3
"""So many tokens before are looked at."""
_COPIED = (0.0, 0.2, 0.4, 0.6, 0.65, 0.65, 0.7)
"""How probably a text goes on as it did before, by the number of tokens that are the same."""
_SURE = 0.5
"""A guess that is less probable as a whole goes no further."""
_LEAST = 2
"""A guess of fewer tokens is not worth it: reading two at once takes almost twice as long."""
_LOOKED = 24


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
        word: what a token has in common with others that spell the same word.
        read: the prompt.
    """

    def __init__(
        self,
        usual: Mapping[tuple[int, ...], tuple[int, float]],
        word: Callable[[int], Hashable],
        read: Sequence[int],
    ) -> None:
        self._usual, self._word = usual, word
        self._tokens: list[int] = []
        self._words: list[Hashable] = []
        self._places: dict[Hashable, list[int]] = {}
        for token in read:
            self.heard(token)

    def heard(self, token: int) -> None:
        """A token was said."""
        word = self._word(token)
        self._places.setdefault(word, []).append(len(self._tokens))
        self._tokens.append(token)
        self._words.append(word)

    def guess(self, most: int) -> list[int]:
        """What will come: up to so many tokens, or none."""
        found: list[int] = []
        chance = 1.0
        while len(found) < most:
            token, probably = self._next()
            chance *= probably
            if chance < _SURE:
                break
            found.append(token)
            self.heard(token)
        for _ in found:
            self._places[self._words.pop()].pop()
            self._tokens.pop()
        return found if len(found) >= _LEAST else []

    def _next(self) -> tuple[int, float]:
        for count in range(LONGEST, 0, -1):
            known = self._usual.get(tuple(self._tokens[-count:]))
            if known is not None:
                return known if known[1] else self._copied()
        return self._copied()

    def _copied(self) -> tuple[int, float]:
        """What came where the last tokens stood before: the longest that are the same decide."""
        words, last = self._words, len(self._words) - 1
        best, place = 0, 0
        for other in reversed(self._places[words[last]][-_LOOKED - 1 : -1]):
            same = 1
            while (
                same < len(_COPIED) - 1
                and same <= other
                and words[other - same] == words[last - same]
            ):
                same += 1
            if same > best:
                best, place = same, other
        return self._tokens[place + 1] if best else 0, _COPIED[best]
