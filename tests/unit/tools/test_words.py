"""Do refusals say, word for word, what is wrong with a tool or a call, where, and what to do?"""

from __future__ import annotations

import functools
import types
from typing import Any

import pytest

from toolrun import ConfigError, ToolDefinitionError
from toolrun.tools import fast_validation, keywords
from toolrun.tools.decorator import Options
from toolrun.tools.definition import define
from toolrun.tools.secrets import Secrets, check_source
from toolrun.tools.template import command_of
from toolrun.tools.validation import MAX_DEPTH, ArgumentsInvalid, Validator, parse
from toolrun.tools.violations import said_again

PARAMETERS: dict[str, Any] = {
    "properties": {"a": {"type": "string"}, "n": {"type": "integer"}, "d": {"default": 1}},
    "required": ["a"],
}


def top(x: int) -> int:
    """At the top of its module."""
    return x


class Callable:
    """An object without a name."""

    def __call__(self, x: int) -> int:
        return x


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            functools.partial(top, 1),
            (
                "a functools.partial of top has no name of its own; give one: "
                "tool(name=..., trusted=True)(partial)"
            ),
        ),
        (
            Callable(),
            (
                "an object of Callable has no name that the model could call it by; give one: "
                "tool(name=..., trusted=True)(object)"
            ),
        ),
    ],
)
def test_a_tool_without_a_name(given: Any, why: str) -> None:
    with pytest.raises(ToolDefinitionError) as raised:
        define(given)

    assert str(raised.value) == why


@pytest.mark.parametrize("module", ["sys", "no.such.module"])
def test_a_tool_of_a_module_without_a_file(module: str) -> None:
    function = types.FunctionType(top.__code__, {}, "top")
    function.__module__, function.__annotations__ = module, {"x": int}
    with pytest.raises(ToolDefinitionError) as raised:
        define(function, Options(description="d"))

    assert str(raised.value) == (
        f"tool top: its module {module!r} has no file (a notebook cell, -c or a REPL), and a "
        "sandbox imports from files; move it to a .py file, or run it in this process with "
        "@tool(trusted=True)"
    )


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ([], "secrets must be a dict, or a function of a name, not list"),
        ({1: "a"}, "secrets: 1 must be a name with a string"),
        ({"A": 1}, "secrets: 'A' must be a name with a string"),
    ],
)
def test_what_secrets_cannot_come_from(source: object, why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_source(source)

    assert str(raised.value) == why


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (
            {"command": ["p", "{a}", ["{n}"], "--d={d}", "--n={n}"]},
            (
                "command': 'n' may be left out, and {n} is a part of a word; put the word in a "
                "list of its own, give a default, or require it"
            ),
        ),
        (
            {"command": ["p", "{a}", "{d}"]},
            (
                "parameters': 'n' is in no placeholder; write {n} in the command or in stdin, or "
                "remove it"
            ),
        ),
        ({"command": ["p", "{aa}"]}, "command': there is no parameter 'aa'; did you mean 'a'?"),
        (
            {"command": ["p", "{zz}"]},
            "command': there is no parameter 'zz'; there are ['a', 'n', 'd']",
        ),
        (
            {"command": ["p", "{a}", "{n}"], "stdin": "{d}", "allow_dashes": ["dd"]},
            "allow_dashes': there is no parameter 'dd'; did you mean 'd'?",
        ),
        (
            {"command": ["p", "{"]},
            "command': '{' has a { that is no placeholder; a brace is written twice",
        ),
    ],
)
def test_a_command_that_does_not_fit_its_parameters(table: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        command_of(table, PARAMETERS, "tools.toml, 'tool.")

    assert str(raised.value) == f"tools.toml, 'tool.{why}"


def test_a_command_that_fits() -> None:
    table = {"command": ["p", "{a}", ["{n}"]], "stdin": "{d}", "allow_dashes": ["a"]}
    command = command_of(table, PARAMETERS, "")

    assert command.argv({"a": "-x", "n": 3}) == ["p", "-x", "3"]
    assert command.argv({"a": "x"}) == ["p", "x"]
    assert command.input({"a": "x"}) == b"1"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_arguments_that_are_nested_too_deep(opening: str, closing: str) -> None:
    def text(depth: int) -> str:
        return '{"x":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}"

    assert "x" in parse("f", text(MAX_DEPTH))
    assert "y" in parse("f", '{"y":[' + "[]," * 99 + "{}]}")  # wide
    with pytest.raises(ArgumentsInvalid) as raised:
        parse("f", text(MAX_DEPTH + 1))
    assert str(raised.value) == "The arguments of f are nested more than 64 deep."


def test_arguments_whose_check_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_validation, "library", lambda: None)
    monkeypatch.setattr(keywords, "MAX_REFERENCES", 3)
    schema = {"properties": {"x": {"items": {"$ref": "#/$defs/n"}}}, "$defs": {"n": {}}}
    Validator("f", schema).check({"x": [1, 2, 3]})
    with pytest.raises(ArgumentsInvalid) as raised:
        Validator("f", schema).check({"x": [1, 2, 3, 4]})

    assert str(raised.value) == (
        "The arguments of f cannot be checked, so it was not run: they have too many alternatives; "
        "make them simpler."
    )


@pytest.mark.parametrize(
    ("schema", "parameters", "required", "shown"),
    [
        (PARAMETERS, ["n"], "a", '{"n": {"type": "integer"}}'),
        ({**PARAMETERS, "required": ["a", "n"]}, ["n"], "a, n", '{"n": {"type": "integer"}}'),
        ({"type": "object"}, [], "nothing", '{"type": "object"}'),
    ],
)
def test_the_same_wrong_call_again(
    schema: dict[str, Any], parameters: list[str], required: str, shown: str
) -> None:
    said = said_again("f", schema, "- $.n: why", parameters, 3)

    assert said.replace('":{', '": {').replace('":"', '": "') == (
        "This is the same call of f as before, made 3 times now; it was not run, and it will fail "
        f"again as it is.\n- $.n: why\nf requires: {required}.\nThe schema is: {shown}\n"
        "Change the arguments, or go on without this call."
    )


def test_the_values_that_tools_declare_are_known_as_far_as_nobody_is_asked() -> None:
    tools = [define(top, Options(secrets=names)) for names in (["A", "B"], ["A", "NONE"])]

    assert sorted(Secrets({"A": "one", "B": "two", "C": "three"}).known(tools)) == ["one", "two"]
    assert Secrets(lambda name: name).known(tools) == []
    assert Secrets().known(tools) == []
