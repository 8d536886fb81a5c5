"""Is a schema compiled once, with jsonschema-rs where it is there, and a bad one refused?"""

from __future__ import annotations

import pytest
import referencing
from referencing.jsonschema import DRAFT202012

from toolrun.tools import fast_validation
from toolrun.tools.compiled import SchemaUnfit, compiled
from toolrun.tools.keywords import begin

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}}


def test_what_surely_fits_is_told_by_jsonschema_rs() -> None:
    found = compiled(NUMBER)

    assert found.surely_accepts({"n": 1})
    assert not found.surely_accepts({"n": "x"})
    assert compiled(dict(NUMBER)) is found


def test_without_jsonschema_rs_nothing_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_validation, "library", lambda: None)
    found = compiled(NUMBER)

    assert not found.surely_accepts({"n": 1})
    assert found.violations({"n": 1}, 9) == []
    [violation] = found.violations({"n": "x"}, 9)
    assert violation.message == "'x' is not of type 'integer'"


def test_a_schema_may_refer_to_what_it_is_given() -> None:
    other = DRAFT202012.create_resource({"type": "integer"})
    registry = referencing.Registry().with_resource("urn:n", other)
    schema = {"properties": {"n": {"$ref": "urn:n"}}}
    found = compiled(schema, registry)
    begin()

    assert found.violations({"n": 1}, 9) == []
    assert len(found.violations({"n": "x"}, 9)) == 1
    with pytest.raises(SchemaUnfit) as raised:
        compiled(schema)
    assert str(raised.value) == (
        "its schema refers to 'urn:n', which is not in it, and nothing is fetched; put it under "
        "$defs"
    )


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "nothing"}, "its schema is not valid at type: "),
        (
            {"properties": {"n": {"minimum": "x"}}},
            "its schema is not valid at properties/n/minimum",
        ),
        (7, "its schema is not valid at its top: 7 is not"),
    ],
)
def test_what_is_no_schema_is_refused_with_where(schema: object, why: str) -> None:
    with pytest.raises(SchemaUnfit) as raised:
        compiled(schema)  # type: ignore[arg-type]

    assert str(raised.value).startswith(why)


def test_so_many_violations_and_no_more_are_looked_for() -> None:
    schema = {"items": {"type": "integer"}}

    assert len(compiled(schema).violations(["x"] * 5, 3)) == 3
    assert len(compiled(schema).violations(["x"] * 2, 3)) == 2
