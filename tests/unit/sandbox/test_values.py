"""Do arguments become what annotations ask for, and results JSON?"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
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


def test_what_has_no_json_is_named() -> None:
    with pytest.raises(TypeError, match=r"cannot return builtins\.object"):
        encode(object())


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
