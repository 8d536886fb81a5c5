"""How are the ways to ask for a tool written down?

A line of `data/asks.toml` or `natural.toml` is a request. `{key}` stands for a parameter's value,
`[since {key}]` is said where it is given, and behind ` => ` stand the values that the whole request
says: "I lost my card {card} => action: freeze".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

HOLE = re.compile(r"\{([\w:-]+)\}")
_PART = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Bound:
    """A request that says some values as a whole.

    Attributes:
        text: the request; a hole that is no parameter's is a rule of `Values.draw`.
        values: what is given; the same holes may stand in them.
    """

    text: str
    values: dict[str, str]


class Asks(NamedTuple):
    """The ways to ask for one tool.

    Attributes:
        plain: requests that say each value by itself.
        bound: the others.
        said: what is said of each parameter that may be left out.
    """

    plain: tuple[str, ...]
    bound: tuple[Bound, ...]
    said: dict[str, tuple[str, ...]]


def parse(lines: Iterable[str]) -> Asks:
    """Read some lines."""
    plain: list[str] = []
    bound: list[Bound] = []
    said: dict[str, list[str]] = {}
    for line in lines:
        text, _, fixed = line.partition(" => ")
        for part in _PART.findall(text):
            for key in HOLE.findall(part):
                said.setdefault(key, []).append(part.lstrip())
        text = _PART.sub("", text)
        if fixed:
            pairs = (one.partition(": ") for one in fixed.split("; "))
            bound.append(Bound(text, {key: value for key, _, value in pairs}))
        else:
            plain.append(text)
    parts = {key: tuple(texts) for key, texts in said.items()}
    return Asks(tuple(plain), tuple(bound), parts)
