"""Which made-up tools take two values of one kind, told apart by the words beside them?

From and to, old and new, home and away: who reads only what kind of value is wanted swaps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.rig.nano.tools import Family, Parameter, camel

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.values import Values


class _Roles(NamedTuple):
    """Two parts that values play: the parameters' names, and how they are told apart."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    said: tuple[str, ...]


_ROLES = (
    _Roles(
        ("from", "source", "origin", "start", "from_{k}", "sender"),
        ("to", "target", "destination", "end", "to_{k}", "receiver", "recipient"),
        (
            "from {a} to {b}",
            "to {b} from {a}",
            "between {a} and {b}",
            "{a} to {b}",
            "starting at {a} and ending at {b}",
            "out of {a} into {b}",
            "from {a} over to {b}",
            "to {b}, starting from {a}",
            "{a} - {b}",
            "beginning with {a}, up to {b}",
        ),
    ),
    _Roles(
        ("old", "old_{k}", "current", "before", "search", "find"),
        ("new", "new_{k}", "replacement", "after", "replace", "replace_with"),
        (
            "from {a} to {b}",
            "{a} into {b}",
            "{a} by {b}",
            "{a} with {b}",
            ", old {a}, new {b}",
            ", it was {a} and should be {b}",
            ", {b} instead of {a}",
            ", {b} in place of {a}",
            "{a}, it becomes {b}",
            "so that {a} becomes {b}",
        ),
    ),
    _Roles(
        ("home", "home_team", "player_one", "first_{k}", "a", "left", "first"),
        ("away", "away_team", "player_two", "second_{k}", "b", "right", "second"),
        (
            "{a} against {b}",
            "of {a} and {b}",
            "between {a} and {b}",
            "for {a} and {b}",
            "{a} versus {b}",
            "of {a} with {b}",
            "{a} and {b}",
            "with {a} first and {b} second",
        ),
    ),
    _Roles(
        ("min", "minimum", "min_{k}", "low", "at_least", "lower"),
        ("max", "maximum", "max_{k}", "high", "at_most", "upper"),
        (
            "between {a} and {b}",
            "from {a} to {b}",
            "at least {a} and at most {b}",
            "not over {b} and not under {a}",
            "over {a} but below {b}",
            "minimum {a}, maximum {b}",
            "at most {b} and at least {a}",
        ),
    ),
    _Roles(
        ("width", "columns", "x", "length"),
        ("height", "rows", "y", "depth"),
        (
            "{a} by {b}",
            "{a} x {b}",
            "{a} wide and {b} high",
            "with a width of {a} and a height of {b}",
            "{b} high and {a} wide",
            "of {a} by {b}",
        ),
    ),
    _Roles(
        ("parent", "owner", "manager", "group", "folder", "container"),
        ("child", "item", "member", "employee", "part", "entry"),
        (
            "{b} under {a}",
            "{b} in {a}",
            "{b} to {a}",
            "of {a}: {b}",
            "{b} for {a}",
            "to {a} with {b}",
            "in {a} for {b}",
            "so that {b} belongs to {a}",
        ),
    ),
    _Roles(
        ("buyer", "borrower", "customer", "tenant", "winner", "patient"),
        ("seller", "lender", "agent", "landlord", "loser", "doctor"),
        (
            "for {f} {a} and {g} {b}",
            "with {a} as {f} and {b} as {g}",
            ", {f} {a}, {g} {b}",
            "where {b} is the {g} and {a} the {f}",
            ", {g} is {b}, {f} is {a}",
            "with {g} {b} for the {f} {a}",
        ),
    ),
    _Roles(
        ("longitude", "lng", "lon"),
        ("latitude", "lat"),
        (
            "at latitude {b} and longitude {a}",
            "at {g} {b}, {f} {a}",
            "with {f} {a} and {g} {b}",
            "({g} {b}, {f} {a})",
        ),
    ),
)
_NUMBERS = {3: "amount", 4: "number", 7: "longitude"}
_KINDS = (
    "city",
    "person",
    "identifier",
    "word1",
    "date",
    "term",
    "host",
    "company",
    "path",
    "spot",
)
_VERBS = (
    "compare",
    "move",
    "link",
    "change",
    "find",
    "set",
    "plan",
    "send",
    "check",
    "transfer",
    "swap",
    "get",
    "list",
    "rename",
    "book",
    "count",
    "look up",
    "show",
    "merge",
    "exchange",
    "copy",
)


def pair(values: Values, r: Random) -> Family:
    """A tool of two values of one kind."""
    at = r.randrange(len(_ROLES))
    roles = _ROLES[at]
    kind = _NUMBERS.get(at) or r.choice(_KINDS)
    type_ = r.choice(("number", "integer")) if at in _NUMBERS else "string"
    if type_ == "integer":
        kind = "number"
    noun, verb = values.draw("thing", r), r.choice(_VERBS)
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
