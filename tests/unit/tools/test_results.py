"""Does whatever a tool returns become text that the model can read?"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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


class Blob(msgspec.Struct):
    data: bytes


class Binary(pydantic.BaseModel):
    data: bytes


class Secret(pydantic.BaseModel):
    key: pydantic.SecretStr


class Shape(enum.Enum):
    SQUARE = (4, "sides")


class Level(enum.StrEnum):
    HIGH = "high"


class Point(NamedTuple):
    x: int
    y: int


class Number(int): ...


class Real(float): ...


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Grid:
    """As numpy's arrays."""

    def tolist(self) -> list[list[int]]:
        return [[1, 2], [3, 4]]


BYTES = '{"x":"a","y":{"encoding":"base64","data":"/w=="}}'
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
        (b"\x00\xff", '{"encoding":"base64","data":"AP8="}'),
        (b"as it is \xc3\xbc", "as it is ü"),
        ({"x": bytearray(b"a"), "y": memoryview(b"\xff")}, BYTES),
        ([Structured(1), Blob(b"\xff")], '[{"x":1},{"data":{"encoding":"base64","data":"/w=="}}]'),
        (dt.time(1, 2), '"01:02:00"'),
        (dt.timedelta(days=1, seconds=3), '"P1DT3S"'),
        (Shape.SQUARE, '[4,"sides"]'),
        (Level.HIGH, "high"),
        ([Level.HIGH], '["high"]'),
        ({3, 1, 2}, "[1,2,3]"),
        (Point(1, 2), "[1,2]"),
        (collections.deque([1, None]), "[1,null]"),
        (range(3), "[0,1,2]"),
        ({}.keys(), "[]"),
        (ValueError("no"), '"ValueError: no"'),
        (KeyError, "\"<class 'KeyError'>\""),
        ((each for each in [1]), '"<generator, not read: return a list>"'),
        ([Number(3), Real(1.5), Text("a")], '[3,1.5,"a"]'),
        (Grid(), "[[1,2],[3,4]]"),
        (Secret(key=pydantic.SecretStr("k")), '{"key":"**********"}'),
        (Binary(data=b"\xff"), '{"data":{"encoding":"base64","data":"/w=="}}'),
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

    assert to_text(loop) == '["<list that contains itself>"]'
    assert to_text([shared := [1], shared]) == "[[1],[1]]"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ((1, 2), "(1, 2)"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (NOON.date(), "2026-01-02"),
        (Level.HIGH, "high"),
        (b"k", "k"),
    ],
)
def test_keys_that_json_does_not_have_are_written(key: Any, text: str) -> None:
    assert json.loads(to_text({key: "a"})) == {text: "a"}


def test_a_number_longer_than_python_writes_is_hexadecimal() -> None:
    assert to_text(10**5000) == f'"0x{10**5000:x}"'
    assert to_text({"x": -(10**5000)}) == f'{{"x":"-0x{10**5000:x}"}}'


def test_no_key_is_lost_to_another_of_the_same_text() -> None:
    assert to_text({1: "a", "1": "b"}) == '[[1,"a"],["1","b"]]'


def test_a_few_shared_values_do_not_unfold_without_end() -> None:
    value: Any = "x"
    for _ in range(100):
        value = [value, value]
    began = time.process_time()
    text = to_text(value)

    assert "left out: the result is too large or too deep" in text
    assert time.process_time() - began < 10


def test_a_value_nested_without_end_is_cut_short() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]

    assert "too deep" in to_text(deep)


class Hostile:
    """An object on which everything raises."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize("around", [lambda x: x, lambda x: [x], lambda x: {"x": x}])
def test_an_object_on_which_everything_raises_is_still_some_text(around: Any) -> None:
    assert "Hostile" in to_text(around(Hostile()))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.datetimes()
    | st.decimals()
    | st.uuids()
    | st.complex_numbers()
    | st.builds(Silent),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.dictionaries(st.text(st.characters()) | st.integers() | st.binary() | st.none(), inner)
    ),
    max_leaves=8,
)


@given(ANYTHING)
def test_whatever_is_returned_is_text_that_a_transcript_can_hold(value: Any) -> None:
    text = to_text(value)

    msgspec.json.decode(msgspec.json.encode({"content": cut(text, 16 * 1024)}))
    if not isinstance(value, str | bytes):
        msgspec.json.decode(text)


@pytest.mark.parametrize("value", ["a\ud800b", {"x": "a\ud800b"}, {"a\ud800b": 1}, ["a\ud800b"]])
def test_lone_surrogates_do_not_stop_a_result(value: Any) -> None:
    assert "a\ufffdb" in to_text(value)
    assert cut("a\ud800b", 100) == "a\ufffdb"


def test_nul_bytes_stay_in_a_result() -> None:
    assert to_text("a\x00b") == "a\x00b"
    assert to_text(["a\x00b"]) == '["a\\u0000b"]'
