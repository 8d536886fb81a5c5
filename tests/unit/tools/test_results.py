"""Does whatever a tool returns become text that the model can read?"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.tools.results import cut, to_text


@dataclass
class Weather:
    city: str
    at: dt.datetime


class Structured(msgspec.Struct):
    x: int


class Modelled(pydantic.BaseModel):
    x: int
    on: dt.date


class Colour(enum.Enum):
    RED = "red"


class Opaque:
    def __str__(self) -> str:
        return "an opaque thing"


class Silent:
    def __str__(self) -> str:
        raise RuntimeError("no text")


NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (10**30, str(10**30)),
        (1.5, "1.5"),
        ([1, "ü"], '[1,"ü"]'),
        ((1, 2), "[1,2]"),
        ({"a": None}, '{"a":null}'),
        ({1: "a"}, '{"1":"a"}'),
        (Weather("Paris", NOON), '{"city":"Paris","at":"2026-01-02T12:00:00Z"}'),
        (Structured(1), '{"x":1}'),
        (Modelled(x=1, on=NOON.date()), '{"x":1,"on":"2026-01-02"}'),
        (NOON, '"2026-01-02T12:00:00Z"'),
        (NOON.date(), '"2026-01-02"'),
        (Colour.RED, '"red"'),
        (decimal.Decimal("1.10"), '"1.10"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (b"\x00\xff", '"AP8="'),
        (Path("/a/b"), '"/a/b"'),
        (Opaque(), '"an opaque thing"'),
        ([Opaque()], '["an opaque thing"]'),
        (1 + 2j, '"(1+2j)"'),
        (Silent(), '"<Silent, whose text raised RuntimeError>"'),
    ],
)
def test_a_value_as_text(value: Any, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_does_not_have(number: float) -> None:
    assert to_text(number) == "null"
    assert to_text({"x": number}) == '{"x":null}'


def test_a_value_that_holds_itself_is_shown() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert to_text(loop) == "[[...]]"


def test_keys_that_json_does_not_have_are_shown() -> None:
    assert to_text({(1, 2): "a"}) == '{"(1, 2)":"a"}'


def test_a_short_text_is_not_cut() -> None:
    assert cut("x" * 100, 100) == "x" * 100


def test_a_long_text_is_cut_in_the_middle() -> None:
    text = "a" * 60 + "MIDDLE" + "z" * 60

    assert cut(text, 100) == f"{'a' * 50}\n[... 26 bytes left out ...]\n{'z' * 50}"


@given(st.text(), st.integers(1, 40))
def test_a_cut_keeps_beginning_and_end_and_whole_characters(text: str, limit: int) -> None:
    short = cut(text, limit)
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        assert short == data.decode()
        return
    head, _, rest = short.partition("\n[... ")
    _, _, tail = rest.rpartition(" bytes left out ...]\n")
    assert len((head + tail).encode()) <= limit
    assert data.decode().startswith(head)
    assert data.decode().endswith(tail)


def test_lone_surrogates_do_not_stop_a_result() -> None:
    assert cut("a\ud800b", 100) == "a?b"
    cut(to_text({"x": "a\ud800b"}), 100).encode()
