"""Are the arguments that a function gets the same in this process and in a box?"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import json
import sys
import typing
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pydantic
import pytest
import typing_extensions

from tests.unit.tools import box_types
from tests.unit.tools.box_types import EVERYTHING, Cat, Colour, Dog, Pair, Tree, everything
from toolrun import ToolDefinitionError, tool
from toolrun.sandbox.inside.build import build_arguments
from toolrun.tools.definition import define

EXPECTED: dict[str, Any] = {
    "city": "Berlin",
    "colour": Colour.RED,
    "level": box_types.Level.HIGH,
    "when": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    "day": dt.date(2026, 1, 2),
    "price": decimal.Decimal("1.10"),
    "key": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "path": Path("a/b"),
    "data": b"bytes",
    "host": ipaddress.IPv4Address("127.0.0.1"),
    "number": 3,
    "ratio": 2.0,
    "mode": Colour.BLUE,
    "pet": Dog("dog", "Rex", Colour.BLUE),
    "pets": [Cat("cat"), Dog("dog")],
    "tree": Tree("a", [Tree("b", [Tree("c")])]),
    "place": {"city": "Paris", "since": dt.date(2026, 1, 2), "colour": Colour.RED},
    "node": {"value": 1.0, "next": {"value": 2.5}},
    "pair": Pair(1, Colour.BLUE),
    "maybe": None,
    "either": "7",
    "names": {"x": [Colour.RED, Colour.BLUE]},
    "counts": {1: 2.0, 3: 4.5},
    "unique": {1, 2},
    "fixed": (1, Colour.RED),
    "many": (dt.date(2026, 1, 2),),
    "noted": 5,
    "anything": {"a": [1]},
}


def in_process(arguments: dict[str, Any]) -> dict[str, Any]:
    return define(tool(trusted=True)(everything)).build(arguments)


def in_box(arguments: dict[str, Any]) -> dict[str, Any]:
    return build_arguments(everything, arguments)


@pytest.mark.parametrize("build", [in_process, in_box])
@pytest.mark.parametrize("name", EXPECTED)
def test_one_of_each_is_built(build: Any, name: str) -> None:
    built = build(EVERYTHING)[name]

    assert built == EXPECTED[name]
    assert type(built) is type(EXPECTED[name])


def test_the_schema_takes_what_is_built() -> None:
    schema = define(everything).parameters

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(EVERYTHING, schema)
    assert {"Tree", "Node", "Place"} <= set(schema["$defs"])
    assert schema["$defs"]["Place"]["required"] == ["city", "since"]
    assert "required" not in schema["$defs"]["Node"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("either", 7),
        ("either", {"kind": "cat", "lives": 2}),
        ("pet", {"kind": "cat"}),
        ("mode", 1),
        ("mode", "a"),
        ("maybe", "blue"),
        ("price", 2.5),
        ("when", "2026-01-02t03:04:05.5+02:00"),
        ("pair", [4]),
        ("node", {}),
        ("tree", {"name": "a", "extra": {"x": {"name": "b"}}}),
    ],
)
def test_both_build_the_same(name: str, value: Any) -> None:
    arguments = {**EVERYTHING, name: value}

    assert in_box(arguments)[name] == in_process(arguments)[name]
    assert repr(in_box(arguments)[name]) == repr(in_process(arguments)[name]) or name == "when"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("day", "yesterday"),
        ("colour", "green"),
        ("pet", {"kind": "cow"}),
        ("key", "1"),
        ("node", {"x": 1}),
    ],
)
def test_both_refuse_the_same(name: str, value: Any) -> None:
    for build in (in_process, in_box):
        with pytest.raises(ValueError, match=r"\w"):
            build({**EVERYTHING, name: value})


def test_what_is_refused_is_said_without_links() -> None:
    with pytest.raises(ValueError, match=r"^day: Input should be a valid date") as raised:
        in_process({**EVERYTHING, "day": "yesterday"})

    assert "http" not in str(raised.value)


class Size(pydantic.BaseModel):
    width: int = pydantic.Field(ge=1)
    mode: Literal["a"] | None = None


def measure(
    size: Size,
    sizes: list[Size],
    wait: dt.timedelta,
    even: Annotated[int, pydantic.AfterValidator(lambda x: x * 2)],
    tight: Annotated[int, pydantic.Field(ge=1, description="from the field")],
) -> None: ...


def test_what_only_pydantic_knows_is_built_by_it() -> None:
    given = {
        "size": {"width": 1, "mode": "a"},
        "sizes": [{"width": 2}],
        "wait": "PT1M",
        "even": 2,
        "tight": 3,
    }
    built = build_arguments(measure, given)

    assert built == define(measure).build(given)
    assert built == {
        "size": Size(width=1, mode="a"),
        "sizes": [Size(width=2)],
        "wait": dt.timedelta(minutes=1),
        "even": 4,
        "tight": 3,
    }
    assert define(measure).parameters["properties"]["tight"] == {
        "type": "integer",
        "minimum": 1,
        "description": "from the field",
    }


def test_an_integral_number_is_an_integer() -> None:
    def f(x: int, y: float, z: str) -> None: ...

    for built in (
        define(tool(trusted=True)(f)).build({"x": 1.0, "y": 1, "z": ""}),
        build_arguments(f, {"x": 1.0, "y": 1, "z": ""}),
    ):
        assert [type(value) for value in built.values()] == [int, float, str]


class Shade(enum.Enum):
    DARK = object()


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (Colour.RED, {"default": "red"}),
        (dt.date(2026, 1, 2), {"default": "2026-01-02"}),
        (Cat("cat"), {"default": {"kind": "cat", "lives": 9}}),
        (float("nan"), {}),
        ([1, float("inf")], {}),
        ({"a": {"b": (1, -float("inf"))}}, {}),
        ({"a": (1.5,)}, {"default": {"a": [1.5]}}),
        (object(), {}),
        (sys, {}),
        (b"\xff", {}),
    ],
)
def test_a_default_that_json_cannot_hold_is_not_in_the_schema(
    default: Any, expected: dict[str, Any]
) -> None:
    def f(x: Any = default) -> Any:
        return x

    defined = define(tool(trusted=True)(f))
    assert defined.parameters["properties"]["x"] == expected
    assert "required" not in defined.parameters
    assert defined.function(**defined.build({})) is default


@dataclasses.dataclass
class Outer:
    inner: list[dict[str, threading_lock]]  # type: ignore[name-defined]  # noqa: F821


class Opaque: ...


@dataclasses.dataclass
class Holder:
    items: list[Opaque]


@dataclasses.dataclass
class Held:
    place: box_types.Place


class Holders(typing.TypedDict):
    held: Holder


@pytest.mark.parametrize(
    ("hint", "why"),
    [
        (Opaque, "Opaque"),
        (list[Opaque], "Opaque"),
        (dict[str, Opaque | None], "Opaque"),
        (Annotated[Opaque, "a thing"], "Opaque"),
        (Holder, "Opaque"),
        (Holders, "Opaque"),
        (typing.Callable[[int], int], "Callable"),
        (type[int], "a class"),
        (Outer, "not fully defined"),
        (Shade, "Shade|object"),
    ],
)
def test_a_type_without_a_schema_names_tool_and_parameter(hint: Any, why: str) -> None:
    def f(good: int, bad: Any) -> None: ...

    f.__annotations__["bad"] = hint
    with pytest.raises(ToolDefinitionError, match=f"tool f: parameter 'bad' .*{why}") as raised:
        define(tool(trusted=True)(f))

    assert "CallContext.context" in str(raised.value)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic takes typing.TypedDict there")
def test_a_typed_dictionary_out_of_reach_says_what_to_write() -> None:
    def f(held: Held) -> None: ...

    f.__annotations__["held"] = Held
    with pytest.raises(ToolDefinitionError, match=r"'held' .*typing_extensions.TypedDict"):
        define(tool(trusted=True)(f))


class Theirs(typing_extensions.TypedDict, total=False):
    x: typing_extensions.Required[int]
    y: str


class Ours(typing.TypedDict, total=False):
    x: typing.Required[int]
    y: str


def test_typed_dictionaries_of_either_module() -> None:
    schemas = []
    for kind in (Theirs, Ours):

        def f(value: Any) -> None: ...

        f.__annotations__["value"] = kind | None
        schemas.append(define(tool(trusted=True)(f)).parameters)

    assert json.dumps(schemas[0]).replace("Theirs", "Ours") == json.dumps(schemas[1])
    assert schemas[1]["$defs"]["Ours"]["required"] == ["x"]


class Spot(typing.TypedDict):
    name: Annotated[str, pydantic.Field(min_length=1)]
    near: Annotated["list[Spot]", pydantic.Field(max_length=2)]
    far: typing.NotRequired["tuple[Annotated[Ours, 1], ...]"]


class Folder(typing.TypedDict):
    files: "list[File]"


class File(typing.TypedDict, total=False):
    within: Folder


def test_typed_dictionaries_may_stand_within_any_type_and_within_themselves() -> None:
    def f(
        spots: list[Spot], ways: dict[str, list[Spot | None]], to: Annotated[Spot, 1]
    ) -> None: ...

    defined = define(tool(trusted=True)(f))
    named = {"$ref": "#/$defs/Spot"}
    assert defined.parameters["properties"] == {
        "spots": {"type": "array", "items": named},
        "ways": {
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": {"anyOf": [named, {"type": "null"}]},
            },
        },
        "to": named,
    }
    assert defined.parameters["$defs"]["Spot"]["properties"] == {
        "name": {"type": "string", "minLength": 1},
        "near": {"type": "array", "items": named, "maxItems": 2},
        "far": {"type": "array", "items": {"$ref": "#/$defs/Ours"}},
    }
    assert defined.parameters["$defs"]["Spot"]["required"] == ["name", "near"]
    spot = {"name": "a", "near": [{"name": "b", "near": []}], "far": ({"x": 1},)}
    given = {"spots": [spot], "ways": {"x": [spot, None]}, "to": spot}
    assert defined.build(given) == given
    with pytest.raises(ValueError, match=r"to\.near\.0\.name"):
        defined.build({**given, "to": {"name": "a", "near": [{"name": "", "near": []}]}})


def test_typed_dictionaries_may_refer_to_each_other() -> None:
    def f(file: File, folder: Folder) -> None: ...

    defined = define(tool(trusted=True)(f))
    assert {name: each["properties"] for name, each in defined.parameters["$defs"].items()} == {
        "File": {"within": {"$ref": "#/$defs/Folder"}},
        "Folder": {"files": {"type": "array", "items": {"$ref": "#/$defs/File"}}},
    }
    given = {"file": {"within": {"files": [{}]}}, "folder": {"files": [{}]}}
    assert defined.build(given) == given


def test_a_field_for_a_default_is_refused() -> None:
    def f(x: int = pydantic.Field(default=1, ge=0)) -> None: ...

    with pytest.raises(ToolDefinitionError, match=r"'x' is a Field.*x: Annotated\[\.\.\., Field"):
        define(tool(trusted=True)(f))


def test_an_alias_does_not_rename_a_parameter() -> None:
    def f(x: Annotated[int, pydantic.Field(validation_alias="other", alias="third")]) -> None: ...

    f.__annotations__["x"] = Annotated[int, pydantic.Field(validation_alias="other", alias="t")]
    defined = define(tool(trusted=True)(f))
    assert list(defined.parameters["properties"]) == ["x"]
    assert defined.build({"x": 1}) == {"x": 1}
