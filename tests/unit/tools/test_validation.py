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
    MAX_BYTES,
    MAX_DEPTH,
    MAX_VIOLATIONS,
    ArgumentsInvalid,
    Validator,
    parse,
)

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


def test_arguments_up_to_one_mebibyte_are_read() -> None:
    room = MAX_BYTES - len('{"x":""}')
    assert len(parse("weather", '{"x":"' + "a" * room + '"}')["x"]) == room
    with pytest.raises(ArgumentsInvalid, match=f"at most {MAX_BYTES}"):
        parse("weather", '{"x":"' + "a" * (room + 1) + '"}')


def test_the_size_is_that_in_bytes() -> None:
    with pytest.raises(ArgumentsInvalid, match=f"at most {MAX_BYTES}"):
        parse("weather", '{"x":"' + "ü" * (MAX_BYTES // 2) + '"}')


def nested(depth: int, opening: str, closing: str) -> str:
    return '{"x":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"x":', "}")])
def test_sixty_four_deep_is_the_end(opening: str, closing: str) -> None:
    assert parse("weather", nested(MAX_DEPTH, opening, closing))
    with pytest.raises(ArgumentsInvalid, match="nested more than 64 deep"):
        parse("weather", nested(MAX_DEPTH + 1, opening, closing))
    with pytest.raises(ArgumentsInvalid, match="weather"):
        parse("weather", nested(100_000, opening, closing))


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
        Validator("f", {"type": "object", "properties": {"x": {"$ref": ref}}}).check({"x": 1})


def test_a_reference_within_is_followed() -> None:
    schema = {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/X"}},
        "$defs": {"X": {"type": "integer"}},
    }
    Validator("f", schema).check({"x": 1})
    assert "$.x" in refusal({"x": "a"}, schema)
