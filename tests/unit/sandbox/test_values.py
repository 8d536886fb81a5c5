"""Do arguments become what annotations ask for, and results JSON?"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import pathlib
import uuid
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun.sandbox.inside.build import build_arguments
from toolrun.sandbox.inside.values import encode


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: float
    label: str = ""


@dataclasses.dataclass
class Line:
    points: list[Point]
    colour: Colour | None = None


def draw(
    line: Line,
    when: dt.date,
    price: decimal.Decimal,
    mode: Literal["a", "b"] = "a",
    sizes: tuple[int, ...] = (),
    names: dict[str, Colour] | None = None,
    mixed: int | str | Point = 0,
) -> Any:
    raise NotImplementedError


def test_arguments_are_built() -> None:
    built = build_arguments(
        draw,
        {
            "line": {"points": [{"x": 1}, {"x": 2.5, "label": "b"}], "colour": "red"},
            "when": "2026-01-02",
            "price": "1.10",
            "mode": "b",
            "sizes": [1, 2],
            "names": {"n": "red"},
            "mixed": {"x": 3},
        },
    )

    assert built["line"] == Line([Point(1.0), Point(2.5, "b")], Colour.RED)
    assert isinstance(built["line"].points[0].x, float)
    assert built["when"] == dt.date(2026, 1, 2)
    assert built["price"] == decimal.Decimal("1.10")
    assert built["sizes"] == (1, 2)
    assert built["names"] == {"n": Colour.RED}
    assert built["mixed"] == Point(3.0)


def test_a_member_of_a_union_that_fits_as_it_is_wins() -> None:
    assert build_arguments(draw, {"mixed": "7"}) == {"mixed": "7"}


def test_pydantic_models_are_built() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("City", name=(str, ...), size=(int, 0))

    def visit(city: Any) -> None: ...

    visit.__annotations__ = {"city": model}
    built = build_arguments(visit, {"city": {"name": "Berlin", "size": 3}})
    assert built["city"] == model(name="Berlin", size=3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), None),
        ([float("inf")], [None]),
        ({"a": (1, {2})}, {"a": [1, [2]]}),
        ({2: "a", None: "b", True: "c"}, {"2": "a", "true": "c", "null": "b"}),
        (Colour.RED, "red"),
        (Point(1.0, "p"), {"x": 1.0, "label": "p"}),
        (dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "2026-01-02T03:00:00+00:00"),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("/a"), "/a"),
        (b"text", "text"),
        (b"\xff", {"encoding": "base64", "data": "/w=="}),
        ((number for number in range(2)), [0, 1]),
        ("\ud800", "?"),
    ],
)
def test_results_become_json(value: Any, expected: Any) -> None:
    assert json.loads(encode(value)) == expected


class Number(int):
    def __str__(self) -> str:
        return "a number"


class Text(str):
    __slots__ = ()


class Level(enum.IntEnum):
    HIGH = 3


class Modelled:
    """Of pydantic's shape."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        return {"mode": mode, "when": dt.date(2026, 1, 2)}


class Arrayed:
    """Of numpy's shape."""

    def tolist(self) -> list[Any]:
        return [1, (2.5, None)]


class Counted:
    """Has no `__next__`."""

    def __iter__(self) -> Any:
        return iter("ab")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (True, "true"),
        (10**30, "1" + "0" * 30),
        (Number(7), "7"),
        ([Number(7), Text("a")], '[7,"a"]'),
        (Level.HIGH, "3"),
        ({"a": [1, 2.0], "ü": "ß"}, '{"a":[1,2.0],"ü":"ß"}'),
        ({1.5: 1, Level.HIGH: 2, False: 3, b"k": 4}, '{"1.5":1,"3":2,"false":3,"k":4}'),
        ({(1, "a"): 1}, """{"[1, 'a']":1}"""),
        ([float("nan"), float("-inf"), -0.0], "[null,null,-0.0]"),
        (bytearray(b"a"), '"a"'),
        (memoryview(b"\xff\x00"), '{"encoding":"base64","data":"/wA="}'),
        (frozenset({1}), "[1]"),
        (Modelled(), '{"mode":"json","when":"2026-01-02"}'),
        ([Modelled()], '[{"mode":"json","when":"2026-01-02"}]'),
        (Arrayed(), "[1,[2.5,null]]"),
        (Counted(), '["a","b"]'),
        (iter("ab"), '["a","b"]'),
        (dt.time(3, 4), '"03:04:00"'),
        (dt.timedelta(seconds=90), '"0:01:30"'),
        (fractions.Fraction(1, 3), '"1/3"'),
        ([Point(float("inf"))], '[{"x":null,"label":""}]'),
    ],
)
def test_results_are_written_without_a_space(value: Any, text: str) -> None:
    assert encode(value).decode() == text


@pytest.mark.parametrize("value", [object(), [object()], {"a": object()}])
def test_what_has_no_json_is_named(value: Any) -> None:
    with pytest.raises(TypeError) as raised:
        encode(value)

    assert str(raised.value) == (
        "a tool cannot return builtins.object: return str, numbers, lists, dicts, a dataclass or a "
        "pydantic model"
    )


class Wrapped:
    """Its JSON is that of what it wraps, in one of the ways in which objects say so."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner


class Dumps(Wrapped):
    def model_dump(self, *, mode: str) -> Any:
        return self._inner


class Lists(Wrapped):
    def tolist(self) -> Any:
        return self._inner


class Iterates(Wrapped):
    def __iter__(self) -> Any:
        return iter([self._inner])


def enumerated(value: Any) -> Any:
    return enum.Enum("Value", {"ONE": value}).ONE  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda value: [value],
        lambda value: (value,),
        lambda value: {"a": value},
        Dumps,
        Lists,
        Iterates,
        Point,
        enumerated,
    ],
)
def test_so_deep_may_a_result_be_and_no_deeper(wrap: Any) -> None:
    value: Any = 1
    for _ in range(100):
        value = wrap(value)
    encode(value)
    with pytest.raises(ValueError, match=r"^the returned value is nested deeper than 100, or cont"):
        encode(wrap(value))


def test_what_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(ValueError, match="contains itself"):
        encode(loop)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(plain)
def test_json_comes_back_as_it_went(value: Any) -> None:
    assert json.loads(encode(value)) == value
