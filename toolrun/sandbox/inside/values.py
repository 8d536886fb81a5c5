"""How does what a function returned become JSON? Runs in the box, stdlib only.

Numbers that JSON lacks (NaN, infinities) become null. Objects that JSON lacks become what a reader
would write for them: ISO 8601 for dates, text for decimals, base64 for bytes that are not UTF-8.
"""

from __future__ import annotations

import sys

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEPTH = 100


def encode(value: Any) -> bytes:
    """Encode a returned value as one JSON value, UTF-8.

    Raises:
        TypeError: there is no sensible JSON for it; the message names its type.
        ValueError: it is nested deeper than 100, or contains itself.
    """
    if value is None:
        return b"null"
    if type(value) is int:
        return repr(value).encode()
    plain = _plain(value, 0)
    # `json` imports `re`: 8 ms; only containers are worth it.
    import json

    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        errors="replace"
    )


def _plain(value: Any, depth: int) -> Any:
    if depth > _DEPTH:
        raise ValueError(f"the returned value is nested deeper than {_DEPTH}, or contains itself")
    kind = type(value)
    if value is None or kind in {bool, int, str}:
        return value
    if isinstance(value, float):
        return float(value) if value - value == 0 else None
    if isinstance(value, dict):
        return {_key(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return _binary(bytes(value))
    return _object(value, depth)


def _key(key: Any) -> str:
    plain = _plain(key, 0)
    if isinstance(plain, str):
        return plain
    if plain is None or isinstance(plain, bool):
        return {None: "null", True: "true", False: "false"}[plain]
    return str(plain)


def _binary(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        import base64

        return {"encoding": "base64", "data": base64.b64encode(value).decode()}


def _object(value: Any, depth: int) -> Any:  # noqa: PLR0911 - a table
    kind = type(value)
    if _is_a(value, "enum", "Enum"):
        return _plain(value.value, depth + 1)
    if hasattr(kind, "__dataclass_fields__"):
        names = kind.__dataclass_fields__
        return {name: _plain(getattr(value, name), depth + 1) for name in names}
    if hasattr(kind, "model_dump"):  # pydantic
        return _plain(value.model_dump(mode="json"), depth + 1)
    if hasattr(kind, "isoformat"):  # datetime's classes, and pandas' of the same shape
        return value.isoformat()
    if any(_is_a(value, *name) for name in _AS_TEXT):
        return str(value)
    if isinstance(value, int | str):  # subclasses
        return int(value) if isinstance(value, int) else str(value)
    if hasattr(kind, "tolist"):  # numpy
        return _plain(value.tolist(), depth + 1)
    if hasattr(kind, "__next__") or hasattr(kind, "__iter__"):
        return [_plain(item, depth + 1) for item in value]
    raise TypeError(
        f"a tool cannot return {kind.__module__}.{kind.__qualname__}: return str, numbers, lists, "
        "dicts, a dataclass or a pydantic model"
    )


_AS_TEXT = (
    ("decimal", "Decimal"),
    ("uuid", "UUID"),
    ("pathlib", "PurePath"),
    ("fractions", "Fraction"),
    ("datetime", "timedelta"),
)


def _is_a(value: Any, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))
