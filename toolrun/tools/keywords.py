"""Which keywords of JSON Schema can take unbounded time, and how are they bounded?

jsonschema's own keywords are kept, so every verdict is its verdict. Two grow faster than what they
check: `uniqueItems` compares every pair of items that cannot be sorted, and references that recurse
through `anyOf` visit an argument again for each alternative, which doubles with every level.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema.exceptions import ValidationError

MAX_REFERENCES = 20_000
"""References that any arguments may take (17 µs each); larger ones may take 4 a value."""
_FEW = 100


class TooComplex(Exception):
    """Checking takes more references than arguments of this size may."""


class _Allowance(threading.local):
    left = 0
    arguments: Any = None
    extended = False


_allowance = _Allowance()


def begin(arguments: Any) -> None:
    """Grant the references that checking these arguments may take, in this thread."""
    _allowance.left = MAX_REFERENCES
    _allowance.arguments = arguments
    _allowance.extended = False


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
    if _allowance.left >= 0:
        return
    if not _allowance.extended:
        _allowance.extended = True
        _allowance.left = 4 * _values(_allowance.arguments) - MAX_REFERENCES
    if _allowance.left < 0:
        raise TooComplex


def _values(arguments: Any) -> int:
    """How many values JSON has in it, itself included."""
    count, todo = 0, [arguments]
    while todo:
        value = todo.pop()
        count += 1
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return count


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
    return msgspec.json.encode(value).decode()
