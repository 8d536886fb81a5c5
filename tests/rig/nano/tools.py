"""Which tools are offered in a made-up conversation, and with which names?

`data/families.toml` has the tools that the model is to know; `novel` makes up others. A family has
many names for the tool and for each parameter; `offer` settles on some.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.rig.nano.asks import Bound, parse
from tests.rig.nano.said import formed, told
from tests.rig.nano.spelling import copied
from tests.rig.nano.values import DATA, Values
from tests.rig.nano.wording import wordings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

_SUFFIXES = ("name", "value", "text", "arg", "input", "str")
LISTS = {"strings": "string", "numbers": "number"}
"""Types of parameters that are lists, and of what."""


@dataclass(frozen=True)
class Parameter:
    """What a parameter may be called, and what is given for it.

    Attributes:
        names: the choices of a name.
        type: of JSON Schema; "strings" and "numbers" are lists.
        about: the choices of a description; "": none.
        value: the rule that draws it, see `Values.draw`.
        enum: the only values there are.
        chance: how often it is given, where it is optional; None: it is required.
        said: how it is put into words beside the request; `{key}` stands for the value.
        spoken: of each value, what people say for it.
    """

    names: tuple[str, ...]
    type: str
    about: tuple[str, ...]
    value: str
    enum: tuple[str, ...] = ()
    chance: float | None = None
    said: tuple[str, ...] = ()
    spoken: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """Tools that do one thing under many names.

    Attributes:
        asks: how it is asked for; `{key}` stands for a parameter's value.
        follow: how it is asked for again, with another first value.
        result: what it gives back, see `results`.
        known: whether it stands in `data/`; others are made up.
        bound: how it is asked for where the whole request says a value.
        suite: the product that it belongs to, beside which other tools; "": none.
        twice: by parameter, how it is asked for twice; `{1}` and `{2}` are its values.
    """

    names: tuple[str, ...]
    about: tuple[str, ...]
    asks: tuple[str, ...]
    parameters: dict[str, Parameter]
    result: dict[str, Any] = field(default_factory=lambda: {"shape": "any"})
    follow: tuple[str, ...] = ()
    known: bool = False
    bound: tuple[Bound, ...] = ()
    suite: str = ""
    twice: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """What is given for a parameter: as a person says it, and the JSON text of it.

    `ask`: the request that says it as a whole; "" where the value stands in the request.
    """

    said: str
    json: str
    ask: str = ""


@dataclass(frozen=True)
class Tool:
    """A tool as it is offered: its names are settled."""

    family: Family
    name: str
    description: str
    schema: dict[str, Any] | None
    names: dict[str, str]

    def call(self, given: dict[str, Value]) -> str:
        """The arguments of a call as JSON, in the schema's order; what is copied is marked."""
        pairs = (
            f'"{copied(name)}": {given[key].json}'
            for key, name in self.names.items()
            if key in given
        )
        return "{" + ", ".join(pairs) + "}"


@cache
def families() -> tuple[Family, ...]:
    """The tools that the model is to know."""
    body = tomllib.loads((DATA / "families.toml").read_text())
    more = tomllib.loads((DATA / "asks.toml").read_text())
    return tuple(_family(one, more.get(one["names"][0], ())) for one in body["family"])


def _family(one: dict[str, Any], more: Iterable[str]) -> Family:
    asks = parse(more)
    parameters = {key: _parameter(item) for key, item in one.get("parameters", {}).items()}
    for key, said in asks.said.items():
        parameters[key] = replace(parameters[key], said=(*parameters[key].said, *said))
    return Family(
        tuple(one["names"]),
        tuple(one["about"]),
        (*one["asks"], *asks.plain),
        parameters,
        one["result"],
        tuple(one.get("follow", ())),
        known=True,
        bound=asks.bound,
    )


def _parameter(item: dict[str, Any]) -> Parameter:
    lists: dict[str, Any] = {
        key: tuple(body) if isinstance(body, list) else body for key, body in item.items()
    }
    return Parameter(**lists)


@cache
def parameters() -> tuple[Parameter, ...]:
    """What the parameters of made-up tools are like; `{n}` stands for the tool's noun."""
    body = tomllib.loads((DATA / "parameters.toml").read_text())
    return tuple(_parameter(item) for item in body["parameter"])


def camel(name: str) -> str:
    """snake_case as camelCase."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def offer(family: Family, values: Values, r: Random) -> Tool:
    """A tool of the family, its names settled; some are decorated, as people's code has them."""
    family = formed(family, r)
    name = r.choice(family.names)
    if family.known and r.random() < 0.25:
        name = _decorated(name, values, r)
    properties: dict[str, Any] = {}
    names: dict[str, str] = {}
    required: list[str] = []
    order = list(family.parameters.items())
    if r.random() < 0.5:  # a person says things in another order than a schema does
        r.shuffle(order)
    for key, parameter in order:
        called = r.choice(parameter.names)
        if family.known and (len(order) == 1 or r.random() < 0.5):
            called = _renamed(called, values, r, alone=len(order) == 1)
        if called in properties:
            called = f"{called}_{len(names)}"
        names[key] = called
        properties[called] = _schema(parameter, r)
        if parameter.chance is None:
            required.append(called)
    schema = {"type": "object", "properties": properties, "required": required}
    empty = not properties and r.random() < 0.5
    about = r.choice(family.about)
    if about and r.random() < 0.1:
        more = r.sample(wordings()["longer"], r.randint(1, 4))
        about = " ".join([about.rstrip("."), *(values.fill(text, r) for text in more)])
    if properties and about and r.random() < 0.06:
        about += "\n\nArgs:\n" + "\n".join(f"    {key}: The {key}." for key in properties)
    return Tool(family, name, about, None if empty else schema, names)


def _schema(parameter: Parameter, r: Random) -> dict[str, Any]:
    item = LISTS.get(parameter.type)
    found: dict[str, Any] = (
        {"type": "array", "items": {"type": item}} if item else {"type": parameter.type}
    )
    coded = parameter.spoken and not parameter.enum  # only what is written tells its values
    about = r.choice(parameter.about[:1] if coded else parameter.about)
    about = about if coded or r.random() < 0.8 else ""
    if said := told(parameter.value, about, r):
        found["description"] = said
    if r.random() < 0.08:
        found["title"] = r.choice(parameter.names).replace("_", " ").title()
    if parameter.enum:
        found["enum"] = list(parameter.enum)
        if parameter.chance is not None and r.random() < 0.2:
            found["default"] = parameter.enum[0]
    return found


def _decorated(name: str, values: Values, r: Random) -> str:
    return r.choice(
        (
            f"{values.draw('term', r)}_{name}",
            f"{name}_{r.choice(('v2', 'tool', 'api', 'now', values.draw('term', r)))}",
            camel(name),
            f"{name}{r.randint(1, 9)}",
            f"{values.draw('made', r)}-{name}",
        )
    )


def _renamed(name: str, values: Values, r: Random, *, alone: bool) -> str:
    """Another name; one that tells nothing only where a tool takes but one value (`alone`)."""
    draw = r.random()
    if draw < 0.15:
        return r.choice(
            (
                f"{name}_{r.choice(_SUFFIXES)}",
                camel(f"{r.choice(('target', 'the', 'my', 'input'))}_{name}"),
                f"{r.choice(('target', 'user', 'input', values.draw('thing', r)))}_{name}",
                name.upper(),
                name.capitalize(),
            )
        )
    return values.draw("term", r) if alone and draw < 0.25 else name


def main_of(tool: Tool) -> str | None:
    """The parameter that a request is about: the first that is free text, and required."""
    return next(iter(mains_of(tool)), None)


def mains_of(tool: Tool) -> list[str]:
    """The parameters that are free text, and required, and that some request says by itself."""
    return [
        key
        for key, one in tool.family.parameters.items()
        if tool.family.asks
        and one.chance is None
        and one.type == "string"
        and not one.enum
        and "|" not in one.value
    ]


def kin(one: Tool, key: str, other: Tool, its: str) -> bool:
    """Whether two parameters take the same kind of value."""
    return one.family.parameters[key].value == other.family.parameters[its].value
