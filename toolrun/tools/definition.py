"""What does the model get to see of a tool, and where does what it runs live?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from msgspec import Struct

from toolrun.errors import ToolDefinitionError
from toolrun.tools.callables import Source, kind_of, options_of, source_of
from toolrun.tools.command import Command
from toolrun.tools.decorator import Options
from toolrun.tools.schema import parameters_of
from toolrun.tools.work import Work
from toolrun.values import Json, OnCrash

__all__ = ["Command", "Source", "Tool", "Toolset", "check_options", "define"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TAKEN = frozenset(
    (
        *("path", "home", "tmpdir", "lang", "pwd", "shell", "ifs", "env", "bash_env"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    )
)
_TAKEN_PREFIXES = ("TOOLRUN_", "LD_", "PYTHON")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ON_CRASH = get_args(OnCrash)


class Tool(Struct, frozen=True, eq=False):
    """A function or a command as a tool: what the model reads, and what a call runs.

    Attributes:
        name: what the model calls it.
        description: what the model reads.
        options: what its author said of it.
        parameters: the JSON Schema (draft 2020-12) of the arguments, an object.
        function: what a trusted tool calls; of a sandboxed one only its `source` is run.
        build: makes the function's Python arguments of validated JSON ones.
        source: where a sandbox finds the function; None for a trusted tool and for a command.
        context: the name of the parameter that takes the `CallContext`.
        is_async: calling the function gives an awaitable.
        command: the program that the tool is, instead of a function.
        builtin: whether it is one that gpt-oss knows from its training (`toolrun.tools.builtin`).
        work: what a call of a built-in tool does, instead of a function.
        asks_to_change: whether it asks for approval only where its boxes can change something.
        bare: the argument that a text without its JSON stands for, where the model was trained to
            write one; and how such a text begins, "" for any.
    """

    name: str
    description: str
    parameters: dict[str, Json]
    options: Options
    function: Callable[..., object]
    build: Callable[[dict[str, Json]], dict[str, object]]
    source: Source | None
    context: str | None = None
    is_async: bool = False
    command: Command | None = None
    builtin: bool = False
    work: Work | None = None
    asks_to_change: bool = False
    bare: tuple[str, str] | None = None

    def to_openai(self) -> dict[str, Json]:
        """The tool in the form of Chat Completions."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": self.parameters,
            },
        }


class Toolset(Struct, frozen=True, eq=False):
    """Several tools that are given as one.

    Attributes:
        tools: in order.
    """

    tools: tuple[Tool, ...]


def define(function: Callable[..., Any] | Tool, options: Options | None = None) -> Tool:
    """The tool that a callable is, marked by `@tool` or not; an unmarked one gets the defaults.

    Args:
        function: what the tool runs; a tool that was defined before stays as it is.
        options: hold instead of those that it is marked with.

    Raises:
        ToolDefinitionError: no name, no schema or no file for it; the message says what to do.
    """
    if isinstance(function, Tool):
        return function
    marked = options_of(function)
    options = options or marked
    kind = kind_of(function, options)
    check_options(kind.name, options)
    described = parameters_of(kind.name, kind)
    return Tool(
        name=kind.name,
        description=options.description or described.description,
        parameters=described.schema,
        options=options,
        function=function,
        build=described.build,
        source=None if options.trusted else source_of(kind.name, function),
        context=described.context,
        is_async=kind.is_async,
    )


def check_options(name: str, options: Options) -> None:
    """Refuse a name or an option that cannot be.

    Raises:
        ToolDefinitionError: names the option and what would fit.
    """
    if not _NAME.fullmatch(name):
        raise ToolDefinitionError(
            f"tool name {name!r} does not fit [a-zA-Z0-9_-]{{1,64}}; give one: @tool(name=...)"
        )
    for option, fits, what in _rules(options):
        if not fits:
            raise ToolDefinitionError(
                f"tool {name}: {option} must be {what}, not {getattr(options, option)!r}"
            )
    if options.trusted and options.profile is not None:
        raise ToolDefinitionError(
            f"tool {name}: a profile is for a sandboxed tool; remove it, or trusted=True"
        )


def _rules(options: Options) -> list[tuple[str, bool, str]]:
    """Each option, whether it fits, and what would."""
    return [
        ("description", _is(options.description, str, type(None)), "a string"),
        ("trusted", _is(options.trusted, bool), "True or False"),
        ("timeout", _above_zero(options.timeout, int, float), "seconds greater than 0"),
        ("profile", _is(options.profile, str, Mapping, type(None)), "a name, a path or a table"),
        (
            "approve",
            _is(options.approve, bool) or callable(options.approve),
            "True, False or a function of the arguments",
        ),
        ("max_output", _above_zero(options.max_output, int), "bytes, greater than 0"),
        ("repeatable", _is(options.repeatable, bool), "True or False"),
        (
            "concurrency",
            options.concurrency is None or _above_zero(options.concurrency, int),
            "None or a number greater than 0",
        ),
        (
            "python",
            options.python is None or (_is(options.python, str) and not options.trusted),
            "the path of a virtual environment, of a tool that is not trusted",
        ),
        (
            "on_crash",
            options.on_crash is None or options.on_crash in _ON_CRASH,
            'None, "rerun", "key", "ask" or "never"',
        ),
        (
            "secrets",
            isinstance(options.secrets, tuple) and all(map(_may_be_secret, options.secrets)),
            "a list of names that an environment variable of a box may have, such as GITHUB_TOKEN",
        ),
    ]


def _may_be_secret(name: object) -> bool:
    """Whether a name fits, and is none that programs and the box itself go by."""
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
        return False
    return name.lower() not in _TAKEN and not name.upper().startswith(_TAKEN_PREFIXES)


def _is(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds)


def _above_zero(value: Any, *kinds: type) -> bool:
    # Not `> 0` alone: NaN is no time-out, and True is no number here.
    return _is(value, *kinds) and not isinstance(value, bool) and bool(value > 0)
