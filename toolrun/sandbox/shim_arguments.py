"""How does JSON become what the function's annotations ask for? Runs in the box, stdlib only.

Dataclasses, pydantic models, enums, containers and unions of them, and the plain types that JSON
lacks. What it does not know is passed as it came: the schema has checked it already.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PLAIN = {"str", "int", "bool", "dict", "list", "None", "Any", "object", "float"}
_TEXTUAL = {
    ("datetime", "datetime"): "fromisoformat",
    ("datetime", "date"): "fromisoformat",
    ("datetime", "time"): "fromisoformat",
    ("decimal", "Decimal"): None,
    ("uuid", "UUID"): None,
    ("pathlib", "Path"): None,
}


def build_arguments(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Build the arguments of a call from JSON values.

    Raises:
        ValueError, TypeError: a value that the annotated type refuses.
    """
    annotations = function.__annotations__
    # Plain annotations, also as strings, need no typing module: it takes 5 ms to import.
    if all(_is_plain(annotations.get(name)) for name in arguments):
        return arguments
    import typing

    hints = typing.get_type_hints(function)
    return {
        name: _build(hints[name], value) if name in hints else value
        for name, value in arguments.items()
    }


def _is_plain(annotation: Any) -> bool:
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    if annotation is None or name in _PLAIN - {"float"}:
        return True
    return isinstance(annotation, str) and set(
        annotation.replace("[", " ").replace("]", " ").replace("|", " ").replace(",", " ").split()
    ) <= _PLAIN - {"float"}


def _build(hint: Any, value: Any) -> Any:
    import typing

    origin = typing.get_origin(hint)
    if origin is not None:
        return _build_generic(hint, origin, value)
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type):
        return _build_class(hint, value)
    return value


def _build_generic(hint: Any, origin: Any, value: Any) -> Any:  # noqa: PLR0911 - a table
    import types
    import typing

    inner = typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return _build_union(inner, value)
    if origin is typing.Annotated:
        return _build(inner[0], value)
    if origin is typing.Literal:
        return value
    if origin is tuple and isinstance(value, list):
        if len(inner) == 2 and inner[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
            return tuple(_build(inner[0], item) for item in value)
        return tuple(_build(kind, item) for kind, item in zip(inner, value, strict=True))
    if isinstance(value, list) and inner:
        items = [_build(inner[0], item) for item in value]
        return origin(items) if origin in {set, frozenset} else items
    if isinstance(value, dict) and len(inner) == 2:  # noqa: PLR2004 - dict[K, V]
        return {_build(inner[0], key): _build(inner[1], item) for key, item in value.items()}
    return value


def _build_union(members: tuple[Any, ...], value: Any) -> Any:
    if value is None and type(None) in members:
        return None
    # A member that takes the value as it is wins over one that would convert it.
    for member in members:
        if isinstance(member, type) and type(value) is member:
            return value
    failure: Exception | None = None
    for member in members:
        if member is type(None):
            continue
        try:
            built = _build(member, value)
        except (TypeError, ValueError) as error:
            failure = error
            continue
        if not isinstance(member, type) or isinstance(built, member):
            return built
    if failure is not None:
        raise failure
    return value


def _build_class(kind: type, value: Any) -> Any:  # noqa: PLR0911 - a table
    if hasattr(kind, "__dataclass_fields__") and isinstance(value, dict):
        return _build_dataclass(kind, value)
    # No import: a module whose annotation is a model has imported pydantic by now.
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(kind, pydantic.BaseModel):
        return kind.model_validate(value)  # type: ignore[attr-defined]
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(kind, enum.Enum):
        return kind(value)
    if isinstance(value, str):
        key = (kind.__module__.removesuffix("._local"), kind.__name__)
        if key in _TEXTUAL:
            constructor = _TEXTUAL[key]
            return getattr(kind, constructor)(value) if constructor else kind(value)
    if kind.__name__ == "Decimal" and isinstance(value, int | float):
        return kind(str(value))
    if kind is set and isinstance(value, list):
        return set(value)
    if kind is tuple and isinstance(value, list):
        return tuple(value)
    return value


def _build_dataclass(kind: type, value: dict[str, Any]) -> Any:
    import typing

    hints = typing.get_type_hints(kind)
    return kind(**{name: _build(hints.get(name, object), item) for name, item in value.items()})
