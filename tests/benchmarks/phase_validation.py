"""What does it cost to check a call's arguments: a small, a medium and a large schema?"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import jsonschema

from tests.benchmarks import measure
from tests.benchmarks.measure import Figures
from toolrun.tools.validation import ArgumentsInvalid, Validator, parse

if TYPE_CHECKING:
    from collections.abc import Callable

NAME: Final = "validation"
COMPILED, PER_CALL = "toolrun", "jsonschema.validate() a call"

_ITEM: Final = {
    "type": "object",
    "properties": {
        "sku": {"type": "string", "minLength": 3, "maxLength": 20},
        "count": {"type": "integer", "minimum": 1},
        "unit": {"enum": ["piece", "box", "pallet"]},
    },
    "required": ["sku", "count"],
    "additionalProperties": False,
}
_ORDER: Final = {
    "type": "object",
    "properties": {
        "customer": {"type": "string"},
        "items": {"type": "array", "items": _ITEM, "minItems": 1},
    },
    "required": ["customer", "items"],
    "additionalProperties": False,
}


def _order(items: int) -> dict[str, Any]:
    item = {"sku": "A-1234", "count": 2, "unit": "box"}
    return {"customer": "acme", "items": [item] * items}


def _form(fields: int) -> dict[str, Any]:
    """A schema of that many required fields, each an address or an item."""
    address = {
        "type": "object",
        "properties": {
            "street": {"type": "string", "maxLength": 200},
            "code": {"type": "string", "pattern": "^[0-9]{5}$"},
            "kind": {"anyOf": [{"const": "home"}, {"const": "work"}, {"type": "null"}]},
        },
        "required": ["street", "code"],
        "additionalProperties": False,
    }
    properties = {f"field{at}": _ITEM if at % 2 else address for at in range(fields)}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _filled(fields: int) -> dict[str, Any]:
    address = {"street": "High Street 1", "code": "10115", "kind": "work"}
    item = _order(1)["items"][0]
    return {f"field{at}": item if at % 2 else address for at in range(fields)}


CASES: Final[dict[str, tuple[dict[str, Any], Any]]] = {
    "small": (_ITEM, _order(1)["items"][0]),
    "medium": (_ORDER, _order(10)),
    "large": (_form(60), _filled(60)),
}


async def run(*, rounds: int = 9) -> dict[str, Figures]:
    """Measure valid and invalid arguments; units are calls."""
    found: dict[str, Figures] = {}
    for size, (schema, valid) in CASES.items():
        # One value out of range, the last one: all before it is checked too.
        text = json.dumps(valid)
        broken = text[: text.rindex("2")] + "0" + text[text.rindex("2") + 1 :]
        for kind, arguments in (("valid", text), ("invalid", broken)):
            validator = Validator("order", schema)
            works: dict[str, Callable[[], bool]] = {
                COMPILED: partial(_compiled, validator, arguments),
                PER_CALL: partial(_per_call, schema, arguments),
            }
            for name, work in works.items():
                assert work() is (kind == "valid"), (name, size, kind)
            turns = {name: partial(_repeat, work) for name, work in works.items()}
            figures = found[f"{size}, {kind}"] = Figures(f"{size}, {kind}")
            await measure.interleave(figures, turns, rounds=rounds, seconds=0.05)
    return found


async def _repeat(work: Callable[[], bool], times: int = 5) -> int:
    for _ in range(times):
        work()
    return times


def _compiled(validator: Validator, text: str) -> bool:
    try:
        validator.check(parse("order", text))
    except ArgumentsInvalid:
        return False
    return True


def _per_call(schema: dict[str, Any], text: str) -> bool:
    try:
        jsonschema.validate(json.loads(text), schema)
    except jsonschema.ValidationError:
        return False
    return True
