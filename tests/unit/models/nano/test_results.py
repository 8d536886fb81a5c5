"""Does what is said of a made-up result have all that the result says?"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.rig.nano.given import give
from tests.rig.nano.natural import natural
from tests.rig.nano.results import outcome, verbal
from tests.rig.nano.shapes import shaped, words
from tests.rig.nano.spelling import plain, token_texts
from tests.rig.nano.tools import offer
from tests.rig.nano.values import Values

_SHORT = 5


@pytest.fixture(scope="module")
def values() -> Values:
    return Values(token_texts())


def _leaves(body: Any) -> list[str]:
    """The texts and numbers that stand in a result."""
    if isinstance(body, dict):
        return [leaf for one in body.values() for leaf in _leaves(one)]
    if isinstance(body, list):
        return [leaf for one in body for leaf in _leaves(one)]
    return [body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)]


def test_each_value_of_a_result_is_said_as_it_stands_there(values: Values) -> None:
    r = Random(1)
    for _ in range(4000):
        body, _ = shaped({}, values, r)
        said = plain(verbal(body))
        if isinstance(body, str) and len(body.strip().split("\n")) > _SHORT:
            assert body.strip().split("\n")[0] in said
            continue
        for leaf in _leaves(body):
            assert leaf.strip() in said, (body, said)


def test_results_are_of_all_shapes(values: Values) -> None:
    r = Random(2)
    seen: Counter[str] = Counter()
    for _ in range(4000):
        body, _ = shaped({}, values, r)
        seen[type(body).__name__] += 1
        if isinstance(body, dict):
            seen["nested"] += any(isinstance(one, dict) for one in body.values())
            seen["records"] += any(_is_records(one) for one in body.values())
        if isinstance(body, str):
            seen["lines"] += "\n" in body
            seen["sentence"] += body.endswith(".")
        seen["records"] += _is_records(body)
        seen["nothing"] += body in ([], {}, None, "")
    for shape in ("dict", "list", "str", "int", "float", "bool", "nested", "records", "lines"):
        assert seen[shape] > 5, seen
    assert min(seen["sentence"], seen["nothing"]) > 5, seen


def _is_records(body: Any) -> bool:
    return isinstance(body, list) and bool(body) and isinstance(body[0], dict)


def test_what_a_tool_gives_back_is_said_of_it_word_by_word(values: Values) -> None:
    r = Random(3)
    for family in natural():
        tool = offer(family, values, r)
        found = outcome(tool, give(family, values, r), values, r)
        if found.value:
            assert found.value in plain(found.said)
        for item in found.items:
            assert item in plain(found.said)


def test_a_full_stop_is_said_once() -> None:
    assert plain(verbal({"note": "It is late."})) == "The note is It is late."
    assert plain(verbal({"note": "late"})) == "The note is late."
    assert plain(verbal(["One.", "Two."])) == "I found 2: One. and Two."


def test_all_that_results_are_made_of_can_be_drawn(values: Values) -> None:
    keys = [line.partition(": ")[0] for line in words()["typed"]]
    assert len(keys) == len(set(keys)) >= 100
    for line in (*words()["typed"], *words()["sentences"]):
        assert "{" not in values.fill(line, Random(4))
