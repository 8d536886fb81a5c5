"""What is made of a schema once, so that arguments are checked against it many times?

Checking the schema itself takes far longer than checking arguments (a schema of 60 fields: 80 ms),
and every session has tools of the same schemas, so what was made is kept for the next one.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.tools import fast_validation
from toolrun.tools.keywords import lean, validator_class

if TYPE_CHECKING:
    from types import ModuleType

    from jsonschema.exceptions import ValidationError

    from toolrun.tools.plain import Schema

MAX_KEPT = 256
MAX_KEPT_BYTES = 64 * 1024
"""Of one schema's text."""
DRAFT = "https://json-schema.org/draft/2020-12/schema"


class SchemaUnfit(Exception):
    """Nothing can be checked against the schema; the text says why."""


def compiled(schema: Schema, registry: Any = None) -> Compiled:
    """A schema ready for use.

    Args:
        schema: a JSON Schema of draft 2020-12.
        registry: a `referencing.Registry` of what it may refer to; None: only itself.

    Raises:
        SchemaUnfit: it is not such a schema, or refers to what is not there.
    """
    if (text := _text(schema)) is None:
        return Compiled(schema, registry, None)
    rust = fast_validation.library()
    if registry is None and len(text) <= MAX_KEPT_BYTES:
        return _kept(text, rust)
    return Compiled(schema, registry, rust)


class Compiled:
    """One schema, ready for use in any thread."""

    def __init__(self, schema: Schema, registry: Any, rust: ModuleType | None) -> None:
        # jsonschema would choose its own class by it, whose keywords are unbounded.
        if isinstance(schema, dict) and schema.get("$schema") == DRAFT:
            schema = {key: value for key, value in schema.items() if key != "$schema"}
        self._schema = schema
        self._registry = registry
        self._first = None if rust is None else fast_validation.first_opinion(schema, rust)
        if self._first is None:
            _check_schema(schema)
            self._resolve()

    def surely_accepts(self, value: Any) -> bool:
        """Whether a value fits, as far as that is cheap to tell; False says nothing."""
        return self._first is not None and self._first.accepts(value)

    def violations(self, value: Any, limit: int) -> list[ValidationError]:
        """What jsonschema finds, as many as `limit`; none where the value fits.

        Raises:
            SchemaUnfit: the schema refers to what is not in it.
            TooComplex: too many references are to be followed; call `keywords.begin` before.
            Exception: what jsonschema itself fails on.
        """
        from referencing.exceptions import Unresolvable

        try:
            found = self._validator.iter_errors(lean(value) if self._refers else value)
            return list(islice(found, limit))
        except Unresolvable as error:
            raise _lacks(error) from error

    @cached_property
    def _refers(self) -> bool:
        """Without references a schema visits a value as often as it has rules for it."""
        return "$ref" in (text := repr(self._schema)) or "$dynamicRef" in text

    @cached_property
    def _validator(self) -> Any:
        import referencing

        kind = validator_class()
        registry = referencing.Registry() if self._registry is None else self._registry
        return kind(self._schema, format_checker=kind.FORMAT_CHECKER, registry=registry)

    def _resolve(self) -> None:
        """Follow every reference once, so that a broken one is known before any call."""
        if not self._refers:
            return
        import referencing
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # without types
        from referencing.jsonschema import DRAFT202012

        registry = REGISTRY if self._registry is None else REGISTRY.combine(self._registry)
        root = DRAFT202012.create_resource(self._schema)
        try:
            todo = [(registry.resolver_with_root(root), root)]
            while todo:
                resolver, resource = todo.pop()
                if isinstance(resource.contents, dict):
                    for keyword in ("$ref", "$dynamicRef"):
                        if isinstance(ref := resource.contents.get(keyword), str):
                            resolver.lookup(ref)
                todo += [(resolver.in_subresource(each), each) for each in resource.subresources()]
        except referencing.exceptions.Unresolvable as error:
            raise _lacks(error) from error


@lru_cache(MAX_KEPT)
def _kept(text: bytes, rust: ModuleType | None) -> Compiled:
    return Compiled(msgspec.json.decode(text), None, rust)


def _text(schema: Schema) -> bytes | None:
    """The schema's text, where it is JSON, and not what a tuple, say, becomes there."""
    try:
        text = msgspec.json.encode(schema)
        return text if msgspec.json.decode(text) == schema else None
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


def _check_schema(schema: Schema) -> None:
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = "/".join(str(part) for part in error.absolute_path) or "its top"
        raise SchemaUnfit(f"its schema is not valid at {where}: {error.message}") from error
    except (RecursionError, OverflowError) as error:
        raise SchemaUnfit(f"its schema cannot be read: {type(error).__name__}: {error}") from error


def _lacks(error: Any) -> SchemaUnfit:
    return SchemaUnfit(
        f"its schema refers to {error.ref!r}, which is not in it, and nothing is fetched; "
        "put it under $defs"
    )
