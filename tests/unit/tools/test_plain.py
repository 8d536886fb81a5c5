"""Is a schema written plainly where both validators read it alike, and refused where not?"""

from __future__ import annotations

from typing import Any

import pytest

from toolrun.tools.plain import MAX_NESTED, MAX_SUBSCHEMAS, NotPlain, plain

BIG = 2**53


@pytest.mark.parametrize(
    "schema",
    [
        True,
        False,
        {},
        {"type": ["object", "null"], "required": ["a"], "dependentRequired": {"a": ["b"]}},
        {"enum": [None, True, "a", 1, 1.5, -BIG + 1]},
        {"const": None},
        {"const": "a"},
        {"const": BIG - 1},
        {"minimum": 1 - BIG, "maximum": BIG - 1, "exclusiveMinimum": 0.5, "exclusiveMaximum": 2},
        {"minLength": 0, "maxLength": 1, "minItems": 0, "maxItems": BIG - 1, "multipleOf": 2},
        {"minProperties": 0, "maxProperties": 1},
        {"uniqueItems": True},
        {"pattern": r"^[a-z]+\d{2,3}$"},
        {"items": {"type": "string"}, "additionalProperties": False, "propertyNames": {}},
        {"if": {"type": "string"}, "then": {"minLength": 1}, "else": True},
        {"not": {"type": "string"}},
        {"allOf": [{}], "anyOf": [True], "oneOf": [{"const": 1}], "prefixItems": [{}]},
        {"properties": {"a": {"type": "string"}}, "dependentSchemas": {"a": {}}},
        {"contains": {"type": "string"}, "minContains": 0, "maxContains": 2},
        {"contains": {"uniqueItems": True}},
    ],
)
def test_what_both_read_alike_stays_as_it_is(schema: Any) -> None:
    found = plain(schema)

    assert found.schema == schema
    assert (found.formats, found.once, found.often) == (frozenset(), 0, 0)


def test_words_that_say_nothing_are_left_out() -> None:
    schema = {"type": "string", "title": "A", "description": "b", "default": 1, "x-own": {}}

    assert plain(schema).schema == {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        "string",
        {"items": None},
        {"allOf": {}},
        {"allOf": [1]},
        {"properties": []},
        {"properties": {"a": 1}},
        {"enum": "a"},
        {"enum": [[]]},
        {"enum": [{}]},
        {"const": []},
        {"const": BIG},
        {"const": -BIG},
        {"minimum": BIG},
        {"maximum": -BIG},
        {"minimum": "1"},
        {"maximum": True},
        {"minLength": -1},
        {"maxLength": BIG},
        {"minItems": 1.0},
        {"maxItems": True},
        {"multipleOf": 0.5},
        {"pattern": 1},
        {"pattern": r"\D"},
        {"pattern": r"[^\d]"},
        {"pattern": "a{3}{2}"},
        {"pattern": "(a"},
        {"format": 1},
        {"not": {"format": "date"}},
        {"not": {"pattern": "a"}},
        {"not": {"uniqueItems": True}},
        {"not": {"items": {"allOf": [{"uniqueItems": True}]}}},
        {"if": {"uniqueItems": True}},
        {"oneOf": [{"uniqueItems": True}]},
        {"contains": {"uniqueItems": True}, "maxContains": 1},
        {"not": {"contains": {"uniqueItems": True}}},
        {"$defs": {"a": {"$anchor": "a"}}},
        {"definitions": {"a": 1}},
        {"$defs": []},
        *({word: {}} for word in ("$id", "$schema", "$vocabulary", "$anchor", "$dynamicAnchor")),
        *({word: {}} for word in ("$dynamicRef", "$recursiveRef", "$recursiveAnchor")),
        *({word: {}} for word in ("patternProperties", "unevaluatedProperties", "dependencies")),
        *({word: {}} for word in ("unevaluatedItems", "contentSchema")),
    ],
)
def test_what_they_may_read_differently_is_refused(schema: Any) -> None:
    with pytest.raises(NotPlain):
        plain(schema)


def test_formats_are_told() -> None:
    schema = {"anyOf": [{"format": "date"}, {"format": "uuid"}], "format": "date"}

    assert plain(schema).formats == {"date", "uuid"}
    assert plain(schema).schema == schema


def test_what_a_reference_refers_to_stands_in_its_place() -> None:
    schema = {
        "$defs": {"n": {"type": "integer"}, "deep.er": {"$ref": "#/$defs/n", "minimum": 1}},
        "definitions": {"s": {"type": "string"}},
        "allOf": [{"type": "object"}],
        "$ref": "#/definitions/s",
        "properties": {"a": {"$ref": "#/$defs/deep.er"}},
    }
    found = plain(schema)

    number = {"minimum": 1, "allOf": [{"type": "integer"}]}
    assert found.schema == {
        "allOf": [{"type": "object"}, {"type": "string"}],
        "properties": {"a": {"allOf": [number]}},
    }
    # One more of what is only defined there.
    assert (found.once, found.often) == (4, 0)


@pytest.mark.parametrize(
    ("schema", "once", "often"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/n"}}}, 1, 0),
        ({"not": {"$ref": "#/$defs/n"}}, 1, 0),
        ({"items": {"$ref": "#/$defs/n"}}, 0, 1),
        ({"additionalProperties": {"properties": {"a": {"$ref": "#/$defs/n"}}}}, 0, 1),
        ({"propertyNames": {"$ref": "#/$defs/n"}}, 0, 1),
        ({"contains": {"allOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]}}, 0, 2),
        ({"prefixItems": [{"$ref": "#/$defs/n"}], "items": {"$ref": "#/$defs/n"}}, 1, 1),
    ],
)
def test_references_are_counted_by_how_often_they_are_followed(
    schema: dict[str, Any], once: int, often: int
) -> None:
    found = plain({**schema, "$defs": {"n": {}}})

    assert (found.once, found.often) == (once, often)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": 1},
        {"$ref": "#"},
        {"$ref": "#/"},
        {"$ref": "other.json"},
        {"$ref": "#/$defs/none", "$defs": {}},
        {"$ref": "#/$defs/a/b", "$defs": {"a": True}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$id": "https://example.org/a"}}},
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {}}},
        {"$ref": "#/$defs/a%25", "$defs": {"a%": {}}},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}},
        {"not": {"$ref": "#/$defs/u"}, "$defs": {"u": {"uniqueItems": True}}},
    ],
)
def test_references_out_of_it_or_back_to_themselves_are_refused(schema: Any) -> None:
    with pytest.raises(NotPlain):
        plain(schema)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://example.org/a", True),
        ("http://localhost", True),
        ("urn:a", False),
        ("https://example.org/a#b", False),
        (1, False),
    ],
)
def test_its_own_url_says_nothing(url: Any, *, fits: bool) -> None:
    if fits:
        assert plain({"$id": url, "type": "string"}).schema == {"type": "string"}
    else:
        with pytest.raises(NotPlain):
            plain({"$id": url, "type": "string"})


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize("wrap", ["items", "allOf"])
def test_so_many_levels_and_no_more(wrap: str) -> None:
    assert plain(nested(MAX_NESTED)).schema == nested(MAX_NESTED)
    with pytest.raises(NotPlain):
        plain(nested(MAX_NESTED + 1))
    with pytest.raises(NotPlain):
        plain({wrap: nested(MAX_NESTED) if wrap == "items" else [nested(MAX_NESTED)]})


def test_so_many_subschemas_and_no_more() -> None:
    most: dict[str, Any] = {"allOf": [{}] * (MAX_SUBSCHEMAS - 1)}
    assert plain(most).schema == most
    with pytest.raises(NotPlain):
        plain({"allOf": [{}] * MAX_SUBSCHEMAS})
