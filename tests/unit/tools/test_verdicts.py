"""Is the verdict on any arguments jsonschema's own, over its test suite and over random schemas?"""

from __future__ import annotations

import json
import lzma
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import referencing
import referencing.jsonschema
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from toolrun import ToolDefinitionError
from toolrun.tools.validation import ArgumentsInvalid, Validator, parse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("engine")

PACKED = Path(__file__).parent / "json-schema-test-suite" / "draft2020-12.json.xz"
SUITE = json.loads(lzma.decompress(PACKED.read_bytes()))
DRAFT = jsonschema.Draft202012Validator
REMOTE = "http://localhost:1234"  # where the suite's schemas say that the others are


@cache
def registry() -> Any:
    """The suite's remote schemas; those of other drafts that do not say so are not for this one."""
    return referencing.Registry().with_contents(
        [
            (f"{REMOTE}/{path}", schema)
            for path, schema in SUITE["remotes"].items()
            if "$schema" in schema
            or not path.startswith("draft")
            or path.startswith("draft2020-12")
        ],
        default_specification=referencing.jsonschema.DRAFT202012,
    )


def ours(schema: Any) -> Callable[[Any], bool | str]:
    """Gives the verdict on a value that comes as the text of a call does."""
    try:
        validator = Validator("f", schema, registry())
    except ToolDefinitionError:
        return lambda _: "no schema"
    return partial(accepts, validator)


def accepts(validator: Validator, value: Any) -> bool | str:
    came = parse("f", json.dumps({"value": value}))["value"]
    try:
        validator.check(came)
    except ArgumentsInvalid as error:
        return "no verdict" if "cannot be checked" in str(error) else False
    return True


def theirs(schema: Any) -> Callable[[Any], bool | str]:
    try:
        DRAFT.check_schema(schema)
    except jsonschema.SchemaError:
        return lambda _: "no schema"
    validator = DRAFT(schema, registry=registry(), format_checker=DRAFT.FORMAT_CHECKER)
    return lambda value: bool(validator.is_valid(value))


REQUIRED = [path for path in SUITE["tests"] if not path.startswith("optional/")]
NO_VOCABULARY = (
    "vocabulary.json: schema that uses custom metaschema with with no validation vocabulary: "
    "no validation: invalid number, but it still validates"
)
NOT_JSONSCHEMA_S = {
    # jsonschema has no vocabularies yet.
    NO_VOCABULARY,
    # Here a format is a rule, as it is for jsonschema with a format checker.
    "format.json",
}


@pytest.mark.parametrize("path", SUITE["tests"])
def test_the_suite_gets_jsonschema_s_verdicts_and_where_it_is_required_the_suite_s(
    path: str,
) -> None:
    differ, wrong = [], set()
    for group in SUITE["tests"][path]:
        mine, reference = ours(group["schema"]), theirs(group["schema"])
        for test in group["tests"]:
            what = f"{path}: {group['description']}: {test['description']}"
            verdict = mine(test["data"])
            if verdict is not reference(test["data"]):
                differ.append(what)
            if verdict is not test["valid"]:
                wrong.add(what)

    assert differ == []
    if path in REQUIRED and path not in NOT_JSONSCHEMA_S:
        assert wrong - NOT_JSONSCHEMA_S == set()


def test_the_suite_is_whole() -> None:
    groups = [group for path in SUITE["tests"] for group in SUITE["tests"][path]]
    verdicts = [test["valid"] for group in groups for test in group["tests"]]

    assert len(REQUIRED) == 46
    assert len(verdicts) == 1906
    assert 900 < sum(verdicts) < 1200


KEYS = st.sampled_from(["a", "b", "c", "^x"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 1.5, 1e308, 10**30, "", "a", "ab", "x1", "ü"])
)
NEAR = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
SMALL = st.integers(0, 3)
KINDS = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
FORMATS = st.sampled_from(
    ["date", "date-time", "email", "ipv4", "uri", "uuid", "duration", "regex"]
)


def keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas of any keyword over those of `inner`."""
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(KEYS, inner, max_size=3)
    names = st.lists(KEYS, max_size=2, unique=True)
    rules: dict[str, st.SearchStrategy[Any]] = {
        "type": KINDS | st.lists(KINDS, min_size=1, max_size=3, unique=True),
        "enum": st.lists(NEAR, min_size=1, max_size=3),
        "const": NEAR,
        "minimum": st.integers(-2, 2),
        "exclusiveMaximum": st.integers(-2, 2),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": SMALL,
        "maxLength": SMALL,
        "pattern": st.sampled_from(["^a", "b$", "[0-9]", "."]),
        "format": FORMATS,
        "items": inner,
        "prefixItems": some,
        "contains": inner,
        "minContains": SMALL,
        "maxContains": SMALL,
        "minItems": SMALL,
        "maxItems": SMALL,
        "uniqueItems": st.booleans(),
        "properties": named,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "x"]), inner, max_size=2),
        "additionalProperties": inner,
        "propertyNames": inner,
        "required": names,
        "minProperties": SMALL,
        "maxProperties": SMALL,
        "dependentRequired": st.dictionaries(KEYS, names, max_size=2),
        "dependentSchemas": named,
        "unevaluatedProperties": inner,
        "unevaluatedItems": inner,
        "anyOf": some,
        "oneOf": some,
        "allOf": some,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"]),
    }
    chosen = st.lists(st.sampled_from(list(rules)), max_size=4, unique=True)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries({key: rules[key] for key in keys}))


PARTS = st.recursive(st.booleans() | keywords(st.booleans()), keywords, max_leaves=6)


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A schema of an object; what it refers to does not refer on, so that it ends."""
    part = keywords(st.booleans()).filter(lambda each: "$ref" not in each)
    return {
        "type": "object",
        "properties": draw(st.dictionaries(KEYS, PARTS, max_size=3)),
        **draw(keywords(PARTS)),
        "$defs": {"one": draw(part), "two": draw(part)},
    }


def check_random_schemas(examples: int) -> None:
    @settings(
        max_examples=examples,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        schemas(),
        st.lists(st.dictionaries(KEYS, NEAR, max_size=4) | NEAR | ANY, min_size=5, max_size=8),
    )
    def accepted_exactly_when_jsonschema_accepts(schema: dict[str, Any], values: list[Any]) -> None:
        validator, reference = Validator("f", schema), theirs(schema)
        for value in values:
            verdict = reference(value)
            event("accepted" if verdict else "refused")
            assert accepts(validator, value) is verdict
            text = json.dumps(value)
            if not isinstance(value, dict):
                with pytest.raises(ArgumentsInvalid, match="must be a JSON object"):
                    parse("f", text)

    accepted_exactly_when_jsonschema_accepts()


def test_arguments_are_accepted_exactly_when_jsonschema_accepts() -> None:
    check_random_schemas(20)


@pytest.mark.load
def test_arguments_of_two_hundred_schemas_are() -> None:
    check_random_schemas(200)
