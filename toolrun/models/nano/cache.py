"""What is kept of the tokens so far? Their keys and values, 16 KB a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from toolrun.models.nano.codes import Vectors
    from toolrun.models.nano.weights import Shape

CONTEXT = 4096
"""How many tokens there can be in all; the positions of a model served by vLLM end there, too."""
_GROWTH = 256


class Cache:
    """Keys and values.

    Attributes:
        length: of how many tokens. Setting it to less forgets the last ones.
        kept: by layer: keys, then values, of each head; a row for each token.
    """

    def __init__(self, shape: Shape) -> None:
        self.length = 0
        self._heads, self._width = (shape.layers, 2 * shape.kv_heads), shape.head
        self.kept: Vectors = self._empty(0)

    def room(self, more: int) -> None:
        """Make room for more tokens."""
        have, need = self.kept.shape[2], self.length + more
        if need > have:
            # half as many again: a copy now and then, and no great room that nothing fills
            self.kept = self._copied(self.length, max(need, min(have + have // 2, CONTEXT)))

    def copy(self, length: int) -> Cache:
        """A cache of the first tokens; neither hears of what is read into the other."""
        found = object.__new__(Cache)
        found.length, found._heads, found._width = length, self._heads, self._width
        found.kept = self._copied(length, length + 1)
        return found

    def _copied(self, length: int, size: int) -> Vectors:
        grown = self._empty(size)
        grown[:, :, :length] = self.kept[:, :, :length]
        return grown

    def _empty(self, size: int) -> Vectors:
        size = -(-size // _GROWTH) * _GROWTH
        return np.empty((*self._heads, size, self._width), np.float32)
