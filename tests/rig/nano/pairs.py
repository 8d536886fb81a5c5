"""Which made-up tools take two values of one kind, told apart by the words beside them?

From and to, old and new, home and away: who reads only what kind of value is wanted swaps them.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tests.rig.nano.tools import Family, Parameter, camel
from tests.rig.nano.values import DATA

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values


class _Roles(NamedTuple):
    """Two parts that values play.

    Attributes:
        first, second: the parameters' names.
        said: how they are told apart.
        number: what kind of number the values are; "" where they are texts.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    said: tuple[str, ...]
    number: str


class _Data(NamedTuple):
    """What `data/pairs.toml` holds."""

    roles: tuple[_Roles, ...]
    kinds: tuple[str, ...]
    verbs: tuple[str, ...]


@cache
def _data() -> _Data:
    body = tomllib.loads((DATA / "pairs.toml").read_text())
    roles = tuple(
        _Roles(
            tuple(each["first"]), tuple(each["second"]), tuple(each["said"]), each.get("number", "")
        )
        for each in body["roles"]
    )
    return _Data(roles, tuple(body["kinds"]), tuple(body["verbs"]))


def pair(values: Values, r: Random) -> Family:
    """A tool of two values of one kind."""
    data = _data()
    roles = data.roles[r.randrange(len(data.roles))]
    kind = roles.number or r.choice(data.kinds)
    type_ = r.choice(("number", "integer")) if roles.number else "string"
    if type_ == "integer":
        kind = "number"
    noun, verb = values.draw("thing", r), r.choice(data.verbs)
    key = r.choice((noun, kind.rstrip("1"), values.draw("token", r)))
    first = r.choice(roles.first).replace("{k}", key)
    second = r.choice(roles.second).replace("{k}", key)
    words = first.replace("_", " "), second.replace("_", " ")
    fill = {"a": "{a}", "b": "{b}", "f": words[0], "g": words[1]}
    asks = tuple(_ask(verb, noun, roles, fill, r) for _ in range(8))
    name = f"{verb}_{noun}".replace(" ", "_")
    names = (
        name,
        camel(name),
        f"{noun}_{verb.split()[0]}",
        f"{values.draw('made', r)}_{noun}",
        noun,
    )
    pairs = {
        "a": _parameter(first, words[0], noun, type_, kind),
        "b": _parameter(second, words[1], noun, type_, kind),
    }
    if r.random() < 0.3:
        pairs = dict(reversed(pairs.items()))
    about = (f"{verb.capitalize()} {noun}s", f"{verb.capitalize()} a {noun}", "")
    return Family((r.choice(names),), about, asks, pairs)


def _parameter(name: str, words: str, noun: str, type_: str, kind: str) -> Parameter:
    about = (f"The {words}", words.capitalize(), f"{words.capitalize()} of the {noun}", "")
    return Parameter((name,), type_, about, kind)


def _ask(verb: str, noun: str, roles: _Roles, fill: dict[str, str], r: Random) -> str:
    head = r.choice(
        (
            f"{verb} the {noun}",
            f"{verb} a {noun}",
            f"{verb} {noun}s",
            f"{verb}",
            f"the {noun}",
            f"I need the {noun}",
            f"what is the {noun}",
            f"{noun}",
            f"which {noun} is there",
            f"how about a {noun}",
            f"we want to {verb} the {noun}",
            f"is there a {noun}",
        )
    )
    said = r.choice(roles.said).format_map(fill)
    return head + said if said[0] == "," else f"{head} {said}"
