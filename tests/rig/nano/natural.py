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
    from collections.abc import Iterable
    from pathlib import Path
    from random import Random

_FILES = (
    "natural.toml", "natural_more.toml", "natural_daily.toml", "natural_work.toml",
    "natural_near.toml", "natural_ops.toml", "natural_trade.toml", "natural_learn.toml",
    "natural_play.toml", *sorted(path.name for path in DATA.glob("natural_suite_*.toml")),
)  # fmt: skip
_TYPES = {
    "int": "integer",
    "num": "number",
    "bool": "boolean",
    "list": "strings",
    "ints": "numbers",
}
_ABOUT = ("The {k}", "{K}", "Which {k}", "")
_SPOKEN = "="
"""Between a value and what people say for it."""
_CODE = "code "
"""Before values that are no enum in the schema."""
_WORD = re.compile(r"[a-z]{3,}")
_GIVEN = 0.4
"""How often an optional parameter is given."""
_NEAR = 12
"""How far apart tools of one trade stand in a file at most."""
_SUITE = 0.85
"""How often a tool beside one of a suite is of the suite."""


@cache
def natural() -> tuple[Family, ...]:
    """All tools of the files."""
    return tuple(one for name in _FILES for one in families_of(DATA / name))


def families_of(path: Path) -> tuple[Family, ...]:
    """The tools of one file."""
    return tuple(family(item, path.stem) for item in tomllib.loads(path.read_text())["tool"])


@cache
def suites() -> dict[str, tuple[Family, ...]]:
    """The tools that belong to one product, by its name."""
    found: dict[str, list[Family]] = {}
    for one in natural():
        if one.suite:
            found.setdefault(one.suite, []).append(one)
    return {name: tuple(members) for name, members in found.items()}


def beside(family: Family, r: Random) -> Family | None:
    """A tool of the same trade, as it stands near in its file; None: the dice found none.

    One that takes the same and has a word of its name is left out, for a request might mean either;
    but of a suite each tool has requests that can mean no other.
    """
    siblings = [one for one in suites().get(family.suite, ()) if one.names != family.names]
    if siblings and r.random() < _SUITE:
        return r.choice(siblings)
    place = _places().get(family.names)
    if place is None:
        return None
    other = natural()[min(max(place + r.randint(-_NEAR, _NEAR), 0), len(natural()) - 1)]
    return None if alike(other, family) else other


def alike(one: Family, other: Family) -> bool:
    """Whether a request for one tool might mean the other."""
    if one.names == other.names:
        return True
    if one.suite and one.suite == other.suite:
        return False
    return _taken(one) == _taken(other) and not _words(one).isdisjoint(_words(other))


@cache
def _places() -> dict[tuple[str, ...], int]:
    return {family.names: place for place, family in enumerate(natural())}


def _taken(family: Family) -> list[str]:
    return sorted(one.value for one in family.parameters.values() if one.chance is None)


def _words(family: Family) -> set[str]:
    return {word.removesuffix("s") for word in _WORD.findall(" ".join(family.names).lower())}


def family(item: dict[str, Any], file: str = "") -> Family:
    """A tool from its lines; `file`: where they stand."""
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
        suite=f"{file} {item['suite']}" if "suite" in item else "",
        twice=_twice(item.get("twice", ())),
    )


def _twice(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Requests for two values, by the parameter whose values they are."""
    found: dict[str, list[str]] = {}
    for line in lines:
        key, _, text = line.partition(": ")
        found.setdefault(key, []).append(text)
    return {key: tuple(texts) for key, texts in found.items()}


def _parameter(names: tuple[str, ...], spec: str, said: tuple[str, ...]) -> Parameter:
    """A parameter from a line like "int small? # How many / The number of them".

    Raises:
        ValueError: it may be left out, and no request says it in brackets.
    """
    spec, _, described = spec.partition(" # ")
    optional, plain = spec.endswith("?"), spec.rstrip("?!")
    first, _, rest = plain.partition(" ")
    kind, rule = (_TYPES[first], rest) if first in _TYPES else ("string", plain)
    spoken: dict[str, tuple[str, ...]] = {}
    free = rule.startswith(_CODE)
    rule = rule.removeprefix(_CODE)
    if _SPOKEN in rule:
        spoken, rule = _spoken(rule)
    if optional and not said:
        raise ValueError(f"no [... {{{names[0]}}} ...] says what may be left out")
    word = names[0].replace("_", " ")
    return Parameter(
        names,
        kind,
        _about(word, described),
        rule,
        enum=tuple(rule.split("|")) if "|" in rule and kind == "string" and not free else (),
        chance=_GIVEN if optional else 0.0 if spec.endswith("!") else None,
        said=said,
        spoken=spoken,
    )


def _spoken(rule: str) -> tuple[dict[str, tuple[str, ...]], str]:
    """What people say for each value of "kg=kilos,kilograms|lb=pounds", and the bare values."""
    pairs = [one.partition(_SPOKEN) for one in rule.split("|")]
    said = {value: tuple(words.split(",")) if words else () for value, _, words in pairs}
    return said, "|".join(said)


def _about(word: str, described: str) -> tuple[str, ...]:
    """The choices of a description: those that are written, or what the name says."""
    written = tuple(text.strip() for text in described.split(" / ")) if described else ()
    return (
        (*written, written[0], "")
        if written
        else tuple(text.format(k=word, K=word.capitalize()) for text in _ABOUT)
    )
