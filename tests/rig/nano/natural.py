"""Which tools are written as people write them, line by line?

`data/natural.toml` and `data/natural_more.toml` have a short form for them, which becomes a
`tools.Family` here; how their requests are written, `asks` tells.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from tests.rig.nano.asks import parse
from tests.rig.nano.tools import Family, Parameter
from tests.rig.nano.values import DATA

_FILES = ("natural.toml", "natural_more.toml", "natural_daily.toml", "natural_work.toml")
_TRAINED_ON = 2
"""How many of the files the weights that are tuned have seen: the first ones."""
_TYPES = {
    "int": "integer",
    "num": "number",
    "bool": "boolean",
    "list": "strings",
    "ints": "numbers",
}
_ABOUT = ("The {k}", "{K}", "Which {k}", "")
_GIVEN = 0.4
"""How often an optional parameter is given."""


@cache
def natural() -> tuple[Family, ...]:
    """All tools of the files."""
    return _read(_FILES)


@cache
def newest() -> tuple[Family, ...]:
    """The tools of the files that the shipped weights were not trained on."""
    return _read(_FILES[_TRAINED_ON:])


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
    """A parameter from a line like "int small?".

    Raises:
        ValueError: it may be left out, and no request says it in brackets.
    """
    optional, plain = spec.endswith("?"), spec.rstrip("?!")
    first, _, rest = plain.partition(" ")
    kind, rule = (_TYPES[first], rest) if first in _TYPES else ("string", plain)
    if optional and not said:
        raise ValueError(f"no [... {{{names[0]}}} ...] says what may be left out")
    word = names[0].replace("_", " ")
    return Parameter(
        names,
        kind,
        tuple(text.format(k=word, K=word.capitalize()) for text in _ABOUT),
        rule,
        enum=tuple(rule.split("|")) if "|" in rule and kind == "string" else (),
        chance=_GIVEN if optional else 0.0 if spec.endswith("!") else None,
        said=said,
    )
