"""How does JSON become what the function's annotations ask for? Runs in the box, stdlib only.

Dataclasses, typed dictionaries, named tuples, enums, literals, containers and unions of them, and
the plain types that JSON lacks. A type that only pydantic knows is built by pydantic, which a box
has where the tool's schema was made with it: its import costs a tenth of a second, so it is the
last resort. The schema has checked the values already; what is checked here is which member of a
union a value is meant for.
"""

from __future__ import annotations

import sys

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PLAIN = {"str", "bool", "dict", "list", "None", "Any", "object"}
_TEXTUAL = {
    ("datetime", "datetime"): "fromisoformat",
    ("datetime", "date"): "fromisoformat",
    ("datetime", "time"): "fromisoformat",
    ("decimal", "Decimal"): None,
    ("uuid", "UUID"): None,
    ("pathlib", "Path"): None,
    ("pathlib", "PosixPath"): None,
    ("pathlib", "PurePath"): None,
    ("pathlib", "PurePosixPath"): None,
    ("ipaddress", "IPv4Address"): None,
    ("ipaddress", "IPv6Address"): None,
}
_JSON = {"str": str, "bool": bool, "NoneType": type(None), "dict": dict, "list": list}
_LISTS = {"list", "Sequence", "MutableSequence", "Collection"}
_DICTS = {"dict", "Mapping", "MutableMapping"}
_OTHERS = {"set": set, "Set": set, "MutableSet": set, "frozenset": frozenset}


class _Unknown(Exception):
    """A type that is not built here."""


def build_arguments(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Build the arguments of a call from JSON values.

    Raises:
        ValueError, TypeError: a value that the annotated type refuses.
    """
    annotations = function.__annotations__
    # Plain annotations, also as strings, need no typing module: it takes 5 ms to import.
    wanted = {
        name: annotations[name]
        for name in arguments
        if name in annotations and not _is_plain(annotations[name], arguments[name])
    }
    if not wanted:
        return arguments
    import types
    import typing

    # Of the parameters alone: what else is annotated may not be there at run time.
    holder = types.SimpleNamespace(__annotations__=wanted)
    names = getattr(function, "__globals__", {})
    hints = typing.get_type_hints(holder, names, include_extras=True)
    return {**arguments, **{name: _built(hint, arguments[name]) for name, hint in hints.items()}}


def _is_plain(annotation: Any, value: Any) -> bool:
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    if name in {"int", "float"}:  # JSON Schema takes 1.0 for an integer, and 1 for a number
        return type(value).__name__ == name
    if annotation is None or name in _PLAIN:
        return True
    return isinstance(annotation, str) and set(
        annotation.replace("[", " ").replace("]", " ").replace("|", " ").replace(",", " ").split()
    ) <= _PLAIN | ({"int"} if type(value) is not float else set())


def _built(hint: Any, value: Any) -> Any:
    try:
        return _build(hint, value)
    except _Unknown:
        import json

        import pydantic

        adapter: Any = pydantic.TypeAdapter(hint)
        return adapter.validate_json(json.dumps(value))


def _build(hint: Any, value: Any) -> Any:
    import typing

    origin = typing.get_origin(hint)
    if origin is not None:
        return _build_generic(hint, origin, value)
    if isinstance(hint, type):
        return _build_class(hint, value)
    if hint is typing.Any:
        return value
    for attribute in ("__supertype__", "__value__"):  # a NewType, an alias by `type`
        if hasattr(hint, attribute):
            return _build(getattr(hint, attribute), value)
    if hint is None:
        return _build_class(type(None), value)
    raise _Unknown


def _build_generic(hint: Any, origin: Any, value: Any) -> Any:
    import types
    import typing

    inner = typing.get_args(hint)
    name = getattr(origin, "__name__", "")
    if origin is typing.Union or origin is types.UnionType:
        return _build_union(inner, value)
    if origin is typing.Annotated:
        return _build_annotated(inner, value)
    if origin is typing.Literal:
        return _build_literal(inner, value)
    if name in {"Required", "NotRequired", "ReadOnly"} or str(origin).startswith("typing"):
        return _build(inner[0], value)
    return _build_container(origin, name, inner, value)


def _build_container(origin: Any, name: str, inner: tuple[Any, ...], value: Any) -> Any:
    if origin is tuple:
        return _build_tuple(inner, value)
    if name in _LISTS or name in _OTHERS:
        items = [_build(inner[0], item) for item in _checked(value, list)]
        return items if name in _LISTS else _OTHERS[name](items)
    if name in _DICTS:
        pairs = _checked(value, dict).items()
        return {_build_key(inner[0], key): _build(inner[1], item) for key, item in pairs}
    raise _Unknown


def _build_tuple(inner: tuple[Any, ...], value: Any) -> Any:
    items = _checked(value, list)
    if len(inner) == 2 and inner[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
        return tuple(_build(inner[0], item) for item in items)
    if len(inner) != len(items):
        raise ValueError(f"{len(items)} items where {len(inner)} belong")
    return tuple(_build(kind, item) for kind, item in zip(inner, items, strict=True))


def _build_key(hint: Any, key: str) -> Any:
    """A key of an object is text, whatever the annotation wants of it."""
    if hint is int or hint is float:
        return hint(key)
    return _build(hint, key)


def _build_annotated(inner: tuple[Any, ...], value: Any) -> Any:
    for metadata in inner[1:]:
        module = type(metadata).__module__
        # Constraints say what the schema has checked; a validator may change the value.
        if module.startswith("pydantic") and type(metadata).__name__ != "FieldInfo":
            raise _Unknown
    return _build(inner[0], value)


def _build_literal(members: tuple[Any, ...], value: Any) -> Any:
    for member in members:
        if member == value and type(member) is type(value):
            return member
    for member in members:
        if getattr(member, "value", member) == value and type(value) is not bool:
            return member
    raise ValueError(f"{value!r} is none of {members}")


def _build_union(members: tuple[Any, ...], value: Any) -> Any:
    # A member that takes the value as it is wins over one that would convert it.
    for member in members:
        if isinstance(member, type) and type(value) is member and not hasattr(value, "keys"):
            return value
    best: tuple[int, Any] | None = None
    failure: Exception = ValueError(f"{value!r} fits none of {members}")
    for member in members:
        try:
            built = _build(member, value)
        except (TypeError, ValueError) as error:
            failure = error
            continue
        # The one that knows the most keys; the first of those.
        known = _known(member, value)
        if best is None or known > best[0]:
            best = (known, built)
    if best is None:
        raise failure
    return best[1]


def _known(kind: Any, value: Any) -> int:
    """How many of an object's keys a type has a field for."""
    fields = getattr(kind, "model_fields", None) or getattr(kind, "__annotations__", {})
    return sum(key in fields for key in value) if isinstance(value, dict) else 0


def _build_class(kind: type, value: Any) -> Any:  # noqa: C901, PLR0911 - a table
    name = kind.__name__
    if name in _JSON and _JSON[name] is kind:
        return _checked(value, kind)
    if kind is int or kind is float:
        return _number(kind, value)
    if kind is object:
        return value
    if hasattr(kind, "__pydantic_validator__"):
        # No import: a module whose annotation is a model has imported pydantic by now.
        raise _Unknown
    if hasattr(kind, "__dataclass_fields__"):
        return _build_dataclass(kind, _checked(value, dict))
    if hasattr(kind, "__required_keys__"):
        return _build_typed_dict(kind, _checked(value, dict))
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _build_named_tuple(kind, value)
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(kind, enum.Enum):
        if isinstance(value, list | dict):
            raise _Unknown
        return kind(value)
    if kind is tuple or name in _OTHERS:
        return (tuple if kind is tuple else _OTHERS[name])(_checked(value, list))
    if kind is bytes:
        return _checked(value, str).encode()
    return _build_textual(kind, value)


def _build_textual(kind: type, value: Any) -> Any:
    key = (kind.__module__.removesuffix("._local"), kind.__name__)
    if key == ("decimal", "Decimal") and type(value) in {int, float}:
        return kind(str(value))
    if key not in _TEXTUAL:
        raise _Unknown
    text = _checked(value, str)
    constructor = _TEXTUAL[key]
    try:
        # RFC 3339 takes a small z.
        return getattr(kind, constructor)(text.upper()) if constructor else kind(text)
    except ArithmeticError as error:  # decimal's own
        raise ValueError(f"{text!r} is no decimal number") from error


def _number(kind: type, value: Any) -> Any:
    if type(value) is int or (type(value) is float and (kind is float or value.is_integer())):
        return kind(value)
    raise ValueError(f"{value!r} is not {kind.__name__}")


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is not {kind.__name__}")
    return value


def _hints(kind: type) -> dict[str, Any]:
    import typing

    return typing.get_type_hints(kind, include_extras=True)


def _build_dataclass(kind: Any, value: dict[str, Any]) -> Any:
    fields = kind.__dataclass_fields__
    for field in fields.values():
        special = type(field.default).__module__.startswith("pydantic")
        if special or field._field_type.name not in {"_FIELD", "_FIELD_CLASSVAR"}:  # noqa: SLF001 - no public name tells
            raise _Unknown
    hints = _hints(kind)
    return kind(**{name: _build(hints.get(name, object), item) for name, item in value.items()})


def _build_typed_dict(kind: Any, value: dict[str, Any]) -> dict[str, Any]:
    hints = _hints(kind)
    missing = [name for name in hints if name not in value and _is_required(kind, name, hints)]
    if missing:
        raise ValueError(f"{missing[0]!r} is missing")
    unknown = [name for name in value if name not in hints]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no key of {kind.__name__}")
    return {name: _build(hints[name], item) for name, item in value.items()}


def _is_required(kind: Any, name: str, hints: dict[str, Any]) -> bool:
    import typing

    # Where annotations are strings, the class does not know its own marks.
    mark = str(typing.get_origin(hints[name])).rpartition(".")[2]
    if mark in {"Required", "NotRequired"}:
        return mark == "Required"
    return name not in kind.__optional_keys__


def _build_named_tuple(kind: Any, value: Any) -> Any:
    hints = _hints(kind)
    items = _checked(value, list)
    if len(items) > len(kind._fields):
        raise ValueError(f"{len(items)} items where {len(kind._fields)} belong")
    pairs = zip(kind._fields, items, strict=False)
    return kind(*[_build(hints.get(name, object), item) for name, item in pairs])
