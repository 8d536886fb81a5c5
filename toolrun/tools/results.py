"""How does what a tool returned become what the model reads?

What a tool in the box returns takes the same forms (`toolrun.sandbox.inside.values`): numbers that
JSON lacks are null, bytes are text or else base64 under that name, a tuple with names is a list.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from toolrun.values import Outcome

MAX_NODES = 200_000
"""Containers and objects that are read of one result: few shared ones may unfold to many."""
MAX_DEPTH = 200
_MAX_BITS = 14_000
"""Of an int that Python writes in decimal: 4,300 digits."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = frozenset({str, int, float, bool, type(None)})
_WRITTEN = (dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID)
_BINARY = (bytes, bytearray, memoryview)


def to_text(value: Any) -> str:
    """A string as it is, anything else as JSON; what JSON has no form for is shown as text.

    Nothing of a value that is still to be computed is computed: an iterator is named, not run.
    """
    try:
        if isinstance(value, str):
            return sound(str.__str__(value))
        plain = _Reading().plain(value)
        return plain if isinstance(value, _BINARY) and isinstance(plain, str) else _written(plain)
    except Exception:  # noqa: BLE001 - a tool's own objects may raise anything
        return sound(shown(value))


def cut(text: str, limit: int) -> str:
    """A text of more than `limit` bytes of UTF-8 without its middle, and how much that was.

    Of beginning and end half as many bytes are kept each, in whole characters.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit:
        return sound(text)
    begin, end = limit // 2, len(data) - limit // 2
    while begin and _continues(data[begin]):
        begin -= 1
    while end < len(data) and _continues(data[end]):
        end += 1
    head, tail = (each.decode("utf-8", "surrogatepass") for each in (data[:begin], data[end:]))
    return f"{sound(head)}\n[... {end - begin} bytes left out ...]\n{sound(tail)}"


def sound(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which UTF-8 and JSON have no form for."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def shown(value: Any) -> str:
    """The text of a value; whatever that raises is said in its place."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a tool's own __str__ may raise anything
        return f"<{type(value).__name__}, whose text raised {type(error).__name__}>"


def _continues(byte: int) -> bool:
    """Whether a byte of UTF-8 stands inside a character."""
    return byte & 0xC0 == 0x80  # noqa: PLR2004 - 10xxxxxx


class _Reading:
    """Turns one value into what JSON has; knows where it is, so that it comes to an end."""

    def __init__(self) -> None:
        self._left = MAX_NODES
        self._inside: list[int] = []

    def plain(self, value: Any) -> Any:
        """The value as JSON has it."""
        if type(value) in _PLAIN:
            return value
        if id(value) in self._inside:
            return f"<{type(value).__name__} that contains itself>"
        self._left -= 1
        if len(self._inside) >= MAX_DEPTH or self._left < 0:
            return f"<{type(value).__name__}, left out: the result is too large or too deep>"
        self._inside.append(id(value))
        try:
            return self._form(value)
        finally:
            self._inside.pop()

    def _form(self, value: Any) -> Any:
        for kind, form in _FORMS:
            if isinstance(value, kind):
                return form(self, value)
        return self._object(value)

    def mapping(self, value: Mapping[Any, Any]) -> Any:
        """An object; where two keys have the same text, a list of pairs, so that none is lost."""
        if set(map(type, value)) <= {str} and set(map(type, value.values())) <= _PLAIN:
            return dict(value)
        named = {self._key(key): self.plain(item) for key, item in value.items()}
        if len(named) == len(value):
            return named
        return [[self.plain(key), self.plain(item)] for key, item in value.items()]

    def items(self, value: Iterable[Any]) -> Any:
        """A list; that of a set has an order of its own, the same each time."""
        items = list(value)
        if not set(map(type, items)) <= _PLAIN:
            items = [self.plain(item) for item in items]
        return sorted(items, key=repr) if isinstance(value, set | frozenset) else items

    def _key(self, key: Any) -> str:
        plain = self.plain(key) if not isinstance(key, tuple) else shown(key)
        plain = msgspec.to_builtins(plain) if isinstance(plain, _WRITTEN) else plain
        return plain if isinstance(plain, str) else _written(plain)

    def _object(self, value: Any) -> Any:  # noqa: PLR0911 - a table
        kind = type(value)
        if dataclasses.is_dataclass(kind):
            names = [field.name for field in dataclasses.fields(kind)]
            return {name: self.plain(getattr(value, name)) for name in names}
        if hasattr(kind, "model_dump"):  # pydantic
            return self.plain(_dumped(value))
        if isinstance(value, msgspec.Struct):
            return self.plain(
                msgspec.to_builtins(
                    value, builtin_types=_BINARY, enc_hook=self.plain, str_keys=True
                )
            )
        if hasattr(kind, "tolist"):  # numpy, torch
            return self.plain(value.tolist())
        if isinstance(value, Iterator):
            return f"<{kind.__name__}, not read: return a list>"
        if isinstance(value, Sized) and isinstance(value, Iterable):
            return self.items(value)
        return shown(value)


_FORMS: tuple[tuple[Any, Callable[[_Reading, Any], Any]], ...] = (
    (enum.Enum, lambda reading, value: reading.plain(value.value)),
    (bool, lambda _, value: value),
    (str, lambda _, value: str.__str__(value)),
    (int, lambda _, value: int(value)),
    (float, lambda _, value: float(value)),
    (_BINARY, lambda _, value: _binary(value)),
    (_WRITTEN, lambda _, value: value),
    (Mapping, _Reading.mapping),
    ((list, tuple, set, frozenset), _Reading.items),
    (pathlib.PurePath, lambda _, value: str(value)),
    (BaseException, lambda _, value: f"{type(value).__name__}: {shown(value)}"),
    (type, lambda _, value: shown(value)),
)


def _binary(value: bytes | bytearray | memoryview) -> Any:
    data = bytes(value)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"encoding": "base64", "data": base64.b64encode(data).decode()}


def _dumped(value: Any) -> Any:
    """A pydantic model as its author lets it be written; where that fails, by its fields."""
    try:
        return value.model_dump(mode="json")
    except Exception:  # noqa: BLE001 - pydantic's own error, or that of a field's serializer
        return value.model_dump()


def _written(plain: Any) -> str:
    """JSON, also where a text in it is not sound or a number has more digits than Python writes."""
    try:
        return msgspec.json.encode(plain).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_each(plain, _sounded)).decode()
    except ValueError:
        return msgspec.json.encode(_each(plain, _short)).decode()


def _each(plain: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(plain, dict):
        return {change(key): _each(item, change) for key, item in plain.items()}
    if isinstance(plain, list):
        return [_each(item, change) for item in plain]
    return change(plain)


def _sounded(value: Any) -> Any:
    return sound(value) if isinstance(value, str) else value


def _short(value: Any) -> Any:
    """A number too long to be written, in the form that is."""
    value = _sounded(value)
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return f"{'-' * (value < 0)}0x{abs(value):x}"
    return value


def failure(tool: str, outcome: Outcome, reason: str) -> str:
    """A failure in words that the model can act on."""
    match outcome:
        case "timeout":
            return f"{tool} gave no result: {reason}. Try smaller input, or another way."
        case "error":
            return f"{tool} failed: {reason}"
        case _:
            return f"{tool} gave no result: {reason}. It may not work; consider another way."
