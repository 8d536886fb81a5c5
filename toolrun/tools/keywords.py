"""Which keywords of JSON Schema can take unbounded time or memory, and how are they bounded?

jsonschema's own keywords are kept, so every verdict is its verdict. Two grow faster than what they
check: `uniqueItems` compares every pair of items that cannot be sorted, and references that recurse
through `anyOf` visit an argument again for each alternative, which doubles with every level. And
each violation that is found on the way holds a text of the whole value.
"""

from __future__ import annotations

import json
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema.exceptions import ValidationError

MAX_REFERENCES = 20_000
"""References that checking one call may follow: seconds, and more than a model's context holds."""
_FEW = 100
_LONG = 200


class TooComplex(Exception):
    """Checking takes more references than it may."""


class _Allowance(threading.local):
    left = 0


_allowance = _Allowance()


def begin() -> None:
    """Grant the references that checking one call may follow, in this thread."""
    _allowance.left = MAX_REFERENCES


@cache
def validator_class() -> Any:
    """The validator of draft 2020-12 that jsonschema has, its two unbounded keywords bounded."""
    import jsonschema

    kind = jsonschema.Draft202012Validator
    own = kind.VALIDATORS

    # Functions, not generators: one frame fewer at each level of the recursion.
    def reference(validator: Any, ref: str, instance: Any, schema: Any) -> Any:
        _take()
        return own["$ref"](validator, ref, instance, schema)

    def dynamic(validator: Any, ref: str, instance: Any, schema: Any) -> Any:
        _take()
        return own["$dynamicRef"](validator, ref, instance, schema)

    def unique(validator: Any, wanted: Any, instance: Any, schema: Any) -> Any:
        many = wanted and isinstance(instance, list) and len(instance) > _FEW
        if not many or _sortable(instance):
            return own["uniqueItems"](validator, wanted, instance, schema)
        return _repeated(instance)

    return jsonschema.validators.extend(
        kind, {"$ref": reference, "$dynamicRef": dynamic, "uniqueItems": unique}
    )


def _take() -> None:
    _allowance.left -= 1
    if _allowance.left < 0:
        raise TooComplex


def lean(value: Any) -> Any:
    """The same JSON value, but its `repr`, which jsonschema puts into each violation, is short."""
    if isinstance(value, str):
        return _Text(value) if len(value) > _LONG else value
    if isinstance(value, dict):
        return _Object((lean(key), lean(each)) for key, each in value.items())
    if isinstance(value, list):
        return _Array(map(lean, value))
    return value


class _Text(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return f"{str.__repr__(self[:_LONG])}..."


class _Object(dict[Any, Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "{...}"


class _Array(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "[...]"


def _sortable(items: list[Any]) -> bool:
    """Whether jsonschema sorts them and compares neighbours only."""
    if bool in set(map(type, items)):
        return False
    try:
        sorted(items)
    except TypeError:
        return False
    return True


def _repeated(items: list[Any]) -> Iterable[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if len(set(map(_canonical, items))) < len(items):
        yield ValidationError(f"{items!r} has non-unique elements")


def _canonical(value: Any) -> str:
    """The same text for what JSON Schema takes to be equal: 1 and 1.0, but not 1 and true."""
    if isinstance(value, dict):
        pairs = (f"{_canonical(key)}:{_canonical(value[key])}" for key in sorted(value))
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # A text, not the number: chosen integers have equal hashes.
    return json.dumps(value)
