"""Which tokens can be said, and what are their vectors?

The model says tokens whose vectors were learned, or copies: tokens of its prompt, and those that
spell a word of it where another sign stands before it, or that begin it with another first letter,
small or capital. So only these are compared with what it wants to say: some 9,000, not 201,088. A
token outside of them would be one that it makes up.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from toolrun.models.nano.codes import vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolrun.models.nano.codes import Vectors
    from toolrun.models.nano.weights import Weights

ORDINARY = 199_998
"""Ids from here on are marks, or nothing."""
_LEADS = ("", " ", ".", "_")
_SIGNS = (
    "[::-", "[::", "[:-", "[:", "[-", "['", '["', "']", '"]', "])", "]))", ")]", "())", "()))",
    "{'", "'}", "**", "//", "==", "!=", "<=", ">=", "+=", "->",
)  # fmt: skip
"""Signs of Python that no request holds, and that what is written for it may need."""
_SIZE = 201_088
_WORD = re.compile(r"[^\W_]+")


class Words:
    """The vocabulary as a model sees it.

    Args:
        weights: with the vectors that were learned.
        encoding: harmony's, which spells.
    """

    def __init__(self, weights: Weights, encoding: Any) -> None:
        self._width = weights.shape.width
        self._encoding = encoding
        self.learned: NDArray[np.int32] = weights.ranks
        self._vectors = weights.vectors
        self._place = np.full(_SIZE, -1, np.int32)
        self._place[weights.ranks] = np.arange(len(weights.ranks), dtype=np.int32)
        self._computed: dict[int, Vectors] = {}
        self._near = lru_cache(20_000)(self._beside)
        self._whole = lru_cache(10_000)(self._spelling)
        self._text = lru_cache(50_000)(self._decoded)
        self._signs = {self._encode(sign)[0] for sign in _SIGNS}

    def vectors(self, ranks: Sequence[int] | NDArray[np.int32]) -> Vectors:
        """The vectors of tokens, a row for each."""
        asked = np.asarray(ranks, np.int32)
        places = self._place[asked]
        found = self._vectors[np.maximum(places, 0)]
        unknown = np.nonzero(places < 0)[0]
        if len(unknown):
            self._compute({int(asked[i]) for i in unknown})
            for i in unknown:
                found[i] = self._computed[int(asked[i])]
        return found

    def sayable(self, read: Sequence[int]) -> NDArray[np.int32]:
        """The tokens that can be said after these were read: those that were not learned."""
        beside = {rank for token in set(read) for rank in self._near(token)}
        beside.update(self._signs, *map(self._whole, self._read_words(read)))
        return np.array(sorted(r for r in beside if self._place[r] < 0), np.int32)

    def _read_words(self, read: Sequence[int]) -> set[str]:
        """The words of what was read, also those that take several tokens."""
        texts = (
            self._encoding.decode(list(tokens))
            for ordinary, tokens in groupby(read, ORDINARY.__gt__)
            if ordinary
        )
        return {word for text in texts for word in _WORD.findall(text)}

    def _compute(self, ranks: set[int]) -> None:
        missing = sorted(ranks - self._computed.keys())
        rows = vectors(((rank, self._text(rank)) for rank in missing), self._spelled, self._width)
        self._computed.update(zip(missing, rows, strict=True))

    def _beside(self, token: int) -> frozenset[int]:
        """A token, and those that spell its word with another sign before it, or none."""
        text = self._text(token)
        if not text:
            return frozenset((token,))
        body = _bare(text)
        found = {token, *self._encode(body)}
        for cut in range(1, min(len(body), 5)):
            found.update(self._encode(body[cut:])[:1])
        for lead in _LEADS[1:]:
            spelled = self._encode(lead + body)
            found.update(spelled[:1] if len(spelled) > 1 else spelled)
        return frozenset(found | self._begun(_other(body)))

    def _spelling(self, word: str) -> frozenset[int]:
        """The tokens of a whole word of the prompt, and those that begin it behind another sign."""
        return frozenset({*self._encode(word)} | self._begun(word) | self._begun(_other(word)))

    def _begun(self, word: str) -> set[int]:
        """The tokens that begin a word behind each sign."""
        return {self._encode(lead + word)[0] for lead in _LEADS}

    def _encode(self, text: str) -> Sequence[int]:
        return tuple(self._encoding.encode(text, disallowed_special=()))

    def _spelled(self, text: str) -> tuple[str, ...]:
        found = [self._text(rank) for rank in self._encode(text)]
        known = tuple(one for one in found if one is not None)
        return known if len(known) == len(found) else ()

    def _decoded(self, rank: int) -> str | None:
        """The text of a token; None for marks and for parts of characters."""
        if rank >= ORDINARY:
            return None
        text = str(self._encoding.decode([rank]))
        return None if "\N{REPLACEMENT CHARACTER}" in text else text


def _other(word: str) -> str:
    """A word with a capital where it has none, without where it has: "bitcoin", "Bitcoin"."""
    return word.capitalize() if word.islower() else word.lower()


def _bare(text: str) -> str:
    """A token's text without the sign before its word."""
    return text[1:] if len(text) > 1 and not text[0].isalnum() else text
