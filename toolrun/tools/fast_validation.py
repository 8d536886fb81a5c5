"""Does jsonschema-rs, where it is installed, accept these arguments?

It has the first word on plain schemas only, and only its yes counts: whatever it refuses or fails
on, jsonschema decides (decision 0013). It never fetches anything.
"""

from __future__ import annotations

import contextlib
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.tools.keywords import MAX_REFERENCES
from toolrun.tools.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from toolrun.tools.plain import Plain, Schema


@cache
def library() -> ModuleType | None:
    """jsonschema-rs, where it is installed."""
    try:
        import jsonschema_rs
    except ImportError:
        return None
    return jsonschema_rs


class FirstOpinion:
    """Accepts arguments that jsonschema would accept, though not all of them."""

    def __init__(self, found: Plain, accepts: Callable[[Any], bool]) -> None:
        self._once = found.once
        self._often = found.often
        self._accepts = accepts

    def accepts(self, value: Any) -> bool:
        """Whether the value surely fits; False says nothing."""
        with contextlib.suppress(Exception):
            # jsonschema might refuse to follow so many references.
            return self._references(value) <= MAX_REFERENCES and self._accepts(value)
        return False

    def _references(self, value: Any) -> int:
        """How many jsonschema would follow, at most: punctuation tells of each value and key."""
        if not self._often:
            return self._once
        text = msgspec.json.encode(value)
        values_and_keys = 1 + sum(text.count(mark) for mark in (b"[", b"{", b",", b":"))
        return self._once + self._often * values_and_keys


def first_opinion(schema: Schema, rust: ModuleType) -> FirstOpinion | None:
    """What is asked first about arguments; None where the schema is not plain, or not valid.

    A schema that has one is valid, and each of its references is in it: jsonschema's own check of
    it would find nothing.

    Args:
        schema: a JSON Schema of draft 2020-12, or what ought to be one; JSON, in any case.
        rust: jsonschema-rs, as `library` finds it.
    """
    # It is not plain; or a version that cannot do this or that is no use, and no harm.
    with contextlib.suppress(Exception):
        found = plain(schema)
        if rust.meta.is_valid(schema):
            validator = rust.Draft202012Validator(
                found.schema,
                validate_formats=True,
                formats={name: partial(_has_format, name) for name in found.formats},
                offline=True,
                pattern_options=rust.RegexOptions(),  # linear time
            )
            return FirstOpinion(found, validator.is_valid)
    return None


def _has_format(name: str, text: str) -> bool:
    """The authority's verdict on a format; formats stand only where a refusal can only refuse."""
    import jsonschema

    try:
        return bool(jsonschema.Draft202012Validator.FORMAT_CHECKER.conforms(text, name))
    except (ValueError, OverflowError, RecursionError):
        return False
