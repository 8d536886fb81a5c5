"""Does every violation reach the model in one message, and does nothing hostile get further?"""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any, NoReturn

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from toolrun import ToolDefinitionError
from toolrun.tools.validation import (
    ArgumentsInvalid,
    Validator,
    parse,
)
from toolrun.tools.violations import MAX_VIOLATIONS

pytestmark = pytest.mark.usefixtures("engine")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"enum": ["C", "F"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "places": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "on": {"type": "string", "format": "date"},
    },
    "required": ["city"],
    "additionalProperties": False,
}


def refusal(arguments: Any, schema: dict[str, Any] = SCHEMA) -> str:
    with pytest.raises(ArgumentsInvalid) as caught:
        Validator("weather", schema).check(arguments)
    return str(caught.value)


def test_what_fits_passes() -> None:
    Validator("weather", SCHEMA).check({"city": "Paris", "days": 3, "on": "2026-01-01"})


def test_every_violation_is_said_at_once() -> None:
    said = refusal({"unit": "K", "days": 99, "places": [{}], "weather": True, "on": "tomorrow"})

    assert said.startswith("The arguments of weather do not fit its schema; it was not run.\n")
    assert said.endswith("Call it again with corrected arguments.")
    assert set(said.splitlines()[1:-1]) == {
        "- $: 'city' is a required property",
        (
            "- $: Additional properties are not allowed ('weather' was unexpected); "
            "the properties are: city, unit, days, places, on"
        ),
        '- $.unit: "K" breaks the rule enum; what would fit: ["C","F"]',
        "- $.days: 99 breaks the rule maximum; what would fit: 14",
        "- $.places[0]: 'name' is a required property",
        '- $.on: "tomorrow" breaks the rule format; what would fit: "date"',
    }


def test_long_values_and_many_violations_are_cut() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    said = refusal({f"k{number}": "x" * 5000 for number in range(30)}, schema)

    assert len(said) < 300 * MAX_VIOLATIONS
    assert "- and 10 more" in said


@pytest.mark.parametrize("value", [10**30, -(10**30), "\x00", [[[]]], None, 1e308, True])
def test_a_value_of_any_kind_can_be_shown(value: Any) -> None:
    assert "$.city" in refusal({"city": value} if value != "\x00" else {"city": [value]})


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_whatever_the_model_writes_is_an_object_or_a_refusal(value: Any) -> None:
    text = json.dumps(value, allow_nan=False)
    try:
        arguments = parse("weather", text)
        Validator("weather", SCHEMA).check(arguments)
    except ArgumentsInvalid:
        event("refused")
    else:
        assert arguments == value


@given(st.text())
def test_no_text_of_the_model_is_an_error_of_the_session(text: str) -> None:
    with contextlib.suppress(ArgumentsInvalid):
        assert isinstance(parse("weather", text), dict)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"city":', "not valid JSON"),
        ('{"city": "a"} {}', "not valid JSON"),
        ("{'city': 1}", "not valid JSON"),
        ('{"n": NaN}', "not valid JSON"),
        ('{"n": 1e999}', "not valid JSON"),
        ('{"n": "\\ud800"}', "not valid JSON"),
        ('{"n": "\ud800"}', "not valid JSON"),  # a lone surrogate that came as such
        ("[1]", "must be a JSON object, not an array"),
        ('"x"', "must be a JSON object, not a string"),
        ("null", "must be a JSON object, not null"),
        ("true", "must be a JSON object, not a boolean"),
        ("7", "must be a JSON object, not a number"),
    ],
)
def test_what_is_not_an_object_in_json_is_refused(text: str, said: str) -> None:
    with pytest.raises(ArgumentsInvalid, match=said):
        parse("weather", text)


@pytest.mark.parametrize("text", ["", "  \n", "{}"])
def test_no_arguments_are_an_empty_object(text: str) -> None:
    assert parse("weather", text) == {}


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(ToolDefinitionError, match=r"tool f: its schema is not valid at .*type"):
        Validator("f", {"type": "object", "properties": {"x": {"type": "nonsense"}}})


@pytest.mark.parametrize(
    "ref", ["http://127.0.0.1:9/schema.json", "https://example.com/x", "file:///etc/passwd", "#/no"]
)
def test_a_reference_to_elsewhere_is_never_followed(
    ref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*arguments: object) -> NoReturn:
        raise AssertionError("it went to the network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(ToolDefinitionError, match="tool f: its schema refers to"):
        Validator("f", {"type": "object", "properties": {"x": {"$ref": ref}}})


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"unused": {"$ref": "#/$defs/no"}}},
        {"anyOf": [{"not": {"items": {"$dynamicRef": "other.json#x"}}}]},
        {"$id": "https://example.com/a", "properties": {"x": {"$ref": "b"}}},
    ],
)
def test_a_broken_reference_is_found_wherever_a_schema_stands(schema: dict[str, Any]) -> None:
    with pytest.raises(ToolDefinitionError, match="tool f: its schema refers to"):
        Validator("f", schema)


def test_what_only_looks_like_a_reference_is_none() -> None:
    like = {"const": {"$ref": "#/no"}, "properties": {"$ref": {"type": "string"}}}
    Validator("f", {"enum": [{"$ref": "#/no"}], "default": {"$ref": "#/no"}, "examples": [like]})
    Validator("f", {"type": "object", "properties": {"$ref": {"type": "string"}}})


def test_a_reference_within_is_followed() -> None:
    schema = {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/X"}},
        "$defs": {"X": {"type": "integer"}},
    }
    Validator("f", schema).check({"x": 1})
    assert "$.x" in refusal({"x": "a"}, schema)


CIRCLE = {
    "type": "object",
    "properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}},
    "required": ["kind", "radius"],
    "additionalProperties": False,
}
SQUARE = {
    "type": "object",
    "properties": {"kind": {"const": "square"}, "side": {"type": "number"}},
    "required": ["kind", "side"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_of_alternatives_the_nearest_is_told(keyword: str) -> None:
    schema = {
        "properties": {"shape": {keyword: [{"$ref": "#/$defs/S"}, {"$ref": "#/$defs/C"}]}},
        "$defs": {"C": CIRCLE, "S": SQUARE},
    }
    said = refusal({"shape": {"kind": "circle", "radius": "3"}}, schema)

    assert '- $.shape.radius: "3" breaks the rule type; what would fit: "number"' in said
    assert "square" not in said
    assert "side" not in said


def test_where_no_alternative_is_nearer_each_is_told() -> None:
    optional = {"properties": {"x": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}
    assert refusal({"x": "a"}, optional).splitlines()[1] == (
        '- $.x: "a" breaks the rule anyOf; what would fit: {"type":"integer"} or {"type":"null"}'
    )
    shapes = {
        "properties": {"shape": {"oneOf": [{"$ref": "#/$defs/S"}, {"$ref": "#/$defs/C"}]}},
        "$defs": {"C": CIRCLE, "S": SQUARE},
    }
    assert "an object with kind, side or an object with kind, radius" in refusal(
        {"shape": 3}, shapes
    )


def test_a_nested_alternative_is_told_from_within() -> None:
    inner = {"anyOf": [{"type": "null"}, CIRCLE]}
    schema = {"properties": {"x": {"anyOf": [{"type": "null"}, {"items": inner}]}}}
    said = refusal({"x": [{"kind": "circle"}]}, schema)

    assert "- $.x[0]: 'radius' is a required property" in said


def test_what_fits_twice_is_said() -> None:
    said = refusal({"x": 3}, {"properties": {"x": {"oneOf": [{"minimum": 1}, {"maximum": 5}]}}})

    assert "- $.x: 3 fits several alternatives of oneOf, not only one" in said


def test_what_may_not_stand_at_all_is_said() -> None:
    said = refusal({"x": 3}, {"properties": {"x": False}})

    assert "3 may not stand where it does" in said


def test_what_other_properties_must_be_is_said() -> None:
    said = refusal({"k": "x"}, {"type": "object", "additionalProperties": {"type": "integer"}})

    assert '- $.k: "x" breaks the rule type; what would fit: "integer"' in said


def test_the_parameters_at_fault_are_told() -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        Validator("weather", SCHEMA).check({"days": 99, "places": [{}]})

    assert set(caught.value.parameters) == {"city", "days", "places"}


def test_the_last_of_two_equal_keys_holds() -> None:
    assert parse("weather", '{"city": 1, "city": "Paris"}') == {"city": "Paris"}
