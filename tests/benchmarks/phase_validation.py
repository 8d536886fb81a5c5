"""What does it cost to check a call's arguments: a small, a medium and a large schema?

With jsonschema-rs as it is installed, and without it; calls that fit, calls that do not, and the
first call of a schema, which has to be made ready.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import jsonschema

from tests.benchmarks import measure
from tests.benchmarks.measure import Figures, Found
from toolrun.tools import compiled, fast_validation
from toolrun.tools.validation import ArgumentsInvalid, Validator, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from tests.benchmarks.measure import Setting

NAME: Final = "validation"
COMPILED, PER_CALL = "toolrun", "jsonschema.validate() a call"
AUTHORITY: Final = "toolrun without jsonschema-rs"
_ROUNDS = 9

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


def run(setting: Setting) -> Found:
    """Measure valid and invalid arguments, and a schema's first call; units are calls."""
    figures = asyncio.run(_run(setting.rounds or _ROUNDS))
    tables = {f"A call's arguments: {case}": each.table(PER_CALL) for case, each in figures.items()}
    seen: dict[str, float] = {}
    if fast_validation.library() is not None:
        ratios = {case: each.ratio(COMPILED, PER_CALL) for case, each in figures.items()}
        seen = {f"validation, {case}": ratio for case, ratio in ratios.items()}
    return Found(tables, seen)


async def _run(rounds: int) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for size, (schema, valid) in CASES.items():
        # One value out of range, the last one: all before it is checked too.
        text = json.dumps(valid)
        broken = text[: text.rindex("2")] + "0" + text[text.rindex("2") + 1 :]
        rust = fast_validation.library()
        for kind, arguments in (("valid", text), ("invalid", broken)):
            works: dict[str, Callable[[], bool]] = {
                COMPILED: partial(_check, _validator(schema, rust), arguments),
                AUTHORITY: partial(_check, _validator(schema, None), arguments),
                PER_CALL: partial(_per_call, schema, arguments),
            }
            for name, work in works.items():
                assert work() is (kind == "valid"), (name, size, kind)
            found[f"{size}, {kind}"] = await _measure(f"{size}, {kind}", works, rounds)
        first = {
            COMPILED: partial(_first, schema, rust, text),
            AUTHORITY: partial(_first, schema, None, text),
            PER_CALL: partial(_per_call, schema, text),
        }
        found[f"{size}, first"] = await _measure(f"{size}, first", first, rounds)
    return found


async def _measure(phase: str, works: Mapping[str, Callable[[], bool]], rounds: int) -> Figures:
    figures = Figures(phase)
    turns = {name: partial(_repeat, work) for name, work in works.items()}
    await measure.interleave(figures, turns, rounds=rounds, seconds=0.05)
    return figures


async def _repeat(work: Callable[[], bool], times: int = 5) -> int:
    for _ in range(times):
        work()
    return times


def _validator(schema: dict[str, Any], rust: ModuleType | None) -> Validator:
    with patch.object(fast_validation, "library", lambda: rust):
        return Validator("order", schema)


def _first(schema: dict[str, Any], rust: ModuleType | None, text: str) -> bool:
    compiled._kept.cache_clear()
    return _check(_validator(schema, rust), text)


def _check(validator: Validator, text: str) -> bool:
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
