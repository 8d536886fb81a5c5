"""What is given for the parameters of a tool, and how is each value said?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.rig.nano.asks import HOLE
from tests.rig.nano.said import put
from tests.rig.nano.spelling import copied
from tests.rig.nano.tools import LISTS, Value

if TYPE_CHECKING:
    from random import Random

    from tests.rig.nano.asks import Bound
    from tests.rig.nano.tools import Family, Parameter
    from tests.rig.nano.values import Values

_SWITCHED = {"true": ("on", "on", "true", "yes"), "false": ("off", "off", "false", "no")}
_GROUPED = 0.12
"""How often a large number is said with its digits in groups: 1,850."""
_NUMBER_WORDS = dict(
    enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 2)
)
_LAST = (" and ", " and ", ", ", ", and ")


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
        parameter = family.parameters[key]
        if template == f"{{{key}}}":  # it is said by itself
            found[key] = value_of(parameter, values, r)
            continue
        plain = _put(template, drawn)
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
    if parameter.spoken:
        word = r.choice(tuple(parameter.spoken))
        said = r.choice((word, *parameter.spoken[word] * 2))
        return Value(said, _json(word, parameter.type))
    if parameter.enum:
        word = r.choice(parameter.enum)
        return Value(word.replace("_", " "), f'"{copied(word)}"')
    if parameter.type in LISTS:
        rule = parameter.value.removeprefix("list:")
        items = [values.draw(rule, r) for _ in range(r.randint(1, 4))]
        texts = (_json(item, LISTS[parameter.type]) for item in items)
        return Value(listed(items, r), "[" + ", ".join(texts) + "]")
    text = values.draw(parameter.value, r)
    said = r.choice(_SWITCHED[text]) if parameter.value == "true|false" else text
    if parameter.type == "integer" and r.random() < 0.08 and text.isdigit():
        said = _NUMBER_WORDS.get(int(text), text)
    if parameter.type == "string":
        said, inside = put(parameter.value, text, r)
        return Value(said, json.dumps(inside, ensure_ascii=False))
    if parameter.value == "number" and len(said) > 3 and r.random() < _GROUPED and said.isdigit():
        return Value(f"{int(said):,}", text)
    return Value(said, copied(text))


def _json(text: str, type_: str) -> str:
    if type_ == "string":
        return json.dumps(copied(text), ensure_ascii=False)
    return copied(text)


def listed(items: list[str], r: Random, *, last: tuple[str, ...] = _LAST) -> str:
    """Several things in a row, as a person types them; `last`: what stands before the last one."""
    if len(items) == 1:
        return items[0]
    return ", ".join(items[:-1]) + r.choice(last) + items[-1]
