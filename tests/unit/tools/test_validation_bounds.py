"""Does checking come to an end in bounded time and memory, whatever the arguments are?"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.tools.keywords import lean
from toolrun.tools.validation import (
    MAX_BYTES,
    MAX_DEPTH,
    ArgumentsInvalid,
    Validator,
    parse,
)

pytestmark = pytest.mark.usefixtures("engine")


def refusal(arguments: Any, schema: dict[str, Any]) -> str:
    with pytest.raises(ArgumentsInvalid) as caught:
        Validator("weather", schema).check(arguments)
    return str(caught.value)


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


def test_half_a_surrogate_pair_in_a_schema_is_no_crash() -> None:
    said = refusal({"x": 1}, {"properties": {"x": {"enum": ["a\ud800"]}}})

    assert '["a\ufffd"]' in said


def test_a_name_that_the_model_made_up_is_cut() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}

    assert len(refusal({"k" * MAX_BYTES: "x"}, schema)) < 1000


def test_arguments_of_ten_megabytes_are_refused_at_once() -> None:
    text = '{"city": "' + "a" * (10 * 1024 * 1024) + '"}'
    with pytest.raises(ArgumentsInvalid, match=f"at most {MAX_BYTES}"):
        parse("weather", text)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("1" * 100_000, "a number of 100000 digits is too long; at most 4300"),
        ("1" * 1_000_000, "a number of 1000000 digits is too long; at most 4300"),
        ("1e999999", "out of range"),
        ("1e" + "9" * 1_000_000, "out of range"),
        ("NaN", "NaN is not JSON; give a number, null or a string"),
        ("-Infinity", "-Infinity is not JSON"),
    ],
    ids=range(6),
)
def test_numbers_beyond_all_bounds_are_refused_at_once(number: str, said: str) -> None:
    began = time.process_time()
    with pytest.raises(ArgumentsInvalid, match=said):
        parse("weather", f'{{"n": {number}}}')

    assert time.process_time() - began < 10


NUMBERS: dict[str, Any] = {
    "properties": {"n": {"type": "integer", "maximum": 5, "multipleOf": 3}},
    "uniqueItems": True,
}


@pytest.mark.parametrize("number", ["1" * 4300, "0." + "1" * 1_000_000, "1e-999999"], ids=range(3))
def test_long_numbers_are_checked_in_bounded_time(number: str) -> None:
    began = time.process_time()
    assert "$.n" in refusal(parse("weather", f'{{"n": {number}, "x": 1}}') | {"n": 7.5}, NUMBERS)
    with contextlib.suppress(ArgumentsInvalid):
        Validator("weather", NUMBERS).check(parse("weather", f'{{"n": {number}}}'))

    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"multipleOf": 0.5}, 10**400),
        ({"format": "regex"}, "a{99999999999}"),
        ({"format": "regex"}, "(" * 5000),
    ],
)
def test_what_jsonschema_fails_on_is_refused(rule: dict[str, Any], value: Any) -> None:
    said = refusal({"x": value}, {"properties": {"x": rule}})

    assert "cannot be checked, so it was not run" in said
    assert len(said) < 300


def test_a_schema_that_refers_to_itself_without_end_is_no_crash() -> None:
    assert "cannot be checked" in refusal({}, {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#"}}})


EXPRESSION: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "properties": {"x": {"$ref": "#/$defs/E"}},
    "$defs": {
        "E": {"anyOf": [{"$ref": "#/$defs/Add"}, {"$ref": "#/$defs/Not"}, {"type": "integer"}]},
        "Add": {
            "properties": {"of": {"$ref": "#/$defs/E"}, "op": {"const": "add"}},
            "required": ["op"],
            "type": "object",
        },
        "Not": {
            "properties": {"of": {"$ref": "#/$defs/E"}, "op": {"const": "not"}},
            "required": ["op"],
            "type": "object",
        },
    },
}


def expression(depth: int, leaf: Any = 1) -> dict[str, Any]:
    value = leaf
    for _ in range(depth):
        value = {"op": "not", "of": value}
    return {"x": value}


def test_long_values_are_shown_short_where_references_recurse() -> None:
    said = refusal(expression(2, {"op": "x" * 1000}) | {"y": 1}, EXPRESSION)

    assert "xxx..." in said
    assert "what would fit: Add or Not or " in said
    assert len(said) < 1000


@pytest.mark.load
@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.just("x" * 500),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("k" * 500), inner),
    )
)
def test_what_has_a_short_repr_is_the_same_value(value: Any) -> None:
    short = lean(value)

    assert short == value
    assert json.dumps(short) == json.dumps(value)
    assert len(repr(short)) < 1300


@pytest.mark.parametrize("leaf", [1, pytest.param("x" * 900_000, marks=pytest.mark.load)])
def test_recursive_alternatives_take_bounded_time(leaf: Any) -> None:
    validator = Validator("f", EXPRESSION)
    validator.check(expression(8))
    began = time.process_time()
    # 2 to the 60 visits, left to itself; of a text, no alternative takes it.
    with pytest.raises(ArgumentsInvalid, match="too many alternatives; make them simpler"):
        validator.check(expression(60, leaf))

    assert time.process_time() - began < 20


def test_large_arguments_may_take_many_references() -> None:
    schema = {
        "properties": {"x": {"items": {"$ref": "#/$defs/I"}}},
        "$defs": {"I": {"type": "integer"}},
    }
    Validator("f", schema).check({"x": list(range(15_000))})


def test_many_items_are_told_apart_in_bounded_time() -> None:
    validator = Validator("f", {"properties": {"x": {"uniqueItems": True}}})
    items: list[Any] = [{"n": number} for number in range(20_000)]
    began = time.process_time()
    validator.check({"x": items})
    with pytest.raises(ArgumentsInvalid, match="uniqueItems"):
        validator.check({"x": [*items, {"n": 7}]})

    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        ([1], [True]),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}),
        ("1", 1),
        ("[1]", [1]),
        (None, "null"),
        (1e308, int(1e308)),
        (0.0, -0.0),
        ({}, []),
        ("a", "b"),
    ],
)
def test_many_items_are_told_apart_as_jsonschema_does(one: Any, other: Any) -> None:
    schema = {"properties": {"x": {"uniqueItems": True}}}
    # Objects among them: nothing is sorted.
    arguments = {"x": [*({"n": number} for number in range(200)), one, other]}
    theirs = jsonschema.Draft202012Validator(schema).is_valid(arguments)
    try:
        Validator("f", schema).check(arguments)
    except ArgumentsInvalid:
        assert not theirs
    else:
        assert theirs


def test_a_hundred_thousand_violations_are_one_short_message() -> None:
    schema = {"properties": {"x": {"items": {"type": "string"}}}}
    began = time.process_time()
    said = refusal({"x": list(range(100_000))}, schema)

    assert "- and at least 980 more" in said
    assert len(said) < 5000
    assert time.process_time() - began < 10
