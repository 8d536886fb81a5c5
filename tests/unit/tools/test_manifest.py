"""Is every manifest either tools that do what they say, or an error that names file and key?"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.unit.tools import box_tools
from toolrun import ConfigError, ToolCall, ToolDefinitionError, ToolResult, resources
from toolrun.tools.command import Refused
from toolrun.tools.context import CallContext
from toolrun.tools.definition import Tool, define
from toolrun.tools.listener import Listener
from toolrun.tools.manifest import define_all, load_manifest
from toolrun.tools.runners import TrustedRunner
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.sandboxes import Sandboxes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CONTEXT = CallContext("s", idempotency_key="s.1.1.a")
CALL = ToolCall("a", "f", "{}")
STRING = {"type": "string"}


def parameters(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def load(folder: Path, content: Any) -> list[Tool]:
    file = folder / "tools.json"
    file.write_text(json.dumps(content))
    return load_manifest(file)


def command(folder: Path, argv: list[Any], schema: dict[str, Any], **more: Any) -> Tool:
    table = {"name": "t", "description": "T.", "command": argv, "parameters": schema, **more}
    return load(folder, table)[0]


TOML = """
[[tools]]
name = "count-lines"
description = "Count the lines of a text."
command = ["wc", "-l"]
stdin = "{text}"
timeout = 5
max_output = 100
repeatable = true
concurrency = 2
approve = true
profile = "pure"
[tools.parameters]
type = "object"
required = ["text"]
[tools.parameters.properties.text]
type = "string"

[[tools]]
name = "double"
function = "doubling:double"
"""


def test_a_toml_file_may_hold_several(tmp_path: Path) -> None:
    (tmp_path / "doubling.py").write_text(
        'def double(x: int) -> int:\n    """Double it."""\n    return 2 * x\n'
    )
    (tmp_path / "tools.toml").write_text(TOML)
    lines, double = load_manifest(str(tmp_path / "tools.toml"))

    assert lines.to_openai()["function"] == {
        "name": "count-lines",
        "description": "Count the lines of a text.",
        "parameters": {**parameters("text", text=STRING), "additionalProperties": False},
    }
    options = lines.options
    assert (options.timeout, options.max_output, options.concurrency) == (5, 100, 2)
    assert (options.repeatable, options.approve, options.profile) == (True, True, "pure")
    assert (options.trusted, lines.source) == (False, None)
    assert double.description == "Double it."
    assert double.source is not None
    assert double.source.file == str(tmp_path / "doubling.py")


def test_one_tool_may_stand_at_the_top(tmp_path: Path) -> None:
    (one,) = load(tmp_path, {"name": "now", "description": "Tell the time.", "command": ["date"]})

    assert one.parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    assert one.command is not None
    assert one.command.argv({}) == ["date"]


def test_functions_tools_and_paths_are_defined_alike(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('name = "now"\ndescription = "Now."\ncommand = ["date"]\n')
    known = define(box_tools.move)
    found = define_all([box_tools.add, known, file, str(file)])

    assert [each.name for each in found] == ["add", "move", "now", "now"]
    assert found[1] is known


def argv(folder: Path, template: list[Any], schema: dict[str, Any], **arguments: Any) -> list[str]:
    made = command(folder, template, schema).command
    assert made is not None
    return made.argv(arguments)


def test_placeholders(tmp_path: Path) -> None:
    schema = parameters(
        "path",
        path=STRING,
        files={"type": "array"},
        depth={"type": "integer"},
        all={"type": "boolean"},
        mode={"default": "fast"},
    )
    template = [
        "p",
        "{{literal}}",
        "{path}",
        "a{path}b{mode}",
        ["--depth", "{depth}"],
        ["--all", "{all}"],
        ["--both={all}{depth}"],
        "--",
        "{files}",
    ]
    first = argv(tmp_path, template, schema, path="x y", files=["1", 2, None, {"a": [1]}], depth=0)
    assert first == [
        *("p", "{literal}", "x y", "ax ybfast", "--depth", "0", "--", "1", "2", "", '{"a":[1]}')
    ]
    second = argv(tmp_path, template, schema, path=";rm -rf $HOME", all=True, depth=3, mode="m")
    assert second == [
        *("p", "{literal}", ";rm -rf $HOME", "a;rm -rf $HOMEbm", "--depth", "3", "--all"),
        *("--both=true3", "--"),
    ]
    third = argv(tmp_path, template, schema, path="", all=False, depth=None)
    assert third == ["p", "{literal}", "", "abfast", "--"]


@pytest.mark.parametrize("value", ["-rf", "--output=/etc/passwd", "-", -5, ["a", "-x"], "--"])
def test_a_value_does_not_become_an_option(tmp_path: Path, value: Any) -> None:
    schema = parameters("x", "y", x={}, y={})
    for refused in (["p", "{x}", "{y}"], ["p", ["{x}"], "{y}"], ["p", "{x}", "--", "{y}"]):
        with pytest.raises(Refused, match="x must not begin with '-'"):
            argv(tmp_path, refused, schema, x=value, y="")
    allowed = command(tmp_path, ["p", "{x}", "{y}"], schema, allow_dashes=["x"]).command
    assert allowed is not None
    assert allowed.argv({"x": value, "y": "b"})[-1] == "b"
    with pytest.raises(Refused, match="y must not"):  # the value "--" ends no options
        allowed.argv({"x": value, "y": "-b"})
    after = argv(tmp_path, ["p", "--", "{x}", "z{y}"], schema, x=value, y="-")
    assert after[:2] == ["p", "--"]
    assert argv(tmp_path, ["p", "a{x}", "{y}"], schema, x=value, y="")[1].startswith("a")


@pytest.mark.parametrize(
    ("value", "said"), [("a\0b", "NUL"), ("\ud800", "not valid Unicode"), (["x"] * 5000, "5000 it")]
)
def test_what_no_command_line_can_hold_is_refused(tmp_path: Path, value: Any, said: str) -> None:
    with pytest.raises(Refused, match=said):
        argv(tmp_path, ["p", "{x}"], parameters(x={}), x=value)


BASE: dict[str, Any] = {"name": "t", "description": "T.", "command": ["p"]}
OBJECT = {"type": "object"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"comand": ["p"]}, "unknown key 'comand'; did you mean 'command'"),
        ({"name": None, "nmae": "t"}, "unknown key 'nmae'; did you mean 'name'"),
        ({"name": "a b"}, "key 'name': .*does not match"),
        ({"command": "rm -rf {x}"}, "key 'command': .*not of type 'array'.*never a shell's string"),
        ({"command": []}, "key 'command': "),
        ({"command": ["{x}"], "parameters": parameters(x=STRING)}, "key 'command.0'"),
        ({"command": ["p", "{y}"]}, "key 'command': there is no parameter 'y'"),
        (
            {"command": ["p", "{pth}"], "parameters": parameters(path=STRING)},
            "no parameter 'pth'; did you mean 'path'",
        ),
        ({"command": ["p", "{"]}, "key 'command': .*brace is written twice"),
        ({"command": ["p", "{}"]}, "a brace is written twice"),
        ({"command": ["p", "a}b"]}, "a brace is written twice"),
        ({"parameters": parameters(x=STRING)}, "key 'parameters': 'x' is in no placeholder"),
        (
            {"command": ["p", "-n{x}"], "parameters": parameters(x=STRING)},
            "key 'command': 'x' may be left out.*list of its own",
        ),
        ({"allow_dashes": ["x"]}, "key 'allow_dashes': there is no parameter 'x'"),
        ({"function": "a:b"}, "key 'command': t needs either a command or a function"),
        ({"command": None}, "either a command or a function"),
        ({"description": None}, "key 'description': a command has no docstring"),
        ({"trusted": True}, "key 'trusted': a command runs in a sandbox"),
        ({"timeout": 0}, "key 'timeout': .*greater|key 'timeout': 0 is less"),
        ({"concurrency": 0}, "key 'concurrency'"),
        ({"name": None}, "'name' is a required property"),
        ({"command": None, "function": "a.b"}, "key 'function': .*module:qualname"),
        ({"command": None, "function": "nowhere_at_all:f"}, "no module 'nowhere_at_all'"),
        ({"command": None, "function": "sys:exit"}, "key 'function': sys has no .py file"),
        ({"command": None, "function": "json:dumbs"}, "json has no 'dumbs'; did you mean 'dumps'"),
        (
            {"command": None, "function": "json:dumbs", "parameters": OBJECT},
            "json has no 'dumbs'; did you mean 'dumps'",
        ),
        ({"command": None, "function": "json:loads", "stdin": ""}, "only a command has it"),
    ],
)
def test_what_does_not_fit_names_file_and_key(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    table = {key: value for key, value in {**BASE, **change}.items() if value is not None}
    with pytest.raises(ConfigError, match=rf"tool manifest .*tools\.json: .*{said}"):
        load(tmp_path, table)
    prefixed = re.sub(r"(?<!unknown )key '", r"key 'tools\\.1\\.", said)
    with pytest.raises(ConfigError, match=prefixed):
        load(tmp_path, {"tools": [BASE, table]})


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object", "properties": {"x": {"type": "text"}}}, "properties/x/type"),
        ({"type": "object", "required": "x"}, "at required"),
        ({"type": "object", "properties": {"x": {"pattern": "["}}}, "properties/x/pattern"),
        ({"type": "array"}, 'write type = "object"'),
        ({"type": "object", "$ref": "http://example.com/s"}, "nothing is fetched"),
        ({"type": "object", "properties": {"x": {"$ref": "#/$defs/y"}}}, "put it under .defs"),
    ],
)
def test_an_invalid_schema_is_refused_at_registration(
    tmp_path: Path, schema: dict[str, Any], said: str
) -> None:
    with pytest.raises(ToolDefinitionError, match=f"key 'parameters': .*{said}"):
        load(tmp_path, {**BASE, "command": ["p", "{x}"], "parameters": schema})


def test_references_inside_a_schema_are_fine(tmp_path: Path) -> None:
    schema = {
        **parameters("x", x={"$ref": "#/$defs/n"}),
        "$defs": {"n": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
    }
    assert command(tmp_path, ["p", "{x}"], schema).parameters["$defs"] == schema["$defs"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.toml", "name = ", "not TOML"),
        ("t.json", "{", "not JSON"),
        ("t.json", "[]", "must be an object"),
        ("t.json", "[" * 100_000, "not JSON"),
        ("t.yaml", "", "give a .toml or a .json file"),
        ("t.json", "{}", "'name' is a required property"),
        ("t.json", '{"tools": []}', "key 'tools'"),
        ("t.json", '{"tools": {}, "name": "x"}', "unknown key 'name'; known are tools"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=f"{name}: .*{said}"):
        load_manifest(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read"):
        load_manifest(tmp_path / "gone.toml")


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(resources.schema("tool"))


@pytest.fixture
async def boxes() -> AsyncIterator[SandboxRunner]:
    sandboxes = Sandboxes()
    yield SandboxRunner(sandboxes, "pure", None)
    await sandboxes.aclose()


async def run(boxes: SandboxRunner, made: Tool, **arguments: Any) -> ToolResult:
    return await boxes.run(made, CALL, arguments, CONTEXT, Listener())


async def test_a_command_runs_in_a_box(boxes: SandboxRunner, tmp_path: Path) -> None:
    schema = parameters("text", "words", text=STRING, words={"type": "array"})
    shell = ["sh", "-c", 'cat; echo "$#:$1:$TOOLRUN_IDEMPOTENCY_KEY"', "sh", "{words}"]
    made = command(tmp_path, shell, schema, stdin="<{text}>")

    result = await run(boxes, made, text="in", words=["$(id)", "b"])
    assert (result.content, result.outcome) == ("<in>2:$(id):s.1.1.a\n", "ok")


async def test_a_command_tells_what_it_prints(boxes: SandboxRunner, tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    made = command(tmp_path, ["sh", "-c", "echo out; echo err >&2"], OBJECT)
    result = await boxes.run(
        made, CALL, {}, CONTEXT, Listener(lambda stream, text: said.append((stream, text)))
    )

    assert result.content == "out\n"
    assert sorted(said) == [("stderr", "err\n"), ("stdout", "out\n")]


@pytest.mark.parametrize(
    ("script", "outcome", "said"),
    [
        ("echo why >&2; exit 3", "error", "t failed: sh ended with status 3: why"),
        ("echo only out; exit 1", "error", "status 1: only out"),
        ("sleep 30", "timeout", "did not finish within 0.5 s"),
        ("kill -9 $$", "error", "sh ended with status 137"),
    ],
)
async def test_how_a_command_ends_is_said(
    boxes: SandboxRunner, tmp_path: Path, script: str, outcome: str, said: str
) -> None:
    seconds = 0.5 if outcome == "timeout" else 20
    made = command(tmp_path, ["sh", "-c", script], OBJECT, timeout=seconds)
    result = await run(boxes, made)

    assert result.outcome == outcome
    assert said in result.content


async def test_a_program_that_is_not_there_is_said(boxes: SandboxRunner, tmp_path: Path) -> None:
    result = await run(boxes, command(tmp_path, ["no-such-program"], OBJECT))

    assert result.outcome == "error"
    assert "no-such-program: No such file" in result.content


async def test_a_refused_value_is_a_result(boxes: SandboxRunner, tmp_path: Path) -> None:
    made = command(tmp_path, ["cat", "{path}"], parameters("path", path=STRING))
    result = await run(boxes, made, path="-A")

    assert result.outcome == "invalid"
    assert "t was not run: path must not begin with '-'" in result.content


async def test_a_function_is_run_in_a_box_without_being_imported(
    boxes: SandboxRunner, tmp_path: Path
) -> None:
    (tmp_path / "beside.py").write_text(
        "import sys\n"
        "class Box:\n"
        "    @staticmethod\n"
        "    def where(x: float) -> list:\n"
        "        return [x, sys.flags.isolated]\n"
    )
    table = {**BASE, "function": "beside:Box.where", "parameters": parameters("x", x={})}
    del table["command"]
    (made,) = load(tmp_path, table)

    assert "beside" not in sys.modules
    assert (await run(boxes, made, x=1)).content == "[1.0,1]"
    assert "beside" not in sys.modules


async def test_a_trusted_function_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    module = f"here_{request.node.callspec.id}"
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / f"{module}.py").write_text(
        "import os\n"
        "from toolrun import tool\n"
        "@tool(trusted=False, timeout=1)\n"
        "def pid(at: 'int') -> list[int]:\n"
        "    'Tell the process.'\n"
        "    return [at, os.getpid()]\n"
    )
    schema = parameters("at", at={"type": "integer", "minimum": 1})
    (made,) = load(
        tmp_path,
        {
            "name": "t",
            "function": f"{module}:pid",
            "trusted": True,
            "parameters": schema,
            "timeout": 9,
        },
    )

    assert made.parameters == {**schema, "additionalProperties": False}
    assert (made.description, made.options.timeout, made.source) == ("Tell the process.", 9, None)
    result = await TrustedRunner().run(made, CALL, {"at": 1}, CONTEXT, Listener())
    assert json.loads(result.content) == [1, os.getpid()]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (parameters("indent", indnt={}), "'indnt' is no parameter of the function; did you mean"),
        (parameters(a={}), "the function needs 'a'; put it under required"),
    ],
)
def test_a_schema_that_its_function_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    module = f"fits_{len(said)}"
    (tmp_path / f"{module}.py").write_text("def f(a: int, indent: int = 1) -> int: return a\n")
    with pytest.raises(ConfigError, match=said):
        load(
            tmp_path,
            {"name": "t", "function": f"{module}:f", "trusted": True, "parameters": schema},
        )


def test_a_module_that_is_shadowed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "json.py").write_text("def loads(s: str) -> str: return s\n")
    with pytest.raises(ConfigError, match=r"a module 'json' is imported from .*rename json\.py"):
        load(tmp_path, {"name": "t", "function": "json:loads"})


def test_a_module_that_raises_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "raising.py").write_text("def f() -> None: ...\nraise ValueError('at import')\n")
    with pytest.raises(ConfigError, match="raising cannot be imported: ValueError: at import"):
        load(tmp_path, {"name": "t", "function": "raising:f"})


def test_the_mark_of_a_function_does_not_hold_over_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "marked.py").write_text(
        "from toolrun import tool\n@tool(trusted=True)\ndef f() -> None:\n    'F.'\n"
    )
    (made,) = load(tmp_path, {"name": "t", "function": "marked:f"})
    assert made.options.trusted is False  # said in the manifest, or not at all
    assert made.source is not None
