"""What does the model need to know of arguments that do not fit their schema?

A line for each violation, the most relevant first: where, the value, the rule, what would fit. Of
alternatives (`anyOf`, `oneOf`) only the one that the value comes nearest to is told, if there is
one: that a circle is no square helps nobody who wrote a circle.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from toolrun.tools.results import sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jsonschema.exceptions import ValidationError

MAX_ERRORS = 1000
"""Violations that are looked for; what is wrong in more places is wrong enough."""
MAX_SHOWN = 200
MAX_VIOLATIONS = 20
MAX_SCHEMA = 1000

_BRIEF = 80
_SAID_BY_JSONSCHEMA = frozenset(
    {"required", "dependentRequired", "unevaluatedProperties", "unevaluatedItems"}
)


def describe(errors: Sequence[ValidationError]) -> list[str]:
    """The violations as lines, at most 20 and how many more there are; every value is cut."""
    from jsonschema.exceptions import relevance

    ordered = sorted(errors, key=relevance, reverse=True)
    # Half of an alternative's violations would mislead: they count as they are shown.
    lines = list(islice(_lines(ordered), MAX_VIOLATIONS))
    if len(errors) > MAX_VIOLATIONS:
        least = "at least " if len(errors) >= MAX_ERRORS else ""
        lines.append(f"and {least}{len(errors) - MAX_VIOLATIONS} more")
    return [sound(line) for line in lines]


def parameters_at_fault(errors: Iterable[ValidationError]) -> tuple[str, ...]:
    """The parameters that the violations are about, missing ones included, each once."""
    found: dict[str, None] = {}
    for error in errors:
        path = error.absolute_path
        if path:
            found[str(path[0])] = None
        elif error.validator == "required":
            found |= dict.fromkeys(n for n in error.validator_value if n not in error.instance)
    return tuple(found)


def said_again(
    name: str, schema: dict[str, Any], text: str, parameters: Sequence[str], times: int
) -> str:
    """What the model reads when it makes the same wrong call once more.

    Args:
        name: the tool's.
        schema: that of its arguments.
        text: what was wrong, as it was said before.
        parameters: those at fault; none: the whole schema is shown.
        times: how often the call has been made, this time included.
    """
    properties = schema.get("properties", {})
    known = [each for each in parameters if each in properties][:MAX_VIOLATIONS]
    shown = {each: properties[each] for each in known} if known else properties or schema
    if known and (used := _definitions(schema, shown)):
        shown = {**shown, "$defs": used}
    required = ", ".join(schema.get("required", ())) or "nothing"
    return sound(
        f"This is the same call of {name} as before, made {times} times now; it was not run, and "
        f"it will fail again as it is.\n{text}\n"
        f"{name} requires: {_cut(required)}.\n"
        f"The schema is: {_cut(_json(shown), MAX_SCHEMA)}\n"
        "Change the arguments, or go on without this call."
    )


def _definitions(schema: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """The definitions that the shown parameters name, without which they say little."""
    text = _json(shown)
    return {
        key: value for key, value in schema.get("$defs", {}).items() if f'"#/$defs/{key}"' in text
    }


def _lines(errors: Iterable[ValidationError]) -> Iterator[str]:
    for error in errors:
        if error.validator in ("anyOf", "oneOf"):
            yield from _alternatives(error)
        else:
            yield _line(error)


def _line(error: ValidationError) -> str:
    """One violation: where, which rule, the value, what would fit."""
    where, rule = _cut(error.json_path), error.validator
    if rule is None:  # the schema `false`; jsonschema does not say where it stands
        return f"{where}: {_cut(_json(error.instance))} may not stand where it does"
    if rule == "additionalProperties" and error.validator_value is False:
        known = ", ".join(error.schema.get("properties", {})) or "none"
        return f"{where}: {_cut(error.message)}; the properties are: {_cut(known)}"
    if rule in _SAID_BY_JSONSCHEMA:
        return f"{where}: {_cut(error.message)}"
    value, fits = _cut(_json(error.instance)), _cut(_json(error.validator_value))
    return f"{where}: {value} breaks the rule {rule}; what would fit: {fits}"


def _alternatives(error: ValidationError) -> Iterator[str]:
    """The violations of the nearest alternative; where none is nearer, what each would take."""
    branches: dict[int, list[ValidationError]] = defaultdict(list)
    for each in error.context:
        if each.relative_schema_path:  # else the schema `false`, which is no alternative
            branches[each.relative_schema_path[0]].append(each)
    where, value = _cut(error.json_path), _cut(_json(error.instance))
    if not branches:
        several = f"fits several alternatives of {error.validator}, not only one"
        yield f"{where}: {value} {'may not stand where it does' if error.context else several}"
        return
    ranked = sorted(branches.values(), key=_distance)
    if len(ranked) == 1 or _distance(ranked[0]) < _distance(ranked[1]):
        yield from _lines(ranked[0])
        return
    fits = " or ".join(_brief(error, at, each) for at, each in branches.items())
    yield f"{where}: {value} breaks the rule {error.validator}; what would fit: {_cut(fits)}"


def _distance(errors: Sequence[ValidationError]) -> tuple[int, int]:
    """How far a value is from an alternative: wrong kinds count more than wrong details."""
    kinds = 0
    for error in errors:
        depth = len(error.relative_path)
        if (error.validator == "type" and not depth) or (
            error.validator in ("const", "enum") and depth <= 1
        ):
            kinds += 1
    return kinds, len(errors)


def _brief(error: ValidationError, at: int, errors: Sequence[ValidationError]) -> str:
    """An alternative in short; one that is a reference is shown as what it refers to."""
    top = next((each for each in errors if not each.relative_path), None)
    schema = error.validator_value[at] if top is None else top.schema
    if isinstance(schema, dict) and isinstance(ref := schema.get("$ref"), str):
        return _cut(ref.rpartition("/")[2], _BRIEF)
    if isinstance(schema, dict) and (required := schema.get("required")):
        return _cut(f"an object with {', '.join(required)}", _BRIEF)
    return _cut(_json(schema), _BRIEF)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _cut(text: str, limit: int = MAX_SHOWN) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
