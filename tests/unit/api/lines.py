"""What does the public API look like, a line for each name?

A line says what a user's code depends on: signatures as they stand in the source, fields with their
types and defaults, bases, values of enumerations, options of the command line, keys of files.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import griffe

from tests.unit.api.public import (
    ROOT,
    Public,
    alias_of,
    init_of,
    members,
    names,
    paths,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclopts import App

FILES: Final = {"config": "toolrun.toml", "tool": "tool.toml", "sandbox-profile": "profile"}
"""The files that users write, by the schemas that describe them, and how the lines name them."""


def every() -> list[str]:
    """All lines, in the order of the file."""
    return [*python(), *files(), *command_line()]


def python() -> list[str]:
    """Of Python."""
    return [line for each in names() for line in _of(each)]


def _of(public: Public) -> Iterator[str]:
    found = public.found
    if isinstance(found, griffe.Alias):
        yield f"{public} = {found.target_path}"
    elif isinstance(found, griffe.Class):
        yield _class(str(public), found)
        for member in sorted(members(found), key=lambda member: member.name):
            yield _member(f"{public}.{member.name}", member)
    else:
        yield _member(str(public), found)


def _class(name: str, found: griffe.Class) -> str:
    """A class: how it is made, and of what."""
    parts = [_named(base) for base in found.bases]
    parts += [f"{each}={value}" for each, value in found.keywords.items() if each in _KEYWORDS]
    made = _made(found)
    return f"class {name}({', '.join(parts)})" + (f": {made}" if made else "")


_KEYWORDS: Final = ("frozen", "kw_only", "total")


def _made(found: griffe.Class) -> str | None:
    """The parameters of the class's own `__init__`; None where its fields or base say them."""
    init = init_of(found)
    return None if init is None else "(" + ", ".join(_parameters(init)) + ")"


def _member(name: str, found: griffe.Object) -> str:
    if isinstance(found, griffe.Function):
        return _function(name, found)
    if isinstance(found, griffe.Class):
        return _class(name, found)
    assert isinstance(found, griffe.Attribute), f"{name} is a {found.kind}"
    if "property" in found.labels:
        settable = " (settable)" if "writable" in found.labels else ""
        return f"property {name}: {_written(found.annotation)}{settable}"
    annotation = found.annotation or _of_parameter(found)
    line = name if annotation is None else f"{name}: {_written(annotation)}"
    is_field = "instance-attribute" not in found.labels or "class-attribute" in found.labels
    if found.value is not None and is_field and name != "toolrun.__version__":
        line += f" = {_written(found.value)}"
    return line


def _of_parameter(found: griffe.Attribute) -> str | griffe.Expr | None:
    """The annotation of the parameter that an attribute is set to."""
    init = found.parent.members.get("__init__") if found.parent else None
    if isinstance(init, griffe.Function) and str(found.value) in init.parameters:
        return init.parameters[str(found.value)].annotation
    return None


def _function(name: str, found: griffe.Function) -> str:
    kind = "async def" if "async" in found.labels else "def"
    ways = [each for each in ("staticmethod", "classmethod") if each in found.labels]
    decorated = "".join(f"@{each} " for each in ways)
    given = "" if found.returns is None else f" -> {_written(found.returns)}"
    line = f"{decorated}{kind} {name}({', '.join(_parameters(found))}){given}"
    for overload in found.overloads or ():
        given = "" if overload.returns is None else f" -> {_written(overload.returns)}"
        line += f" | ({', '.join(_parameters(overload))}){given}"
    return line


def _parameters(found: griffe.Function) -> Iterator[str]:
    is_bound = isinstance(found.parent, griffe.Class) and "staticmethod" not in found.labels
    starred = False
    before = None
    for each in list(found.parameters)[is_bound:]:
        kind = each.kind
        if before is griffe.ParameterKind.positional_only and kind is not before:
            yield "/"
        if kind is griffe.ParameterKind.keyword_only and not starred:
            starred = True
            yield "*"
        starred = starred or kind is griffe.ParameterKind.var_positional
        before = kind
        yield _parameter(each)
    if before is griffe.ParameterKind.positional_only:
        yield "/"


def _parameter(each: griffe.Parameter) -> str:
    positional = each.kind is griffe.ParameterKind.var_positional
    stars = "*" if positional else "**" * (each.kind is griffe.ParameterKind.var_keyword)
    annotated = "" if each.annotation is None else f": {_written(each.annotation)}"
    has_default = each.default is not None and not stars
    equals = " = " if annotated else "="
    return f"{stars}{each.name}{annotated}{equals + _written(each.default) if has_default else ''}"


def _named(base: str | griffe.Expr) -> str:
    return base if isinstance(base, str) else str(base)


def _written(annotation: str | griffe.Expr | None) -> str:
    """An annotation; aliases that cannot be imported are written out."""
    if not isinstance(annotation, griffe.Expr):
        return str(annotation)
    return "".join(map(_spelled, annotation.iterate(flat=True)))


def _spelled(part: str | griffe.Expr) -> str:
    if isinstance(part, griffe.ExprName):
        alias = alias_of(part)
        if alias is not None and part.canonical_path not in paths():
            return _written(alias.value)
    return str(part)


def files() -> list[str]:
    """Of the files that users write: each key, and what it may be."""
    return [
        f"{name} {path}: {kind}"
        for schema, name in FILES.items()
        for path, kind in sorted(_keys(_schema(schema)))
    ]


def _schema(name: str) -> dict[str, Any]:
    text = (ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    whole: dict[str, Any] = json.loads(text)
    return whole


def _keys(schema: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in schema.get("properties", {}).items():
        yield f"{before}{key}", _kind(value)
        yield from _keys(value, f"{before}{key}.")
    for name, value in schema.get("$defs", {}).items():
        yield from _keys(value, f"{before}{name}.")


def _kind(value: dict[str, Any]) -> str:
    if "enum" in value:
        return " | ".join(map(json.dumps, value["enum"]))
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if (several := value.get("anyOf") or value.get("oneOf")) is not None:
        return " | ".join(map(_kind, several))
    kind = value.get("type", "any")
    return " | ".join(kind) if isinstance(kind, list) else str(kind)


def command_line() -> list[str]:
    """Of the command line: each command with its arguments, each option."""
    from toolrun.cli.app import app

    return [line for words, each in _commands(app, "toolrun") for line in _options(words, each)]


def _commands(app: App, before: str) -> Iterator[tuple[str, App]]:
    for name in sorted(app):
        if not name.startswith("-") and app[name].show:
            words = f"{before} {name}"
            if app[name].default_command is not None:
                yield words, app[name]
            yield from _commands(app[name], words)


def _options(words: str, app: App) -> Iterator[str]:
    from toolrun.cli.app import app as top

    options, arguments = [], []
    for argument in app.assemble_argument_collection(default_parameter=top.default_parameter):
        if not argument.show:
            continue
        found = [name for name in argument.names if name.startswith("-")]
        if found:
            options.append(f"{words} {' '.join(sorted(found))}")
        else:
            arguments.append(argument.name)
    yield " ".join([words, *arguments])
    yield from sorted(options)
