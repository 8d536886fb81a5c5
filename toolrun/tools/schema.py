"""Which JSON Schema does a signature amount to?

pydantic writes the schema (it comes with the openai package); the descriptions come from the
docstring (Google, NumPy, Sphinx or Epydoc style) or from `Annotated[..., "text"]`.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Struct

from toolrun.errors import ToolDefinitionError

_PLAIN = (str, int, float, bool, dict, list, Any, type(None))


class Parameters(Struct, frozen=True):
    """The arguments of a function: schema, description of the whole, and how to build them."""

    schema: dict[str, Any]
    description: str
    build: Callable[[dict[str, Any]], dict[str, Any]]


def parameters_of(name: str, function: Callable[..., Any]) -> Parameters:
    """The schema of a function's parameters.

    Raises:
        ToolDefinitionError: a parameter without a type, or one whose type has no schema.
    """
    import docstring_parser

    doc = docstring_parser.parse(inspect.getdoc(function) or "")
    texts = {each.arg_name: each.description or "" for each in doc.params}
    hints = _hints(name, function)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ToolDefinitionError(
                f"tool {name}: parameter *{parameter.name} has no schema; name each parameter"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ToolDefinitionError(
                f"tool {name}: parameter {parameter.name!r} is positional-only, and the model "
                "gives arguments by name; remove the /"
            )
        if parameter.name not in hints:
            raise ToolDefinitionError(
                f"tool {name}: parameter {parameter.name!r} has no type; annotate it"
            )
        fields[parameter.name] = _field(
            parameter, hints[parameter.name], texts.get(parameter.name, "")
        )
    text = "\n\n".join(part for part in (doc.short_description, doc.long_description) if part)
    return _modelled(name, fields, text)


def _hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ToolDefinitionError(
            f"tool {name}: its annotations cannot be read: {error}. Names under TYPE_CHECKING or "
            "inside a function are not there at run time; import them at the top of the module"
        ) from error


def _field(parameter: inspect.Parameter, hint: Any, text: str) -> tuple[Any, Any]:
    import pydantic

    if typing.get_origin(hint) is Annotated:
        said = [each for each in hint.__metadata__ if isinstance(each, str)]
        text = said[0] if said else text
    default = ... if parameter.default is parameter.empty else parameter.default
    # The alias lets a parameter have any name, those that pydantic keeps for itself included.
    return (
        hint,
        pydantic.Field(default, alias=parameter.name, description=text or None),
    )


def _modelled(name: str, fields: dict[str, Any], text: str) -> Parameters:
    import pydantic

    safe = {f"p{number}": field for number, field in enumerate(fields.values())}
    try:
        model = pydantic.create_model(name, __config__=pydantic.ConfigDict(extra="forbid"), **safe)
        schema = model.model_json_schema(by_alias=True)
    except pydantic.errors.PydanticUserError as error:
        culprit = _culprit(fields)
        raise ToolDefinitionError(
            f"tool {name}: parameter {culprit!r} has a type without a JSON Schema: "
            f"{str(error).splitlines()[0]}"
        ) from error
    _untitled(schema)
    schema.setdefault("properties", {})
    of_alias = {field[1].alias: key for key, field in safe.items()}
    plain = all(field[0] in _PLAIN for field in fields.values())

    def build(arguments: dict[str, Any]) -> dict[str, Any]:
        if plain:
            return arguments
        built = model.model_validate(arguments)
        return {alias: getattr(built, of_alias[alias]) for alias in arguments}

    return Parameters(schema, text, build)


def _culprit(fields: dict[str, Any]) -> str:
    """The first parameter whose type alone has no schema."""
    import pydantic

    for name, (hint, _) in fields.items():
        try:
            pydantic.TypeAdapter(hint).json_schema()
        except pydantic.errors.PydanticUserError:
            return name
    return next(iter(fields), "?")


def _untitled(schema: Any, *, named: bool = False) -> None:
    """Remove the titles that pydantic makes up: they are tokens in every prompt.

    `named` says that the keys of this object are names of properties, not keywords.
    """
    if isinstance(schema, dict):
        if not named and isinstance(schema.get("title"), str):
            del schema["title"]
        for key, value in schema.items():
            _untitled(value, named=not named and key in ("properties", "$defs"))
    elif isinstance(schema, list):
        for value in schema:
            _untitled(value)
