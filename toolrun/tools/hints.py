"""Which types does pydantic need in another form?

- `typing.TypedDict` before Python 3.12: it takes the one of typing_extensions there, so that is
  what it is given, with the same keys.
- A `Literal` of enum members: it writes their values into the schema, and then refuses them.

A type inside a dataclass or a model is out of reach.
"""

from __future__ import annotations

import enum
import sys
import types
import typing
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import typing_extensions

_MARKS = (typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly)
_REFUSED = sys.version_info < (3, 12)
_rewritten: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""Typed dictionaries, each once: of several of one name, pydantic makes long names."""


def portable(hint: Any) -> Any:
    """A type in the form that pydantic reads."""
    made: dict[Any, Any] = {}
    portable_one = _replaced(hint, made)
    _rewritten.update(made)
    return portable_one


def _replaced(hint: Any, made: dict[Any, Any]) -> Any:  # noqa: PLR0911 - a table
    """`made` are typed dictionaries that are not whole yet: this may be a part of them."""
    if _REFUSED and type(hint).__module__ == "typing" and typing.is_typeddict(hint):
        return _rewritten.get(hint) or made.get(hint) or _rewrite(hint, made)
    origin = typing.get_origin(hint)
    if origin is None:
        return hint
    before = typing.get_args(hint)
    if origin is typing.Literal:
        return _of_values(hint, before)
    if origin is Annotated:
        return Annotated[(_replaced(before[0], made), *before[1:])]
    after = tuple(each if isinstance(each, list) else _replaced(each, made) for each in before)
    if all(new is old for new, old in zip(after, before, strict=True)):
        return hint
    if origin is types.UnionType or origin is typing.Union:
        return typing.Union[after]  # noqa: UP007 - of types that come in a tuple
    return origin[after[0]] if origin in _MARKS else origin[after]


def _rewrite(hint: Any, made: dict[Any, Any]) -> Any:
    fields = typing.get_type_hints(hint, include_extras=True)
    for key, each in fields.items():
        if typing.get_origin(each) not in _MARKS and key in hint.__optional_keys__:
            fields[key] = typing_extensions.NotRequired[each]
    new = typing_extensions.TypedDict(hint.__name__, fields)  # type: ignore[misc]  # made at run time
    new.__doc__, new.__module__ = hint.__doc__, hint.__module__
    made[hint] = new  # before its parts, which may refer to it
    for key, each in fields.items():
        new.__annotations__[key] = _replaced(each, made)
    return new


def _of_values(hint: Any, members: tuple[Any, ...]) -> Any:
    if not any(isinstance(member, enum.Enum) for member in members):
        return hint
    import pydantic

    values = tuple(m.value if isinstance(m, enum.Enum) else m for m in members)

    def member_of(value: Any) -> Any:
        found = zip(values, members, strict=True)
        return next(m for v, m in found if v == value and type(v) is type(value))

    return Annotated[typing.Literal[values], pydantic.AfterValidator(member_of)]
