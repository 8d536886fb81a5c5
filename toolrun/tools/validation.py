"""Do these arguments fit the schema, and if not, what does the model need to know?

jsonschema (draft 2020-12) is the authority; a validator is compiled once per tool. Size and depth
are checked before it sees the arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.errors import ToolDefinitionError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_SHOWN = 200
MAX_VIOLATIONS = 20


class ArgumentsInvalid(Exception):
    """The arguments do not fit; the text is for the model."""


def parse(name: str, text: str) -> dict[str, Any]:
    """The arguments as JSON.

    Raises:
        ArgumentsInvalid: too long, too deep, not JSON, or not an object.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise ArgumentsInvalid(
            f"The arguments of {name} have {len(data)} bytes; at most {MAX_BYTES} are read."
        )
    if not data.strip():
        return {}
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArgumentsInvalid(
            f"The arguments of {name} are not valid JSON: {error}. "
            "Call it again with one complete JSON object."
        ) from error
    if not isinstance(value, dict):
        raise ArgumentsInvalid(
            f"The arguments of {name} must be a JSON object, not {_kind(value)}."
        )
    if _deeper_than(value, MAX_DEPTH):
        raise ArgumentsInvalid(f"The arguments of {name} are nested more than {MAX_DEPTH} deep.")
    return value


class Validator:
    """Checks arguments against one tool's schema."""

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        """Compile a schema.

        Raises:
            ToolDefinitionError: it is not a JSON Schema of draft 2020-12.
        """
        import jsonschema
        import referencing

        kind = jsonschema.Draft202012Validator
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            where = "/".join(str(part) for part in error.absolute_path) or "its top"
            raise ToolDefinitionError(
                f"tool {name}: its schema is not valid at {where}: {error.message}"
            ) from error
        self._name = name
        self._unresolvable = referencing.exceptions.Unresolvable
        # An empty registry: a remote $ref is never fetched.
        self._validator = kind(
            schema, format_checker=kind.FORMAT_CHECKER, registry=referencing.Registry()
        )

    def check(self, arguments: dict[str, Any]) -> None:
        """Pass, or say every violation in one message.

        Raises:
            ArgumentsInvalid: path, rule, value and what would fit, a line for each violation.
            ToolDefinitionError: the schema refers to what is not in it.
        """
        try:
            if self._validator.is_valid(arguments):
                return
            errors = list(self._validator.iter_errors(arguments))
        except self._unresolvable as error:
            raise ToolDefinitionError(
                f"tool {self._name}: its schema refers to {error.ref!r}, which is not in it, and "
                "nothing is fetched; put it under $defs"
            ) from error
        from jsonschema.exceptions import relevance

        errors.sort(key=relevance, reverse=True)
        lines = [f"- {_violation(error)}" for error in errors[:MAX_VIOLATIONS]]
        if len(errors) > MAX_VIOLATIONS:
            lines.append(f"- and {len(errors) - MAX_VIOLATIONS} more")
        raise ArgumentsInvalid(
            f"The arguments of {self._name} do not fit its schema; it was not run.\n"
            + "\n".join(lines)
            + "\nCall it again with corrected arguments."
        )


def _violation(error: ValidationError) -> str:
    """One violation: where, which rule, the value, what would fit."""
    rule = str(error.validator)
    if rule == "additionalProperties" and isinstance(error.schema, dict):
        known = ", ".join(error.schema.get("properties", {})) or "none"
        return f"{error.json_path}: {_cut(error.message)}; the properties are: {known}"
    if rule == "required":
        return f"{error.json_path}: {_cut(error.message)}"
    value = _cut(_json(error.instance))
    fits = _cut(_json(error.validator_value))
    return f"{error.json_path}: {value} breaks the rule {rule}; what would fit: {fits}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
