"""What kind of callable is a tool, and what does that kind mean for it?

Functions, methods that are bound, class and static methods, partials and callable objects.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from toolrun.errors import ToolDefinitionError
from toolrun.tools.decorator import MARK, Options

_TRUST = "or run it in this process with @tool(trusted=True)"


class Source(Struct, frozen=True):
    """Where a sandbox finds the function: file, module name, qualified name."""

    file: str
    module: str
    qualname: str


class Kind(Struct, frozen=True):
    """A callable, taken apart.

    Attributes:
        function: what has the annotations, the docstring and the name.
        bound: names of parameters that have their values already; the model sees none of them.
        parameters: the others, in order.
        name: its own name; empty where it has none.
        is_async: calling it gives an awaitable.
    """

    function: Callable[..., Any]
    bound: frozenset[str]
    parameters: Mapping[str, inspect.Parameter]
    name: str
    is_async: bool


def options_of(function: Any) -> Options:
    """What `@tool` said of a callable; the defaults of one that is not marked.

    Raises:
        ToolDefinitionError: it is not something to call, or an option is none that can be.
    """
    if isinstance(function, type):
        raise ToolDefinitionError(
            f"a tool must be a function, and {function.__name__} is a class; "
            "give a method of an instance, bound: tools=[instance.method]"
        )
    if not callable(function):
        raise ToolDefinitionError(f"a tool must be a function, not {type(function).__name__}")
    options = getattr(function, MARK, None)
    return options if isinstance(options, Options) else Options()


def kind_of(function: Callable[..., Any], options: Options) -> Kind:
    """Take a callable apart.

    Raises:
        ToolDefinitionError: it has no name, or no signature.
    """
    inner: Any = function
    bound: set[str] = set()
    while isinstance(inner, functools.partial):
        bound |= set(inner.keywords)
        inner = inner.func
    if not isinstance(inner, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        inner = type(inner).__call__
    plain = inspect.unwrap(inner.__func__ if inspect.ismethod(inner) else inner)
    name = str(options.name or _own_name(function, plain))
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        raise ToolDefinitionError(
            f"tool {name}: it has no signature that can be read: {error}; wrap it in a function"
        ) from error
    _check_self(name, plain, parameters)
    return Kind(
        function=plain,
        bound=frozenset(bound),
        parameters={key: each for key, each in parameters.items() if key not in bound},
        name=name,
        is_async=inspect.iscoroutinefunction(inner),
    )


def _own_name(function: Any, plain: Any) -> str:
    if isinstance(function, functools.partial):
        if function.args or function.keywords:
            raise ToolDefinitionError(
                f"a functools.partial of {getattr(plain, '__name__', 'a callable')} has no name of "
                "its own; give one: tool(name=..., trusted=True)(partial)"
            )
        return _own_name(function.func, plain)
    name = getattr(function, "__name__", "")
    if not name:
        raise ToolDefinitionError(
            f"an object of {type(function).__name__} has no name that the model could call it by; "
            "give one: tool(name=..., trusted=True)(object)"
        )
    return str(name)


def _check_self(name: str, plain: Any, parameters: Mapping[str, inspect.Parameter]) -> None:
    """Refuse a method that was taken from its class instead of from an object."""
    first = next(iter(parameters), None)
    owner, _, _ = getattr(plain, "__qualname__", "").rpartition(".")
    unbound = owner and not owner.endswith("<locals>") and first in ("self", "cls")
    if unbound and first not in getattr(plain, "__annotations__", {}):
        raise ToolDefinitionError(
            f"tool {name}: it is a method of {owner.rpartition('.')[2]} without an object; "
            f"give it bound: tools=[instance.{name}]"
        )


def source_of(name: str, function: Any) -> Source:
    """Where a box imports a callable from.

    Raises:
        ToolDefinitionError: a box cannot; the message says what to do.
    """
    if inspect.ismethod(function):
        owner = function.__self__
        if not isinstance(owner, type):
            raise ToolDefinitionError(
                f"tool {name}: a bound method has state that a sandbox does not see; "
                f"make it a function of a module, {_TRUST}"
            )
        return _located(name, owner.__module__, f"{owner.__qualname__}.{function.__name__}")
    if not isinstance(function, types.FunctionType):
        raise ToolDefinitionError(
            f"tool {name}: a {type(function).__name__} has state that a sandbox does not see; "
            f"make it a function of a module, {_TRUST}"
        )
    return _located(name, function.__module__, function.__qualname__)


def _located(name: str, module: str, qualname: str) -> Source:
    if "<" in qualname:
        raise ToolDefinitionError(
            f"tool {name}: {qualname} is nested or a lambda, and a sandbox imports by name; "
            f"move it to the top level of a module, {_TRUST}"
        )
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file or not Path(file).is_file():
        raise ToolDefinitionError(
            f"tool {name}: its module {module!r} has no file (a notebook cell, -c or a REPL), and "
            f"a sandbox imports from files; move it to a .py file, {_TRUST}"
        )
    return Source(str(Path(file).resolve()), module, qualname)
