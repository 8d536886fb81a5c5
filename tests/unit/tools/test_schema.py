"""Which schema does a signature amount to, and which functions cannot be tools?"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

import jsonschema
import pytest
from pydantic import Field

from tests.unit.tools.box_tools import Point, add
from toolrun import ToolDefinitionError, tool
from toolrun.tools.callables import kind_of
from toolrun.tools.decorator import Options
from toolrun.tools.definition import define
from toolrun.tools.schema import Parameters, parameters_of

if typing.TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel as Hidden


def parameters(function: Callable[..., Any]) -> Parameters:
    return parameters_of("f", kind_of(function, Options(name="f")))


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    schema = parameters(function).schema
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def test_types_defaults_and_descriptions() -> None:
    def f(
        city: str,
        days: int,
        unit: Literal["C", "F"] = "C",
        note: Optional[str] = None,  # noqa: UP045 - the older form, too
        tags: list[str] | None = None,
    ) -> None:
        """Say how warm it is.

        In all places.

        Args:
            city: which city
            days: how many,
                in all
        """

    described = parameters(f)
    nullable: dict[str, Any] = {"default": None}
    assert described.schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "which city"},
            "days": {"type": "integer", "description": "how many,\nin all"},
            "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], **nullable},
            "tags": {
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                **nullable,
            },
        },
        "required": ["city", "days"],
        "additionalProperties": False,
    }
    assert described.description == "Say how warm it is.\n\nIn all places."


@pytest.mark.parametrize(
    "doc",
    [
        "Do it.\n\nArgs:\n    x: the number",
        "Do it.\n\nParameters\n----------\nx : int\n    the number",
        "Do it.\n\n:param x: the number",
    ],
    ids=["google", "numpy", "sphinx"],
)
def test_docstrings_of_any_style(doc: str) -> None:
    def f(x: int) -> None: ...

    f.__doc__ = doc
    described = parameters(f)

    assert described.schema["properties"]["x"]["description"] == "the number"
    assert described.description == "Do it."


def test_an_annotation_describes_before_the_docstring() -> None:
    def f(x: Annotated[int, "from the annotation"]) -> None:
        """Do it.

        Args:
            x: from the docstring
        """

    assert schema_of(f)["properties"]["x"]["description"] == "from the annotation"


def test_no_parameters_is_an_object_that_takes_none() -> None:
    def f() -> None: ...

    assert schema_of(f) == {"type": "object", "properties": {}, "additionalProperties": False}
    assert parameters(f).description == ""


def test_no_titles_but_those_that_are_names() -> None:
    @dataclass
    class Book:
        title: str
        pages: int = 0

    def f(book: Book, title: str) -> None: ...

    f.__annotations__["book"] = Book
    schema = schema_of(f)
    assert set(schema["properties"]) == {"book", "title"}
    assert set(schema["$defs"]["Book"]["properties"]) == {"title", "pages"}

    def titles(value: Any, *, of_names: bool = False) -> list[str]:
        if isinstance(value, list):
            return [title for each in value for title in titles(each)]
        if not isinstance(value, dict):
            return []
        own = [] if of_names else [value["title"]] if "title" in value else []
        names = ("properties", "$defs")
        return own + [t for k, v in value.items() for t in titles(v, of_names=k in names)]

    assert titles(schema) == []


def test_parameters_may_have_any_name() -> None:
    def f(
        schema: str,
        model_config: int,
        _private: str,
        json: str,
        model_fields: list[int],
        copy: str,
    ) -> None: ...

    names = ["schema", "model_config", "_private", "json", "model_fields", "copy"]
    described = parameters(f)
    assert list(described.schema["properties"]) == described.schema["required"] == names
    given = dict(zip(names, ["a", 1, "p", "b", [1], "c"], strict=True))
    assert described.build(given) == given


def test_arguments_are_built_and_defaults_left_to_the_function() -> None:
    def f(at: dt.date, point: Point, more: int = 7) -> None: ...

    build = parameters(f).build
    built = build({"at": "2026-01-02", "point": {"x": 1, "y": 2}})
    assert built == {"at": dt.date(2026, 1, 2), "point": Point(1, 2)}


def test_plain_arguments_are_passed_on_as_they_are() -> None:
    arguments = {"a": 1}
    assert define(add).build(arguments) is arguments


def test_the_tool_as_the_server_gets_it() -> None:
    assert define(add).to_openai() == {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Add two numbers.",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 1}},
                "required": ["a"],
                "additionalProperties": False,
            },
        },
    }


def test_name_and_description_may_be_given() -> None:
    @tool(name="other-name", description="Words.", trusted=True)
    def f() -> None:
        """Other words."""

    defined = define(f)
    assert (defined.name, defined.description) == ("other-name", "Words.")


class Thermometer:
    """A class with tools that cannot be."""

    def read(self, x: int) -> int:
        return x


def untyped(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return x


def starred(*args: int) -> None: ...


def double_starred(**kwargs: int) -> None: ...


def positional(x: int, /) -> None: ...


def opaque(good: int, bad: Point | Thermometer) -> None: ...


def hidden(x: Hidden) -> None: ...


def _nested() -> Callable[..., Any]:
    def inner(x: int) -> int:
        return x

    return inner


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (untyped, "tool untyped: parameter 'x' has no type; annotate it"),
        (starred, r"tool starred: parameter \*args has no schema"),
        (double_starred, r"parameter \*\*kwargs has no schema"),
        (positional, "parameter 'x' is positional-only.*remove the /"),
        (opaque, "tool opaque: parameter 'bad' has a type without a JSON Schema"),
        (hidden, "tool hidden: the annotation of parameter 'x' cannot be read.*TYPE_CHECKING"),
        (lambda: 1, "tool name '<lambda>' does not fit"),
        (tool(name="f")(lambda: 1), "tool f: .*<lambda> is nested or a lambda.*top level"),
        (_nested(), "tool inner: .*nested.*trusted=True"),
        (Thermometer().read, "tool read: a bound method has state that a sandbox does not see"),
        (tool(name="no blanks")(lambda: 1), "tool name 'no blanks' does not fit"),
        ("a string", "a tool must be a function, not str"),
        (Thermometer(), "a tool must be a function, not Thermometer"),
    ],
)
def test_what_cannot_be_a_tool_says_what_to_do(function: Any, said: str) -> None:
    with pytest.raises(ToolDefinitionError, match=said):
        define(function)


class Silent:
    """A type that makes its schema itself, or tries to."""

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        raise KeyError


@pytest.mark.parametrize(
    ("hint", "why"),
    [
        (type[int], "Cannot generate a JsonSchema for a class"),
        (Thermometer, rf"Unable to generate pydantic-core schema for {Thermometer!r}"),
        (
            Annotated[int, Field(default_factory=int)],
            "cannot specify both default and default_factory",
        ),
        (Annotated[str, Field(pattern="(")], "error: unclosed group"),
        (Silent, "KeyError"),
    ],
    ids=["class", "opaque", "field", "pattern", "own"],
)
@pytest.mark.parametrize("place", ["alone", "first", "last"])
def test_the_parameter_without_a_schema_is_named_and_why(hint: Any, why: str, place: str) -> None:
    def f(x: int = 1, y: int = 2) -> None: ...

    def alone(y: int = 2) -> None: ...

    function, name = (alone, "y") if place == "alone" else (f, "x" if place == "first" else "y")
    function.__annotations__[name] = hint
    with pytest.raises(ToolDefinitionError) as raised:
        parameters(function)

    said = f"tool f: parameter {name!r} has a type without a JSON Schema: {why}. Use str, "
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1.0}, {"max_output": 0}])
def test_limits_that_no_call_could_keep_are_refused(options: dict[str, Any]) -> None:
    def f() -> None: ...

    with pytest.raises(ToolDefinitionError, match="greater than 0"):
        define(tool(**options)(f))


def test_a_trusted_tool_may_live_anywhere() -> None:
    assert define(tool(trusted=True)(_nested())).source is None
    assert define(tool(name="ok", trusted=True)(lambda: 1)).name == "ok"


def test_a_function_without_a_file_is_refused() -> None:
    code = (
        "from toolrun import ToolDefinitionError\n"
        "from toolrun.tools.definition import define\n"
        "def f(x: int) -> int: return x\n"
        "try:\n    define(f)\n"
        "except ToolDefinitionError as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "tool f: its module '__main__' has no file" in run.stdout
    assert "move it to a .py file" in run.stdout
