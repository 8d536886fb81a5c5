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
from typing import Annotated, Any, ForwardRef

import typing_extensions

_MARKS = (typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly)
_REFUSED = sys.version_info < (3, 12)


def portable(hint: Any) -> Any:
    """A type in the form that pydantic reads."""
    return _replaced(hint, ())


def _replaced(hint: Any, above: tuple[Any, ...]) -> Any:  # noqa: PLR0911 - a table
    """`above` are the typed dictionaries that this is a part of: it may refer to them."""
    if _REFUSED and type(hint).__module__ == "typing" and typing.is_typeddict(hint):
        return ForwardRef(hint.__name__) if hint in above else _rewritten(hint, above)
    origin = typing.get_origin(hint)
    if origin is None:
        return hint
    before = typing.get_args(hint)
    if origin is typing.Literal:
        return _of_values(hint, before)
    if origin is Annotated:
        return Annotated[(_replaced(before[0], above), *before[1:])]
    after = tuple(each if isinstance(each, list) else _replaced(each, above) for each in before)
    if all(new is old for new, old in zip(after, before, strict=True)):
        return hint
    if origin is types.UnionType or origin is typing.Union:
        return typing.Union[after]  # noqa: UP007 - a forward reference has no |
    return origin[after[0]] if origin in _MARKS else origin[after]


def _rewritten(hint: Any, above: tuple[Any, ...]) -> Any:
    known = typing.get_type_hints(hint, include_extras=True)
    fields = {}
    for key, each in known.items():
        new = _replaced(each, (*above, hint))
        if typing.get_origin(each) not in _MARKS and key in hint.__optional_keys__:
            new = typing_extensions.NotRequired[new]
        fields[key] = new
    made = typing_extensions.TypedDict(hint.__name__, fields)  # type: ignore[misc]  # made at run time
    made.__doc__, made.__module__ = hint.__doc__, hint.__module__
    return made


def _of_values(hint: Any, members: tuple[Any, ...]) -> Any:
    if not any(isinstance(member, enum.Enum) for member in members):
        return hint
    import pydantic

    values = tuple(m.value if isinstance(m, enum.Enum) else m for m in members)

    def member_of(value: Any) -> Any:
        found = zip(values, members, strict=True)
        return next(m for v, m in found if v == value and type(v) is type(value))

    return Annotated[typing.Literal[values], pydantic.AfterValidator(member_of)]
