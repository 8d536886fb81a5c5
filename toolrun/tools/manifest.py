"""Which tools does a manifest describe? TOML or JSON that fits `schemas/tool.schema.json`."""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import structs

from toolrun import resources
from toolrun.errors import ConfigError, ToolDefinitionError
from toolrun.tools.callables import Source
from toolrun.tools.compiled import SchemaUnfit, compiled
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool, Toolset, check_options, define
from toolrun.tools.reference import Reference
from toolrun.tools.template import command_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUFFIXES = (".toml", ".json")
_OPTIONS = (
    *("timeout", "profile", "approve", "max_output", "repeatable", "concurrency", "trusted"),
    *("secrets", "python", "on_crash"),
)


def define_all(
    tools: Sequence[Callable[..., Any] | Tool | Toolset | str | Path],
    defined: Callable[[Callable[..., Any] | Tool], Tool] = define,
) -> list[Tool]:
    """The tools that these are: functions, tools defined before, and paths of manifests.

    Args:
        tools: in the order that the model sees.
        defined: defines what is no path; `define`, or one that remembers.

    Raises:
        ConfigError: a manifest that cannot be read, or does not fit its schema.
        ToolDefinitionError: one of them cannot be offered to the model.
    """
    found: list[Tool] = []
    for each in tools:
        if isinstance(each, str | Path):
            found += load_manifest(each)
        elif isinstance(each, Toolset):
            found += each.tools
        else:
            found.append(defined(each))
    return found


def load_manifest(path: str | Path) -> list[Tool]:
    """The tools of a manifest, in order.

    Args:
        path: of the TOML file.

    Raises:
        ConfigError: it cannot be read, or does not fit; names the file, the key and what would.
        ToolDefinitionError: a tool whose schema is none, or whose function is not there.
    """
    path = Path(path)
    table = _read(path)
    _check(table, path)
    several = "tools" in table
    return [
        _tool(each, path, f"tools.{number}." if several else "")
        for number, each in enumerate(table["tools"] if several else [table])
    ]


def _read(path: Path) -> dict[str, Any]:
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"tool manifest {path}: give a .toml or a .json file")
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"tool manifest {path}: cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as error:
        kind = path.suffix.removeprefix(".").upper()
        raise ConfigError(f"tool manifest {path}: not {kind}: {error}") from error
    if not isinstance(table, dict):
        raise ConfigError(f"tool manifest {path}: must be an object, with one tool or with tools")
    return table


def _check(table: dict[str, Any], path: Path) -> None:
    import jsonschema

    schema = resources.schema("tool")
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(table))
    if not errors:
        return
    # An unknown key first: what is missing is often what was misspelt.
    errors.sort(key=lambda error: (error.validator != "additionalProperties", list(error.path)))
    error = errors[0]
    key = ".".join(str(part) for part in error.absolute_path)
    where = f"key {key!r}: " if key else ""
    raise ConfigError(f"tool manifest {path}: {where}{_what(error)}")


def _what(error: Any) -> str:
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(key for key in error.instance if key not in known)
        near = difflib.get_close_matches(unknown, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown key {unknown!r}; {hint}"
    said = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    return f"{error.message}. {said}".strip()


def _tool(table: dict[str, Any], path: Path, prefix: str) -> Tool:
    where = f"tool manifest {path}: "
    if ("command" in table) == ("function" in table):
        raise ConfigError(
            f"{where}key '{prefix}command': {table['name']} needs either a command or a function"
        )
    if "parameters" in table:
        _check_parameters(table["parameters"], f"{where}key '{prefix}parameters': ")
    options = Options(
        name=table["name"],
        description=table.get("description"),
        **{key: table[key] for key in _OPTIONS if key in table},
    )
    if options.python is not None:  # from the manifest's folder, as the command's files are
        options.python = str(path.absolute().parent / options.python)
    check_options(table["name"], options)
    key = f"{where}key '{prefix}"
    if "command" in table:
        return _command_tool(table, options, key)
    return _function_tool(table, options, path, key)


def _command_tool(table: dict[str, Any], options: Options, where: str) -> Tool:
    if options.trusted:
        raise ConfigError(f"{where}trusted': a command runs in a sandbox; remove it")
    if not options.description:
        raise ConfigError(f"{where}description': a command has no docstring; describe it")
    parameters = table.get("parameters") or {"type": "object", "properties": {}}
    # What is in no placeholder would be dropped in silence.
    parameters = {"additionalProperties": False, **parameters}
    return Tool(
        name=table["name"],
        description=options.description,
        parameters=parameters,
        options=options,
        function=_not_called,
        build=_as_they_are,
        source=None,
        command=command_of(table, parameters, where),
    )


def _function_tool(table: dict[str, Any], options: Options, path: Path, where: str) -> Tool:
    for key in ("stdin", "allow_dashes"):
        if key in table:
            raise ConfigError(f"{where}{key}': only a command has it")
    module, _, qualname = table["function"].partition(":")
    found = Reference(path.resolve().parent, module, qualname, f"{where}function': ")
    parameters = table.get("parameters")
    if parameters is None or not options.description or options.trusted:
        return _with_parameters(define(found.imported(), options), parameters, where)
    # What is not trusted need not even be imported here.
    return Tool(
        name=table["name"],
        description=options.description,
        parameters=parameters,
        options=options,
        function=_not_called,
        build=_as_they_are,
        source=Source(str(found.file()), module, qualname),
    )


def _with_parameters(tool: Tool, parameters: dict[str, Any] | None, where: str) -> Tool:
    """The tool with a schema of the manifest's instead of its signature's."""
    if parameters is None:
        return tool
    given, own = parameters.get("properties", {}), tool.parameters["properties"]
    if unknown := [name for name in given if name not in own]:
        near = difflib.get_close_matches(unknown[0], own, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f": {', '.join(own) or 'none'}"
        raise ConfigError(
            f"{where}parameters': {unknown[0]!r} is no parameter of the function{hint}"
        )
    required = parameters.get("required", [])
    if missing := [name for name in tool.parameters.get("required", []) if name not in required]:
        raise ConfigError(
            f"{where}parameters': the function needs {missing[0]!r}; put it under required"
        )
    return structs.replace(tool, parameters={"additionalProperties": False, **parameters})


def _as_they_are(arguments: dict[str, Any]) -> dict[str, Any]:
    return arguments


def _not_called(**_: Any) -> NoReturn:
    raise AssertionError("only a sandbox runs this tool")


def _check_parameters(parameters: dict[str, Any], where: str) -> None:
    """Refuse a schema that no call could be checked against."""
    try:
        compiled(parameters)
    except SchemaUnfit as error:
        raise ToolDefinitionError(f"{where}{error}") from error
    if parameters.get("type") != "object":
        raise ToolDefinitionError(f'{where}arguments are an object; write type = "object"')
