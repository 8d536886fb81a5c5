"""Which JSON Schema does a signature amount to?

pydantic writes the schema; the descriptions come from the docstring (Google, NumPy, Sphinx or
Epydoc style), from `Annotated[..., "text"]` or from `Annotated[..., Field(description=...)]`.
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Struct

from toolrun.errors import ToolDefinitionError
from toolrun.tools.context import CallContext
from toolrun.tools.hints import portable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel
    from pydantic.json_schema import GenerateJsonSchema

    from toolrun.tools.callables import Kind

_PLAIN = (str, int, float, bool, dict, list, Any, type(None))
_NUMBERS = (int, float)


class Parameters(Struct, frozen=True):
    """The arguments of a function.

    Attributes:
        schema: the JSON Schema of those that the model gives.
        description: of the function as a whole.
        build: makes the Python arguments of validated JSON ones; raises ValueError.
        context: the name of the parameter that takes the `CallContext`.
    """

    schema: dict[str, Any]
    description: str
    build: Callable[[dict[str, Any]], dict[str, Any]]
    context: str | None


def parameters_of(name: str, kind: Kind) -> Parameters:
    """The schema of a callable's parameters.

    Raises:
        ToolDefinitionError: a parameter without a type, or one whose type has no schema.
    """
    import docstring_parser

    doc = docstring_parser.parse(inspect.getdoc(kind.function) or "")
    texts = {each.arg_name: each.description or "" for each in doc.params}
    hints = _hints(name, kind)
    context: str | None = None
    fields: dict[str, Any] = {}
    for parameter in kind.parameters.values():
        _check_kind(name, parameter)
        if parameter.name not in hints:
            raise ToolDefinitionError(
                f"tool {name}: parameter {parameter.name!r} has no type; annotate it"
            )
        hint = hints[parameter.name]
        if not _is_context(hint):
            fields[parameter.name] = _field(name, parameter, hint, texts.get(parameter.name, ""))
        elif context is None:
            context = parameter.name
        else:
            raise ToolDefinitionError(
                f"tool {name}: {context!r} and {parameter.name!r} both take a CallContext; "
                "one is enough"
            )
    text = "\n\n".join(part for part in (doc.short_description, doc.long_description) if part)
    return _modelled(name, fields, text, context)


def _check_kind(name: str, parameter: inspect.Parameter) -> None:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
        raise ToolDefinitionError(
            f"tool {name}: parameter {stars}{parameter.name} has no schema; name each parameter"
        )
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise ToolDefinitionError(
            f"tool {name}: parameter {parameter.name!r} is positional-only, and the model "
            "gives arguments by name; remove the /"
        )


def _hints(name: str, kind: Kind) -> dict[str, Any]:
    """The annotations of the parameters alone: what a function returns needs no schema."""
    try:
        annotations = kind.function.__annotations__
    except AttributeError:  # written in C
        return {}
    wanted = {key: each for key, each in annotations.items() if key in kind.parameters}
    found = {}
    for key, annotation in wanted.items():
        found[key] = _evaluated(name, key, annotation, kind.function)
    return found


def _evaluated(name: str, parameter: str, annotation: Any, function: Any) -> Any:
    holder = types.SimpleNamespace(__annotations__={parameter: annotation})
    names = getattr(function, "__globals__", {})
    try:
        try:
            hints = typing.get_type_hints(holder, names, include_extras=True)
        except NameError as error:
            if error.name != "CallContext":
                raise
            # Under TYPE_CHECKING, where linters move what only annotations name.
            hints = typing.get_type_hints(
                holder, names, {"CallContext": CallContext}, include_extras=True
            )
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise ToolDefinitionError(
            f"tool {name}: the annotation of parameter {parameter!r} cannot be read: {error}. "
            "Names under TYPE_CHECKING or inside a function are not there at run time; import "
            "them at the top of the module"
        ) from error
    return hints[parameter]


def _is_context(hint: Any) -> bool:
    if typing.get_origin(hint) is Annotated:
        return _is_context(hint.__origin__)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return set(typing.get_args(hint)) == {CallContext, type(None)}
    return hint is CallContext


def _field(name: str, parameter: inspect.Parameter, hint: Any, text: str) -> tuple[Any, Any]:
    import pydantic
    from pydantic.fields import FieldInfo

    if isinstance(parameter.default, FieldInfo):
        raise ToolDefinitionError(
            f"tool {name}: the default of parameter {parameter.name!r} is a Field, and the "
            f"function would get that; write {parameter.name}: Annotated[..., Field(...)] = value"
        )
    if typing.get_origin(hint) is Annotated:
        text = next(filter(None, map(_said, hint.__metadata__)), text)
    default = ... if parameter.default is parameter.empty else parameter.default
    said: dict[str, Any] = {"description": text} if text else {}
    # The alias lets a parameter have any name, those that pydantic keeps for itself included.
    given = pydantic.Field(default, alias=parameter.name, validation_alias=parameter.name, **said)
    return portable(hint), given


def _said(metadata: Any) -> str | None:
    """The description that one item of `Annotated` is or holds (PEP 727's Doc, a Field)."""
    if isinstance(metadata, str):
        return metadata
    for attribute in ("documentation", "description"):
        if isinstance(found := getattr(metadata, attribute, None), str):
            return found
    return None


def _modelled(name: str, fields: dict[str, Any], text: str, context: str | None) -> Parameters:
    try:
        model = _model(name, fields.values())
        schema = model.model_json_schema(by_alias=True, schema_generator=_generator())
    except Exception as error:
        # Not only pydantic's: a type may make its schema itself.
        culprit, why = _culprit(name, fields, error)
        raise ToolDefinitionError(
            f"tool {name}: parameter {culprit!r} has a type without a JSON Schema: {why}. Use "
            "str, numbers, bool, list, dict, Literal, Enum, a dataclass, TypedDict or pydantic "
            "model; what no model can give belongs in CallContext.context"
        ) from error
    _untitled(schema)
    properties = schema.setdefault("properties", {})
    for key, (_, field) in fields.items():
        if not _is_finite(field.default):  # JSON has neither infinities nor NaN
            properties[key].pop("default", None)
    return Parameters(schema, text, _builder(model, fields), context)


def _model(name: str, fields: Iterable[tuple[Any, Any]]) -> type[BaseModel]:
    """A pydantic model of parameters, whose aliases are their names."""
    import pydantic

    safe: dict[str, Any] = {f"p{number}": field for number, field in enumerate(fields)}
    return pydantic.create_model(name, __config__=pydantic.ConfigDict(extra="forbid"), **safe)


def _builder(model: Any, fields: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What makes a function's arguments of validated JSON."""
    import pydantic

    names = {alias: f"p{number}" for number, alias in enumerate(fields)}
    numbers = {key: field[0] for key, field in fields.items() if field[0] in _NUMBERS}
    plain = all(field[0] in _PLAIN for field in fields.values())

    def build(arguments: dict[str, Any]) -> dict[str, Any]:
        if plain:
            # JSON Schema takes 1.0 for an integer, and 1 for a number.
            wrong = {
                key: kind(arguments[key])
                for key, kind in numbers.items()
                if key in arguments and type(arguments[key]) is not kind
            }
            return {**arguments, **wrong} if wrong else arguments
        try:
            # As JSON, not as Python: the schema says what JSON becomes what.
            built = model.model_validate_json(msgspec.json.encode(arguments))
        except pydantic.ValidationError as error:
            raise ValueError(_violations(error)) from None
        return {key: getattr(built, names[key]) for key in arguments}

    return build


def _violations(error: Any) -> str:
    """What pydantic has against the arguments, without the links it adds."""
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )


@cache
def _generator() -> type[GenerateJsonSchema]:
    from pydantic.json_schema import GenerateJsonSchema

    class Quiet(GenerateJsonSchema):
        """A default that JSON cannot hold is left out: the function knows it."""

        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - pydantic's own

        def is_subclass_schema(self, schema: Any) -> Any:
            """Refuse a class as an argument, where pydantic would let anything through."""
            return self.handle_invalid_for_json_schema(schema, "a class")

    return Quiet


def _culprit(name: str, fields: dict[str, Any], error: Exception) -> tuple[str, str]:
    """The first parameter that alone has no schema, and why: if none before it, then the last."""
    *others, last = fields
    for key in others:
        try:
            _model(name, [fields[key]]).model_json_schema(schema_generator=_generator())
        except Exception as own:  # noqa: BLE001 - as that of all
            return key, _first_line(own)
    return last, _first_line(error)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    # Of pydantic's core: the first ones say only where.
    line = lines[-1] if lines[0].endswith(":") else lines[0]
    return line.partition(". Set `arbitrary_types")[0].rstrip(".")


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if isinstance(value, list | tuple | set) else True


def _untitled(schema: Any, *, named: bool = False) -> None:
    """Remove the titles that pydantic makes up: they are tokens in every prompt.

    `named` says that the keys of this object are names of properties, not keywords.
    """
    if isinstance(schema, dict):
        if not named and isinstance(schema.get("title"), str):
            del schema["title"]
        for key, value in schema.items():
            if named or key not in ("default", "const", "enum", "examples"):
                _untitled(value, named=not named and key in ("properties", "$defs"))
    elif isinstance(schema, list):
        for value in schema:
            _untitled(value)
