"""Which schemas do jsonschema and jsonschema-rs read alike, and how is such a schema written?

They differ where a schema has what is not known here: it is not plain. One that is is written anew
with only the keywords that they agree on, what its references refer to put in their place, so that
nothing is left that they could resolve in two ways. Some keywords agree in one way only: whatever
jsonschema-rs lets pass fits, but it refuses more. They may stand where a refusal can only refuse,
and so not under `not`, `oneOf`, `if`, or a `contains` that is counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from msgspec import Struct, structs

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SUBSCHEMAS: Final = 5000
MAX_NESTED: Final = 50
"""Levels of schemas, so that jsonschema's recursion has room for them as well."""
_EXACT: Final = 2**53
"""Below it a whole number and its float are the same number."""

Schema: TypeAlias = "dict[str, Any] | bool"


class NotPlain(Exception):
    """The two may differ on this schema."""


class Plain(Struct, frozen=True):
    """A schema that the two read alike.

    Attributes:
        schema: what it says, without references.
        formats: the formats in it.
        once: references that checking a value follows once, at most.
        often: references that it may follow for each value within that value.
    """

    schema: Schema
    formats: frozenset[str]
    once: int
    often: int


def plain(schema: Schema) -> Plain:
    """A schema as plain as it can be.

    Args:
        schema: a JSON Schema of draft 2020-12, or what ought to be one.

    Raises:
        NotPlain: the two may differ on it; or a reference is not in it, or leads back to itself.
    """
    if isinstance(schema, dict) and _is_plain_url(schema.get("$id")):
        schema = {key: value for key, value in schema.items() if key != "$id"}
    writing = _Writing(schema)
    written = writing.write(schema, _At())
    return Plain(written, frozenset(writing.formats), writing.once, writing.often)


class _At(Struct, frozen=True):
    """Where a subschema stands.

    Attributes:
        exact: a refusal of it may make the arguments fit.
        many: it may be asked about many values.
        trail: the references that led there.
    """

    exact: bool = False
    many: bool = False
    depth: int = 0
    trail: tuple[str, ...] = ()


class _Writing:
    """Writes the parts of one schema."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = MAX_SUBSCHEMAS
        self.formats: set[str] = set()
        self.once = 0
        self.often = 0

    def write(self, schema: Any, at: _At) -> Schema:
        self._left -= 1
        if isinstance(schema, bool):
            return schema
        if self._left < 0 or at.depth > MAX_NESTED or not isinstance(schema, dict):
            raise NotPlain
        if not _DIFFERENT.isdisjoint(schema):
            raise NotPlain
        inner = structs.replace(at, depth=at.depth + 1)
        written = {
            key: _RULES[key](self, value, inner, schema)
            for key, value in schema.items()
            if key in _RULES
        }
        for definitions in _DEFINITIONS & schema.keys():  # known to be plain, or else not checked
            self.named(schema[definitions], inner, schema)
        if "$ref" in schema:
            target = self._target(schema["$ref"], inner)
            written["allOf"] = [*written.get("allOf", []), target]
        return written

    def inner(self, schema: Any, at: _At, _: dict[str, Any]) -> Schema:
        return self.write(schema, at)

    def each(self, schema: Any, at: _At, _: dict[str, Any]) -> Schema:
        return self.write(schema, structs.replace(at, many=True))

    def listed(self, schemas: Any, at: _At, _: dict[str, Any]) -> list[Schema]:
        if not isinstance(schemas, list):
            raise NotPlain
        return [self.write(each, at) for each in schemas]

    def named(self, schemas: Any, at: _At, _: dict[str, Any]) -> dict[str, Schema]:
        if not isinstance(schemas, dict):
            raise NotPlain
        return {key: self.write(each, at) for key, each in schemas.items()}

    def negated(self, schema: Any, at: _At, _: dict[str, Any]) -> Schema:
        return self.write(schema, structs.replace(at, exact=True))

    def one_of(self, schemas: Any, at: _At, around: dict[str, Any]) -> list[Schema]:
        return self.listed(schemas, structs.replace(at, exact=True), around)

    def contains(self, schema: Any, at: _At, around: dict[str, Any]) -> Schema:
        exact = at.exact or "maxContains" in around
        return self.write(schema, structs.replace(at, exact=exact, many=True))

    def format(self, name: Any, at: _At, _: dict[str, Any]) -> str:
        if at.exact or not isinstance(name, str):
            raise NotPlain
        self.formats.add(name)
        return name

    def _target(self, reference: Any, at: _At) -> Schema:
        """What a reference within the schema refers to."""
        if (
            not isinstance(reference, str)
            or not _POINTER.fullmatch(reference)
            or reference in at.trail
        ):
            raise NotPlain
        target: Any = self._root
        for part in reference.split("/")[1:]:
            if not isinstance(target, dict) or part not in target or "$id" in target:
                raise NotPlain
            target = target[part]
        if at.many:
            self.often += 1
        else:
            self.once += 1
        return self.write(target, structs.replace(at, trail=(*at.trail, reference)))


def _as_it_is(_: _Writing, value: Any, __: _At, ___: dict[str, Any]) -> Any:
    return value


def _number(_: _Writing, value: Any, __: _At, ___: dict[str, Any]) -> Any:
    # Numbers that a float cannot hold are compared as floats, or not.
    return value if _is_exact(value) else _refuse()


def _count(_: _Writing, value: Any, __: _At, ___: dict[str, Any]) -> Any:
    # No floats: jsonschema divides by them and rounds, jsonschema-rs does not round.
    return value if type(value) is int and 0 <= value < _EXACT else _refuse()


def _constant(_: _Writing, value: Any, __: _At, ___: dict[str, Any]) -> Any:
    fits = value is None or isinstance(value, bool | str) or _is_exact(value)
    return value if fits else _refuse()


def _constants(writing: _Writing, values: Any, at: _At, around: dict[str, Any]) -> Any:
    if not isinstance(values, list):
        raise NotPlain
    return [_constant(writing, each, at, around) for each in values]


def _unique(_: _Writing, wanted: Any, at: _At, __: dict[str, Any]) -> Any:
    # jsonschema does not find every repetition: [[1], [true], [1]]
    return _refuse() if at.exact else wanted


def _pattern(_: _Writing, pattern: Any, at: _At, __: dict[str, Any]) -> str:
    if at.exact or not isinstance(pattern, str) or not _PLAIN_PATTERN.fullmatch(pattern):
        raise NotPlain
    try:
        re.compile(pattern)
    except re.error as error:
        raise NotPlain from error
    return pattern


def _refuse() -> NoReturn:
    raise NotPlain


def _is_exact(value: Any) -> bool:
    return type(value) in (int, float) and -_EXACT < value < _EXACT


def _is_plain_url(value: Any) -> bool:
    return isinstance(value, str) and _URL.fullmatch(value) is not None


_Rule: TypeAlias = "Callable[[_Writing, Any, _At, dict[str, Any]], Any]"
_RULES: Final[dict[str, _Rule]] = {
    "type": _as_it_is,
    "required": _as_it_is,
    "dependentRequired": _as_it_is,
    "enum": _constants,
    "const": _constant,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "multipleOf"), _count),
    **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), _count),
    "uniqueItems": _unique,
    "pattern": _pattern,
    "format": _Writing.format,
    **dict.fromkeys(("items", "additionalProperties", "propertyNames"), _Writing.each),
    **dict.fromkeys(("then", "else"), _Writing.inner),
    **dict.fromkeys(("not", "if"), _Writing.negated),
    **dict.fromkeys(("allOf", "anyOf", "prefixItems"), _Writing.listed),
    **dict.fromkeys(("properties", "dependentSchemas"), _Writing.named),
    "oneOf": _Writing.one_of,
    "contains": _Writing.contains,
}
_DEFINITIONS: Final = frozenset({"$defs", "definitions"})
_DIFFERENT: Final = frozenset(
    {
        # They change what a reference or the schema itself means.
        *("$id", "$schema", "$vocabulary", "$anchor", "$dynamicAnchor", "$dynamicRef"),
        *("$recursiveRef", "$recursiveAnchor"),
        # Their properties are found by expressions, or by what other keywords have seen.
        *("patternProperties", "unevaluatedProperties", "unevaluatedItems"),
        # The meta-schema has them, the validators do not.
        *("dependencies", "contentSchema"),
    }
)
_POINTER: Final = re.compile(r"#(?:/[A-Za-z0-9_.$-]+)+")
_URL: Final = re.compile(r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?:/[A-Za-z0-9_.-]*)*")
# What matches in Rust matches in Python: \d, \w, `.` and `$` match more here, so nothing negates
# them; and no set has operators, no quantifier has another.
_ESCAPE: Final = r"\\[-.\\/+*?()\[\]{}^$|]"
_OF_SET: Final = rf"""[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_ .,:;@/+*?()=%!#<>$|'"]|{_ESCAPE}"""
_ATOM: Final = (
    rf"[^\\^$.|?*+()\[\]{{}}]|\.|\)|\\[dw]|{_ESCAPE}"
    rf"|\[(?:{_OF_SET}|\\[dw])+-?\]|\[\^(?:{_OF_SET})+-?\]"
)
_QUANTIFIER: Final = r"(?:[*+?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})\??"
_PLAIN_PATTERN: Final = re.compile(rf"(?:[\^$|]|\((?:\?:)?|(?:{_ATOM})(?:{_QUANTIFIER})?)*")
