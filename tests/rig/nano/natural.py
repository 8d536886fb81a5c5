"""Which tools are written as people write them, line by line?

The files `data/natural*.toml` have a short form for them, which becomes a `tools.Family` here; how
their requests are written, `asks` tells. What stands near each other in a file is of one trade.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.rig.nano.asks import parse
from tests.rig.nano.tools import Family, Parameter
from tests.rig.nano.values import DATA

if TYPE_CHECKING:
    from random import Random

_FILES = (
    "natural.toml", "natural_more.toml", "natural_daily.toml", "natural_work.toml",
    "natural_near.toml", "natural_ops.toml", "natural_trade.toml", "natural_learn.toml",
    "natural_play.toml",
)  # fmt: skip
_TYPES = {
    "int": "integer",
    "num": "number",
    "bool": "boolean",
    "list": "strings",
    "ints": "numbers",
}
_ABOUT = ("The {k}", "{K}", "Which {k}", "")
_WORD = re.compile(r"[a-z]{3,}")
_GIVEN = 0.4
"""How often an optional parameter is given."""
_NEAR = 12
"""How far apart tools of one trade stand in a file at most."""


@cache
def natural() -> tuple[Family, ...]:
    """All tools of the files."""
    return _read(_FILES)


def beside(family: Family, r: Random) -> Family | None:
    """A tool of the same trade, as it stands near in its file; None: the dice found none.

    One that takes the same and has a word of its name is left out: a request might mean either.
    """
    place = _places().get(family.names)
    if place is None:
        return None
    other = natural()[min(max(place + r.randint(-_NEAR, _NEAR), 0), len(natural()) - 1)]
    alike = _taken(other) == _taken(family) and _words(other) & _words(family)
    return None if alike or other is family else other


@cache
def _places() -> dict[tuple[str, ...], int]:
    return {family.names: place for place, family in enumerate(natural())}


def _taken(family: Family) -> list[str]:
    return sorted(one.value for one in family.parameters.values() if one.chance is None)


def _words(family: Family) -> set[str]:
    return {word.removesuffix("s") for word in _WORD.findall(" ".join(family.names).lower())}


def _read(names: tuple[str, ...]) -> tuple[Family, ...]:
    found: list[Family] = []
    for name in names:
        body = tomllib.loads((DATA / name).read_text())
        found += [family(item) for item in body["tool"]]
    return tuple(found)


def family(item: dict[str, Any]) -> Family:
    """A tool from its lines."""
    asks = parse(item["asks"])
    parameters: dict[str, Parameter] = {}
    for spelled, spec in item["with"].items():
        names = tuple(spelled.split("/"))
        parameters[names[0]] = _parameter(names, spec, asks.said.get(names[0], ()))
    return Family(
        tuple(item["names"].split()),
        (*item["about"], ""),
        asks.plain,
        parameters,
        known=True,
        bound=asks.bound,
    )


def _parameter(names: tuple[str, ...], spec: str, said: tuple[str, ...]) -> Parameter:
    """A parameter from a line like "int small? # How many / The number of them".

    Raises:
        ValueError: it may be left out, and no request says it in brackets.
    """
    spec, _, described = spec.partition(" # ")
    optional, plain = spec.endswith("?"), spec.rstrip("?!")
    first, _, rest = plain.partition(" ")
    kind, rule = (_TYPES[first], rest) if first in _TYPES else ("string", plain)
    if optional and not said:
        raise ValueError(f"no [... {{{names[0]}}} ...] says what may be left out")
    word = names[0].replace("_", " ")
    return Parameter(
        names,
        kind,
        _about(word, described),
        rule,
        enum=tuple(rule.split("|")) if "|" in rule and kind == "string" else (),
        chance=_GIVEN if optional else 0.0 if spec.endswith("!") else None,
        said=said,
    )


def _about(word: str, described: str) -> tuple[str, ...]:
    """The choices of a description: those that are written, or what the name says."""
    written = tuple(text.strip() for text in described.split(" / ")) if described else ()
    return (
        (*written, written[0], "")
        if written
        else tuple(text.format(k=word, K=word.capitalize()) for text in _ABOUT)
    )
