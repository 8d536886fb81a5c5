"""Where is each token of the vocabulary in the embedded model's space, with no table to store?

A token's vector is computed from its spelling: lead (a space, a dot), core (its letters, lower
case), case, last letters, and the tokens that spell it where no space stands before it. So
" Paris", "Paris" and ".paris" are neighbours, " Reykjav" is near "Re", "yk" and "jav", and a word
that was never seen in training can be copied. Each part is a vector of signs out of SHAKE-256: the
vectors are the same on every machine. Frequent tokens have learned vectors instead (`weights`).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float32]"
Spell: TypeAlias = "Callable[[str], tuple[str, ...]]"
"""The texts of the tokens that spell a text; nothing where they are no text by themselves."""

_WORD, _LEAD, _CASE, _RANK = 1.0, 0.35, 0.35, 0.15
_BROKEN = 0.7
"""The weight of the word of a token that several tokens spell where no space stands before it."""
_PIECES = (0.65, 0.5, 0.4, 0.3)
"""The weights of those tokens' words: the first is the nearest, then, without it, the second."""
_COUNT, _LED, _TAIL, _LENGTH, _FIRST = 0.3, 0.2, 0.1, 0.1, 0.2
_LONGEST = 12


def vectors(tokens: Iterable[tuple[int, str | None]], spell: Spell, width: int) -> Vectors:
    """The vectors of some tokens, a row for each, each of length 1.

    Args:
        tokens: rank and text of each; None for what is no text by itself.
        spell: spells a text without a space before it.
        width: of a row; a multiple of 8.
    """
    found = [_vector(rank, text, spell, width) for rank, text in tokens]
    return np.stack(found) if found else np.zeros((0, width), np.float32)


def _vector(rank: int, text: str | None, spell: Spell, width: int) -> Vectors:
    total = np.zeros(width, np.float32)
    for weight, name in _parts(rank, text, spell):
        total += np.float32(weight) * _signs(name, width)
    length = np.float32(np.sqrt((total * total).sum()))
    return total / length


def _parts(rank: int, text: str | None, spell: Spell) -> list[tuple[float, str]]:
    if not text:
        return [(1.0, f"id:{rank}")]
    lead, body = _split(text)
    core = body.lower()
    found = [
        (_LEAD, f"lead:{lead}"),
        (_RANK, f"id:{rank}"),
        (_CASE, f"case:{_case(body)}"),
        (_LENGTH, f"length:{min(len(core), _LONGEST)}"),
    ]
    if not any(letter.isalpha() for letter in core):
        return [*found, (_WORD, f"word:{core}"), (_FIRST, f"first:{core[:1]}")]
    pieces = spell(body)
    found += [(_LED, f"{sign}:{len(spell(sign + body)) == 1}") for sign in (" ", ".")]
    found += [(_TAIL, f"tail:{core[-cut:]}") for cut in (1, 2, 3) if cut <= len(core)]
    found.append((_COUNT, f"pieces:{min(len(pieces), len(_PIECES))}"))
    if len(pieces) == 1:
        return [*found, (_WORD, f"word:{core}")]
    weighed = zip(_PIECES, pieces, strict=False)
    found += [(weight, f"word:{piece.lower()}") for weight, piece in weighed]
    return [*found, (_BROKEN, f"word:{core}")]


def _split(text: str) -> tuple[str, str]:
    """A lead of one sign, and the rest; no lead where the token begins with a letter or digit."""
    if len(text) > 1 and not text[0].isalnum() and text[1].isalnum():
        return text[0], text[1:]
    return "", text


def _case(body: str) -> str:
    if body.islower():
        return "lower"
    if body.isupper() and len(body) > 1:
        return "upper"
    if body[:1].isupper() and (body[1:].islower() or len(body) == 1):
        return "capital"
    return "mixed" if any(letter.isalpha() for letter in body) else "none"


@lru_cache(400_000)
def _signs(name: str, width: int) -> Vectors:
    bits = np.frombuffer(hashlib.shake_256(name.encode()).digest(width // 8), np.uint8)
    signs = np.unpackbits(bits).astype(np.float32) * 2 - 1
    return signs / np.float32(np.sqrt(width))
