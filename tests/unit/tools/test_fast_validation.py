"""Does jsonschema-rs accept nothing that jsonschema refuses, and is all as before without it?"""

from __future__ import annotations

import copy
import json
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.unit.tools.test_verdicts import ANY, KEYS, LEAVES, NEAR, SUITE, schemas
from toolrun import ToolDefinitionError
from toolrun.tools import compiled, fast_validation
from toolrun.tools.fast_validation import FirstOpinion, first_opinion
from toolrun.tools.plain import NotPlain, plain
from toolrun.tools.validation import ArgumentsInvalid, Validator

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator

rust = pytest.importorskip("jsonschema_rs")
DRAFT = jsonschema.Draft202012Validator
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def opinion(schema: Any) -> FirstOpinion:
    first = first_opinion(schema, rust)
    assert first is not None
    return first


def theirs(schema: Any, value: Any) -> bool:
    return bool(DRAFT(schema, format_checker=DRAFT.FORMAT_CHECKER).is_valid(value))


# What the two disagree on. A row that fails has become alike, and could be let in.

ACCEPTED_BY_RUST_ALONE: list[tuple[dict[str, Any], Any]] = [
    ({"multipleOf": 0.1}, 0.3),  # a quotient that is rounded
    ({"multipleOf": 0.01}, 19.99),
    ({"pattern": r"^\D$"}, "\u0663"),  # Python's classes are Unicode's
    ({"pattern": r"^\W$"}, "é"),
    ({"pattern": r"^[^\d]$"}, "\u0663"),
    ({"pattern": r"^\s$"}, "\ufeff"),
    ({"not": {"pattern": "^a$"}}, "a\n"),  # Python's $ looks past a line feed
    ({"not": {"pattern": "^.$"}}, "\r"),
    ({"oneOf": [{"pattern": r"^\d$"}, {"const": "\u0663"}]}, "\u0663"),
    ({"if": {"pattern": r"^\d$"}, "then": False}, "\u0663"),
    ({"contains": {"pattern": "^a$"}, "maxContains": 1}, ["a", "a\n"]),
    ({"patternProperties": {r"^\w$": False}}, {"é": 1}),
    ({"patternProperties": {"^a$": False}}, {"a\n": 1}),
    ({"not": {"uniqueItems": True}}, [[1], [True], [1]]),  # jsonschema sorts, True beside 1
    ({"format": "time"}, "23:59:60Z"),  # leap seconds
    ({"format": "date-time"}, "1998-12-31T23:59:60Z"),
]


@pytest.mark.parametrize(("schema", "value"), ACCEPTED_BY_RUST_ALONE, ids=repr)
def test_what_only_rust_accepts_is_refused(schema: dict[str, Any], value: Any) -> None:
    assert rust.Draft202012Validator(schema, validate_formats=True).is_valid(value)
    assert not theirs(schema, value)

    first = first_opinion(schema, rust)
    assert first is None or not first.accepts(value)
    with pytest.raises(ArgumentsInvalid):
        Validator("f", schema).check(value)


VALID_IN_RUST_ALONE = [
    {"pattern": r"\p{L}"},
    {"pattern": r"\cA"},
    {"patternProperties": {r"\p{L}": True}},
    {"$dynamicRef": "http://["},
]


@pytest.mark.parametrize("schema", VALID_IN_RUST_ALONE, ids=repr)
def test_a_schema_that_only_rust_takes_is_refused(schema: dict[str, Any]) -> None:
    assert rust.meta.is_valid(schema)
    with pytest.raises(jsonschema.SchemaError):
        DRAFT.check_schema(schema)

    assert first_opinion(schema, rust) is None
    with pytest.raises(ToolDefinitionError):
        Validator("f", schema)


def test_what_is_no_json_is_not_taken_for_it() -> None:
    assert rust.meta.is_valid({"required": ("a",)})
    with pytest.raises(ToolDefinitionError, match="not valid at required"):
        Validator("f", {"required": ("a",)})


# The suite.


def test_the_suite_finds_nothing_that_rust_accepts_wrongly() -> None:
    asked = accepted = 0
    for group in (group for groups in SUITE["tests"].values() for group in groups):
        schema = bare(group["schema"])
        if (first := first_opinion(schema, rust)) is None:
            continue
        DRAFT.check_schema(schema)
        for test in group["tests"]:
            asked += 1
            if first.accepts(test["data"]):
                accepted += 1
                assert theirs(schema, test["data"]), (group["description"], test["description"])

    assert asked > 1200  # of 1906
    assert accepted > 700


def bare(schema: Any) -> Any:
    """As `Compiled` has it: without the draft that it is of."""
    if not isinstance(schema, dict):
        return schema
    return {key: value for key, value in schema.items() if key != "$schema"}


# Random schemas, of numbers too that a float cannot hold.

NUMBERS = st.sampled_from(
    [0, -0.0, 1, 1.0, 0.1, 0.3, 1.5, 1e30, 10**30, 1e308, int(1e308), 10**400, -(10**400)]
    + [number + by for number in (2**53, 2**63, 2**64) for by in (-1, 0, 1)]
    + [float(2**53), float(2**53 - 1), -(2.0**63), 5e-324]
)
VALUES = st.recursive(
    LEAVES | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
LIMITS = st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const"])
NUMERIC = st.dictionaries(LIMITS, NUMBERS, min_size=1, max_size=2) | st.one_of(
    st.builds(lambda values: {"enum": values}, st.lists(NUMBERS | LEAVES, min_size=1, max_size=4)),
    st.builds(lambda number: {"multipleOf": number}, st.sampled_from([1, 2, 3, 7, 2**52])),
    st.builds(lambda kind: {"type": kind}, st.sampled_from(["integer", "number"])),
    st.just({"uniqueItems": True}),
)
WRAPS = st.sampled_from(
    [
        lambda inner: inner,
        lambda inner: {"not": inner},
        lambda inner: {"oneOf": [inner, {"type": "integer"}]},
        lambda inner: {"if": inner, "then": {"type": "string"}, "else": {"type": "number"}},
        lambda inner: {"items": inner},
        lambda inner: {"contains": inner, "maxContains": 1},
        lambda inner: {"anyOf": [{"not": {"not": inner}}, {"$ref": "#/$defs/n"}]},
        lambda inner: {"additionalProperties": {"allOf": [inner, {"minProperties": 0}]}},
    ]
)


@st.composite
def numeric(draw: st.DrawFn) -> Any:
    schema = draw(WRAPS)(draw(WRAPS)(draw(NUMERIC)))
    return {**schema, "$defs": {"n": draw(NUMERIC)}}


def holds(schema: Any, values: list[Any]) -> None:
    first = first_opinion(bare(schema), rust)
    event("plain" if first else "not plain")
    if first is None:
        return
    DRAFT.check_schema(schema)
    for value in values:
        if first.accepts(value):
            event("accepted")
            assert theirs(schema, value), value


@pytest.mark.load
@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(
    schemas(),
    st.lists(st.dictionaries(KEYS, NEAR, max_size=4) | NEAR | ANY, min_size=5, max_size=8),
)
def test_what_rust_accepts_of_random_schemas_jsonschema_accepts(
    schema: dict[str, Any], values: list[Any]
) -> None:
    holds(schema, values)


@pytest.mark.load
@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(numeric(), st.lists(VALUES | NUMBERS | st.lists(NUMBERS), min_size=8, max_size=12))
def test_numbers_beyond_a_float_are_told_apart(schema: dict[str, Any], values: list[Any]) -> None:
    holds(schema, values)


SINGLE = [*"^$ab.()|*?é]-", "++", "+?", "{2}", "{1,2}", "{,2}", "(?:", "(?!", "(?i)", "&&"]
CLASSES = [r"\d", r"\w", r"\s", r"\D", r"\b", r"\1", r"\.", r"\$", "[a-c]", "[^a]", "[a-", "[$]"]
PIECES = st.sampled_from([*SINGLE, *CLASSES, r"[\d_]", r"[^\d]"])
LETTERS = st.text(st.sampled_from("ab1_.\n\r\u2028\u0663é \ufeff$-A"), max_size=6)


@pytest.mark.load
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(st.lists(PIECES, min_size=1, max_size=6).map("".join), st.lists(LETTERS, min_size=4))
def test_expressions_match_no_more_than_python_s(pattern: str, texts: list[str]) -> None:
    first = first_opinion({"pattern": pattern}, rust)
    event("plain" if first else "not plain")
    assume(first)
    expression = re.compile(pattern)
    for text in texts:
        if first is not None and first.accepts(text):
            event("matches")
            assert expression.search(text)


ODD = [None, True, 0, -1, 2.0, 1.5, 10**30, "", "[", "string", [], ["a", "a"], [1], {}, {"a": 1}]
WORDS = [*DRAFT.VALIDATORS, "$defs", "title", "default", "examples", "deprecated", "minContains"]
WORDS += ["then", "else", "$comment", "definitions", "contentEncoding", "$anchor", "$id"]


def spoiled(schema: Any, chance: random.Random) -> Any:
    """The schema with something odd in one place."""
    if isinstance(schema, dict) and schema and chance.random() < 0.7:
        key = chance.choice(list(schema))
        return {**schema, key: spoiled(schema[key], chance)}
    if isinstance(schema, dict) and chance.random() < 0.7:
        return {**schema, chance.choice(WORDS): copy.deepcopy(chance.choice(ODD))}
    return copy.deepcopy(chance.choice(ODD))


@pytest.mark.load
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(schemas(), st.randoms(use_true_random=False))
def test_a_schema_that_has_a_first_opinion_is_valid(
    schema: dict[str, Any], chance: random.Random
) -> None:
    spoilt = spoiled(schema, chance)
    assume(isinstance(spoilt, dict))
    try:
        DRAFT.check_schema(spoilt)
    except jsonschema.SchemaError:
        event("not valid")
        assert first_opinion(spoilt, rust) is None
    else:
        event("valid")


# What everyday schemas have is plain.


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}},
        {"properties": {"a": {"pattern": r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$", "title": "A"}}},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"enum": ["x", 1, None]}}},
        {"$id": "https://example.com/a.json", "additionalProperties": False, "x-own": [1]},
        {"oneOf": [{"$ref": "#/$defs/A"}, {"type": "null"}], "$defs": {"A": {"const": "a"}}},
        {"items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "uniqueItems": True},
        True,
    ],
    ids=range(7),
)
def test_everyday_schemas_are_plain(schema: Any) -> None:
    opinion(schema)


def test_a_reference_is_what_it_refers_to_and_what_stands_beside_it() -> None:
    schema = {
        "properties": {"x": {"$ref": "#/$defs/A", "minimum": 2, "allOf": [{"maximum": 9}]}},
        "$defs": {"A": {"type": "integer"}},
    }
    first = opinion(schema)

    assert [first.accepts({"x": x}) for x in (5, 1, 10, "a")] == [True, False, False, False]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"x": {"$ref": "#/properties/x"}}},
        {"$ref": "#/$defs/no"},
        {"$ref": "#/$defs/a%25b", "$defs": {"a%b": True}},
        {"$ref": "other.json"},
        {"$defs": {"unused": {"$ref": "#/$defs/no"}}},
        {"$defs": {"A": {"$id": "https://example.com/", "$defs": {"B": {}}}}},
        {"properties": {"x": {"$schema": "http://json-schema.org/draft-07/schema"}}},
        {"$schema": "http://json-schema.org/draft-07/schema"},
        {"properties": []},
        {"allOf": {}},
        {"pattern": "("},
        {"pattern": "(a){3,1}"},
        {"const": 2**53},
        {"minimum": 1e300},
        {"maxLength": 2.0},
        {"enum": [[1]]},
        {"enum": "a"},
        {"format": 3},
        {"$ref": 3},
        {"items": [True]},
    ],
    ids=repr,
)
def test_the_rest_is_not(schema: dict[str, Any]) -> None:
    with pytest.raises(NotPlain):
        plain(schema)


def test_a_schema_that_doubles_at_each_reference_is_given_up() -> None:
    doubles = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    began = time.process_time()
    with pytest.raises(NotPlain):
        plain({"$ref": "#/$defs/d0", "$defs": {**doubles, "d40": True}})

    assert time.process_time() - began < 10


def test_a_schema_that_is_nested_beyond_reason_is_given_up() -> None:
    nested: dict[str, Any] = {}
    for _ in range(60):
        nested = {"items": nested}

    with pytest.raises(NotPlain):
        plain(nested)


# The bounds.


def outcome(schema: Any, value: Any, *, with_rust: bool) -> str:
    with pytest.MonkeyPatch.context() as patch:
        if not with_rust:
            patch.setattr(fast_validation, "library", lambda: None)
        try:
            Validator("f", schema).check(value)
        except ArgumentsInvalid as error:
            return str(error)
    return "accepted"


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(15_000, marks=pytest.mark.load),
        pytest.param(19_000, marks=pytest.mark.load),
        21_000,
    ],
)
def test_no_more_references_are_followed_than_jsonschema_may(count: int) -> None:
    schema = {"items": {"$ref": "#/$defs/I"}, "$defs": {"I": {"type": "integer"}}}
    value = list(range(count))
    said = outcome(schema, value, with_rust=True)

    assert said == outcome(schema, value, with_rust=False)
    assert ("too many alternatives" in said) is (count > 20_000)
    assert opinion(schema).accepts(list(range(19_999)))
    assert not opinion(schema).accepts(list(range(20_000)))


def test_each_value_of_an_object_and_each_key_may_be_asked_about() -> None:
    schema = {"propertyNames": {"$ref": "#/$defs/S"}, "$defs": {"S": {"type": "string"}}}

    assert opinion(schema).accepts({str(n): n for n in range(9_999)})
    assert not opinion(schema).accepts({str(n): n for n in range(10_000)})


def test_references_that_stand_once_are_counted_once() -> None:
    properties = {f"p{n}": {"$ref": "#/$defs/I"} for n in range(200)}
    schema = {"properties": properties, "$defs": {"I": {"type": "integer"}}}

    assert opinion(schema).accepts({f"p{n}": n for n in range(200)})


@pytest.mark.parametrize(
    "make",
    [
        lambda: ({"n": number} for number in range(60_000)),
        lambda: ([number] for number in range(100_000)),
        lambda: (2**61 * number for number in range(30_000)),
        lambda: (*range(40_000), *map(str, range(40_000)), *([each] for each in range(20_000))),
    ],
    ids=["objects", "arrays", "equal hashes in Python", "mixed"],
)
def test_many_items_are_told_apart_in_bounded_time(make: Callable[[], Iterable[Any]]) -> None:
    items = [*make()]  # not while tests are collected, which every process does
    first = opinion({"uniqueItems": True})
    began = time.process_time()

    assert first.accepts(items)
    assert not first.accepts([*items, items[7]])
    assert time.process_time() - began < 10


def test_expressions_take_linear_time() -> None:
    first = opinion({"pattern": "^(a*)*b$"})  # Python: minutes for thirty
    began = time.process_time()

    assert first.accepts("a" * 100_000 + "b")
    assert not first.accepts("a" * 100_000)
    assert time.process_time() - began < 10


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": "\ud800"}, {1: 2}, object()])
def test_what_it_fails_on_is_no_crash(value: Any) -> None:
    schema = {"items": {"$ref": "#/$defs/I"}, "$defs": {"I": {"type": "string"}}}

    assert not opinion({"additionalProperties": {"minLength": 1}}).accepts(value)
    assert not opinion(schema).accepts([value])


def test_a_format_that_jsonschema_fails_on_is_not_accepted() -> None:
    first = opinion({"format": "regex"})

    assert first.accepts("a+")
    assert not first.accepts("a{99999999999}")
    assert not first.accepts("(")


# Nothing leaves the machine.


@pytest.fixture
def listening() -> Iterator[tuple[str, list[Any]]]:
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    came.append(connection.recv(1000))
                    connection.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/s.json", came
        done.set()
        thread.join()


def test_nothing_is_ever_fetched(listening: tuple[str, list[Any]]) -> None:
    url, came = listening
    # Left to itself, it does; not in this process, whose threads it would hold up.
    python(
        "import jsonschema_rs as rust\n"
        f"try: rust.meta.is_valid({{'$schema': {url!r}}})\n"
        "except rust.ReferencingError: pass"
    )
    assert came
    came.clear()

    for schema in (
        {"$schema": url},
        {"$ref": url},
        {"$id": url, "properties": {"x": {"$ref": "other.json"}}},
        {"$id": url},
        {"properties": {"x": {"$dynamicRef": url}}},
        {"$defs": {"x": {"$schema": url, "$id": url}}},
        {"default": {"$schema": url, "$ref": url}},
    ):
        try:
            Validator("f", schema).check({"x": 1})
        except ToolDefinitionError as error:
            assert "refers to" in str(error)  # noqa: PT017 - some pass
    time.sleep(0.2)  # four times as long as the listener waits at once: what came is there by now
    assert came == []


# It is shared, and kept.


def test_threads_may_share_it() -> None:
    schema = {"properties": {"x": {"format": "date"}, "y": {"items": {"type": "integer"}}}}
    first, validator = opinion(schema), Validator("f", schema)

    def work(number: int) -> bool:
        good = all(first.accepts({"x": "2026-01-01", "y": [number]}) for _ in range(300))
        bad = any(first.accepts({"x": "2026-13-01", "y": [number]}) for _ in range(300))
        validator.check({"x": "2026-01-01", "y": [number]})
        with pytest.raises(ArgumentsInvalid):
            validator.check({"x": "today"})
        return good and not bad

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_many_checks_take_no_memory() -> None:
    schema = {"properties": {"x": {"items": {"type": "integer"}}, "y": {"format": "date"}}}
    value = {"x": list(range(200)), "y": "2026-01-01"}

    def work(times: int) -> None:
        for _ in range(times):
            first = opinion(schema)
            assert first.accepts(value)
            assert not first.accepts({"x": ["a"]})

    work(2000)
    before = resident()
    work(8000)

    assert resident() - before < 8 * 1024 * 1024


def test_what_was_compiled_is_kept_whoever_asks() -> None:
    schema = {"properties": {"kept": {"type": "integer"}}}
    one, other = Validator("f", schema), Validator("g", json.loads(json.dumps(schema)))

    assert one._compiled is other._compiled
    with pytest.raises(ArgumentsInvalid, match="arguments of g do"):
        other.check({"kept": "a"})


def test_a_schema_that_is_changed_afterwards_is_another() -> None:
    schema: dict[str, Any] = {"properties": {"x": {"type": "integer"}}}
    before = Validator("f", schema)
    schema["properties"]["x"]["type"] = "string"

    before.check({"x": 1})
    Validator("f", schema).check({"x": "a"})
    with pytest.raises(ArgumentsInvalid):
        before.check({"x": "a"})


def test_what_is_kept_is_bounded() -> None:
    for number in range(compiled.MAX_KEPT + 20):
        Validator("f", {"const": number})
    large = {"enum": ["x" * compiled.MAX_KEPT_BYTES]}

    assert compiled._kept.cache_info().currsize == compiled.MAX_KEPT
    assert Validator("f", large)._compiled is not Validator("f", large)._compiled


# Where it is, and where it is not.


def python(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


CHECKS = """
from toolrun.tools.validation import ArgumentsInvalid, Validator
validator = Validator("f", {"properties": {"x": {"type": "integer"}}})
validator.check({"x": 1})
print("jsonschema" in sys.modules)
try:
    validator.check({"x": "a"})
except ArgumentsInvalid as error:
    print("$.x" in str(error))
"""


def test_a_call_that_fits_does_not_import_jsonschema() -> None:
    assert python(f"import sys\n{CHECKS}").split() == ["False", "True"]


def test_all_is_as_before_where_it_is_not_installed() -> None:
    assert python(f"import sys\nsys.modules['jsonschema_rs'] = None\n{CHECKS}").split() == [
        "True",
        "True",
    ]


def test_a_version_that_cannot_do_this_is_no_harm() -> None:
    class Older:
        Draft202012Validator = staticmethod(lambda schema: schema)

    assert first_opinion({"type": "object"}, Older()) is None  # type: ignore[arg-type]
