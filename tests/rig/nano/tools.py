"""Which tools are offered in a made-up conversation, and with which names?

`data/families.toml` has the tools that the model is to know; `novel` makes up others. A family has
many names for the tool and for each parameter; `offer` settles on some.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.rig.nano.asks import HOLE, Bound, parse
from tests.rig.nano.spelling import copied
from tests.rig.nano.values import DATA, Values
from tests.rig.nano.wording import wordings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

_SUFFIXES = ("name", "value", "text", "arg", "input", "str")
_LISTS = {"strings": "string", "numbers": "number"}
_SWITCHED = {"true": ("on", "on", "true", "yes"), "false": ("off", "off", "false", "no")}
_NUMBER_WORDS = dict(
    enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 2)
)


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
    """

    names: tuple[str, ...]
    type: str
    about: tuple[str, ...]
    value: str
    enum: tuple[str, ...] = ()
    chance: float | None = None
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Tools that do one thing under many names.

    Attributes:
        asks: how it is asked for; `{key}` stands for a parameter's value.
        follow: how it is asked for again, with another first value.
        result: what it gives back, see `results`.
        known: whether it stands in `data/`; others are made up.
        bound: how it is asked for where the whole request says a value.
    """

    names: tuple[str, ...]
    about: tuple[str, ...]
    asks: tuple[str, ...]
    parameters: dict[str, Parameter]
    result: dict[str, Any] = field(default_factory=lambda: {"shape": "any"})
    follow: tuple[str, ...] = ()
    known: bool = False
    bound: tuple[Bound, ...] = ()


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


def give(family: Family, values: Values, r: Random, *, whole: bool = True) -> dict[str, Value]:
    """Values for the parameters: all the required ones, some of the others.

    `whole`: a request may say some as a whole; not where one of them is to be replaced.
    """
    given = {
        key: value_of(parameter, values, r)
        for key, parameter in family.parameters.items()
        if parameter.chance is None or r.random() < parameter.chance
    }
    if whole and r.random() * (len(family.asks) + len(family.bound)) < len(family.bound):
        given |= _bound(r.choice(family.bound), family, values, r)
    return {key: given[key] for key in family.parameters if key in given}


def _bound(bound: Bound, family: Family, values: Values, r: Random) -> dict[str, Value]:
    """What a request says as a whole, its own holes filled."""
    holes = set(HOLE.findall(bound.text)) - family.parameters.keys()
    drawn = {hole: values.draw(hole, r) for hole in sorted(holes)}
    text = _put(bound.text, drawn)
    found: dict[str, Value] = {}
    for key, template in bound.values.items():
        plain = _put(template, drawn)
        parameter = family.parameters[key]
        shown = plain
        if parameter.enum:
            shown = f'"{copied(plain)}"'
        elif parameter.type == "string":
            shown = _put(
                json.dumps(template, ensure_ascii=False),
                {hole: _inside(said) for hole, said in drawn.items()},
            )
        found[key] = Value(plain, shown, text)
    return found


def _put(template: str, drawn: dict[str, str]) -> str:
    """A template with what was drawn for its holes; the others stay."""
    return HOLE.sub(lambda hole: drawn.get(hole[1], hole[0]), template)


def _inside(text: str) -> str:
    """A text as the inside of a JSON string, marked as copied."""
    return json.dumps(copied(text), ensure_ascii=False)[1:-1]


def value_of(parameter: Parameter, values: Values, r: Random) -> Value:
    """A value for one parameter."""
    if parameter.enum:
        word = r.choice(parameter.enum)
        return Value(word.replace("_", " "), f'"{copied(word)}"')
    if parameter.type in _LISTS:
        rule = parameter.value.removeprefix("list:")
        items = [values.draw(rule, r) for _ in range(r.randint(1, 4))]
        texts = (_json(item, _LISTS[parameter.type]) for item in items)
        return Value(listed(items, r), "[" + ", ".join(texts) + "]")
    text = values.draw(parameter.value, r)
    said = r.choice(_SWITCHED[text]) if parameter.value == "true|false" else text
    if parameter.type == "integer" and r.random() < 0.08 and text.isdigit():
        said = _NUMBER_WORDS.get(int(text), text)
    return Value(said, _json(text, parameter.type))


def _json(text: str, type_: str) -> str:
    if type_ == "string":
        return json.dumps(copied(text), ensure_ascii=False)
    return copied(text)


_LAST = (" and ", " and ", ", ", ", and ")


def listed(items: list[str], r: Random, *, last: tuple[str, ...] = _LAST) -> str:
    """Several things in a row, as a person types them; `last`: what stands before the last one."""
    if len(items) == 1:
        return items[0]
    return ", ".join(items[:-1]) + r.choice(last) + items[-1]


def camel(name: str) -> str:
    """snake_case as camelCase."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def offer(family: Family, values: Values, r: Random) -> Tool:
    """A tool of the family, its names settled; some are decorated, as people's code has them."""
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
            called = _renamed(called, values, r)
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
    item = _LISTS.get(parameter.type)
    found: dict[str, Any] = (
        {"type": "array", "items": {"type": item}} if item else {"type": parameter.type}
    )
    if r.random() < 0.8 and (said := r.choice(parameter.about)):
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


def _renamed(name: str, values: Values, r: Random) -> str:
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
    return values.draw("term", r) if draw < 0.25 else name


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
