"""What does the model get to see of a function, and where does the function live?"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from toolrun.errors import ToolDefinitionError
from toolrun.tools.decorator import MARK, Options
from toolrun.tools.schema import parameters_of

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Source(Struct, frozen=True):
    """Where a sandbox finds the function: file, module name, qualified name."""

    file: str
    module: str
    qualname: str


class Tool(Struct, frozen=True, eq=False):
    """A function as a tool: what the model reads, and what a call runs.

    Attributes:
        parameters: the JSON Schema (draft 2020-12) of the arguments, an object.
        build: makes the function's Python arguments of validated JSON ones.
        source: where a sandbox finds it; None for a trusted tool.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    options: Options
    function: Callable[..., Any]
    build: Callable[[dict[str, Any]], dict[str, Any]]
    source: Source | None

    def to_openai(self) -> dict[str, Any]:
        """The tool in the form of Chat Completions."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": self.parameters,
            },
        }


def define(function: Callable[..., Any]) -> Tool:
    """The tool that a function marked by `@tool` is; an unmarked one gets the defaults.

    Raises:
        ToolDefinitionError: no name, no schema or no file for it; the message says what to do.
    """
    options: Options = getattr(function, MARK, None) or Options()
    if not callable(function):
        raise ToolDefinitionError(f"a tool must be a function, not {type(function).__name__}")
    name = str(options.name or getattr(function, "__name__", ""))
    if not _NAME.fullmatch(name):
        raise ToolDefinitionError(
            f"tool name {name!r} does not fit [a-zA-Z0-9_-]{{1,64}}; give one: @tool(name=...)"
        )
    if options.timeout <= 0 or options.max_output <= 0:
        raise ToolDefinitionError(f"tool {name}: timeout and max_output must be greater than 0")
    described = parameters_of(name, function)
    return Tool(
        name=name,
        description=options.description or described.description,
        parameters=described.schema,
        options=options,
        function=function,
        build=described.build,
        source=None if options.trusted else _source(name, function),
    )


def _source(name: str, function: Callable[..., Any]) -> Source:
    """Where the box imports a function from."""
    trust = "or run it in this process with @tool(trusted=True)"
    qualname = getattr(function, "__qualname__", "")
    if inspect.ismethod(function):
        raise ToolDefinitionError(
            f"tool {name}: a bound method has state that a sandbox does not see; "
            f"make it a function of a module, {trust}"
        )
    if "<" in qualname:
        raise ToolDefinitionError(
            f"tool {name}: {qualname} is nested or a lambda, and a sandbox imports by name; "
            f"move it to the top level of a module, {trust}"
        )
    module = getattr(function, "__module__", "")
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file or not Path(file).is_file():
        raise ToolDefinitionError(
            f"tool {name}: its module {module!r} has no file (a notebook cell, -c or a REPL), and "
            f"a sandbox imports from files; move it to a .py file, {trust}"
        )
    return Source(str(Path(file).resolve()), module, qualname)
