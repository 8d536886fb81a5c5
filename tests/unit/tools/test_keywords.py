"""Are the bounded keywords of JSON Schema those of jsonschema, but for their cost?"""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest

from toolrun.tools import keywords
from toolrun.tools.keywords import TooComplex, begin, lean, validator_class

UNIQUE = {"uniqueItems": True}


def filled(*items: Any) -> list[Any]:
    """More items than are compared one by one, none of them equal, and these."""
    return [*({"n": each} for each in range(101)), *items]


def messages(schema: Any, value: Any) -> list[str]:
    begin()
    return [each.message for each in validator_class()(schema).iter_errors(value)]


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        ((1, True), True),
        ((0, False), True),
        ((1, 1.0), False),
        ((1.5, 1.5), False),
        ((1, 1.5), True),
        (("1", 1), True),
        (("a", "a"), False),
        ((None, None), False),
        ((None, False), True),
        (([1, 2], [1, 2.0]), False),
        (([1, 2], [2, 1]), True),
        (([1, 2], [12]), True),
        (([1], ["1"]), True),
        (({"a": 1, "b": 2}, {"b": 2.0, "a": 1}), False),
        (({"a": 1, "b": 2}, {"a": 1, "b": 3}), True),
        (({"a": [{"b": 1}]}, {"a": [{"b": True}]}), True),
        (({}, []), True),
        (([], []), False),
        ((10**400, 10**400), False),
    ],
)
def test_many_items_are_unique_where_jsonschema_says_so_of_few(
    items: tuple[Any, Any], *, unique: bool
) -> None:
    assert jsonschema.Draft202012Validator(UNIQUE).is_valid(list(items)) is unique
    assert (messages(UNIQUE, filled(*items)) == []) is unique


@pytest.mark.parametrize(("last", "unique"), [(200, True), (1, False)])
def test_numbers_beside_truth_values_are_not_sorted(last: int, *, unique: bool) -> None:
    # Sorted, a 1 and a 1 would have true between them.
    assert (messages(UNIQUE, [1, True, last, *range(2, 120)]) == []) is unique


def test_what_is_not_asked_for_is_not_checked() -> None:
    assert messages({"uniqueItems": False}, filled({"n": 0})) == []
    assert messages(UNIQUE, "text") == []


def test_a_repetition_is_told_in_jsonschemas_words() -> None:
    few, many = [{"n": 0}, {"n": 0}], filled({"n": 0})

    assert messages(UNIQUE, few) == [f"{few!r} has non-unique elements"]
    assert messages(UNIQUE, many) == [f"{many!r} has non-unique elements"]


@pytest.mark.parametrize("count", [100, 101])
def test_items_that_can_be_sorted_are_left_to_jsonschema(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keywords, "_repeated", lambda items: iter(()))

    assert messages(UNIQUE, [1, *range(1, count)]) != []
    mixed = [{"n": each % 99} for each in range(count)]
    assert (messages(UNIQUE, mixed) == []) is (count == 101)


@pytest.mark.parametrize("reference", ["$ref", "$dynamicRef"])
def test_so_many_references_and_no_more_are_followed(
    reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keywords, "MAX_REFERENCES", 3)
    schema = {"items": {reference: "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}

    assert messages(schema, [1, "a", 3]) == ["'a' is not of type 'integer'"]
    assert messages(schema, [1, 2, 3]) == []  # each call has its own
    with pytest.raises(TooComplex):
        messages(schema, [1, 2, 3, 4])


def test_a_lean_value_is_the_same_with_a_short_text() -> None:
    value = {"k" * 300: ["x" * 201, 1, None, {"a": "x" * 200}]}
    before = copy.deepcopy(value)
    thin = lean(value)

    assert thin == before
    assert repr(thin) == "{...}"
    [[text, *_, inner]] = thin.values()
    assert repr(text) == f"'{'x' * 200}'..."
    assert (repr(next(iter(thin.values()))), repr(inner)) == ("[...]", "{...}")
    assert type(inner["a"]) is str
    [key] = thin
    assert repr(key).endswith("...")
