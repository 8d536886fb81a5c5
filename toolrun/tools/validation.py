"""Do these arguments fit the schema?

jsonschema (draft 2020-12) is the authority; where jsonschema-rs is installed it may accept first.
Size and depth are checked before either sees the arguments. Of a key that is there twice the last
one holds, as JSON's decoders have it. A `pattern` is the tool author's, and is given all the time
that it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.errors import ToolDefinitionError
from toolrun.tools.compiled import SchemaUnfit, compiled
from toolrun.tools.keywords import TooComplex, begin
from toolrun.tools.malformed import diagnose
from toolrun.tools.violations import MAX_ERRORS, describe, parameters_at_fault

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from toolrun.tools.plain import Schema

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64


class ArgumentsInvalid(Exception):
    """The arguments do not fit; the text is for the model.

    Attributes:
        parameters: the parameters at fault, as far as they can be told.
    """

    def __init__(self, text: str, parameters: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.parameters = parameters


def parse(name: str, text: str) -> dict[str, Any]:
    """The arguments as JSON; no text at all is an empty object.

    Raises:
        ArgumentsInvalid: more than 1 MiB, nested more than 64 deep, not JSON, or not an object.
    """
    data = b"" if len(text) > MAX_BYTES else text.encode("utf-8", "surrogatepass")
    if (size := max(len(data), len(text))) > MAX_BYTES:
        raise ArgumentsInvalid(
            f"The arguments of {name} have at least {size} bytes; at most {MAX_BYTES} are read."
        )
    if not data.strip():
        return {}
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArgumentsInvalid(
            f"The arguments of {name} are not valid JSON: {diagnose(text).why}. "
            "Call it again with one complete JSON object."
        ) from error
    except RecursionError as error:
        raise ArgumentsInvalid(_too_deep(name)) from error
    if not isinstance(value, dict):
        raise ArgumentsInvalid(
            f"The arguments of {name} must be a JSON object, not {_kind(value)}."
        )
    # Fewer brackets than levels is soon seen; what they stand in is not.
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise ArgumentsInvalid(_too_deep(name))
    return value


class Validator:
    """Checks arguments against one tool's schema."""

    def __init__(self, name: str, schema: Schema, registry: Any = None) -> None:
        """Compile a schema.

        Args:
            name: the tool's, for messages.
            schema: a JSON Schema of draft 2020-12.
            registry: a `referencing.Registry` of what it may refer to; by default nothing outside
                of it, and nothing is ever fetched.

        Raises:
            ToolDefinitionError: it is not such a schema, or refers to what is not there.
        """
        self._name = name
        try:
            self._compiled = compiled(schema, registry)
        except SchemaUnfit as error:
            raise self._unfit(error) from error.__cause__

    def check(self, arguments: Any) -> None:
        """Pass, or say every violation in one message.

        Raises:
            ArgumentsInvalid: path, rule, value and what would fit, a line for each violation; or
                that they cannot be checked with bounded effort.
            ToolDefinitionError: the schema refers to what is not in it.
        """
        if self._compiled.surely_accepts(arguments):
            return
        begin()
        try:
            errors = self._compiled.violations(arguments, MAX_ERRORS)
        except SchemaUnfit as error:
            raise self._unfit(error) from error.__cause__
        except TooComplex as error:
            raise self._unchecked("they have too many alternatives; make them simpler") from error
        except Exception as error:
            # jsonschema lets some out: 10**400 under multipleOf, "a{9999999999}" under format regex
            raise self._unchecked(f"{type(error).__name__}; use plainer values") from error
        if errors:
            raise self._invalid(errors)

    def _invalid(self, errors: list[ValidationError]) -> ArgumentsInvalid:
        lines = "\n".join(f"- {line}" for line in describe(errors))
        return ArgumentsInvalid(
            f"The arguments of {self._name} do not fit its schema; it was not run.\n{lines}\n"
            "Call it again with corrected arguments.",
            parameters_at_fault(errors),
        )

    def _unchecked(self, why: str) -> ArgumentsInvalid:
        return ArgumentsInvalid(
            f"The arguments of {self._name} cannot be checked, so it was not run: {why}."
        )

    def _unfit(self, error: SchemaUnfit) -> ToolDefinitionError:
        return ToolDefinitionError(f"tool {self._name}: {error}")


def _too_deep(name: str) -> str:
    return f"The arguments of {name} are nested more than {MAX_DEPTH} deep."


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def is_deeper(value: Any, depth: int) -> bool:
    """Whether more arrays and objects than so many stand inside one another, itself included."""
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


def edited(name: str, validator: Validator, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments that a user wrote, under the same rules as the model's.

    Raises:
        ArgumentsInvalid: they are not JSON, or do not fit.
    """
    try:
        text = msgspec.json.encode(arguments).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentsInvalid(f"The arguments of {name} are not JSON: {error}.") from error
    plain = parse(name, text)
    validator.check(plain)
    return plain
