"""Does the final answer fit the type that was asked for?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.errors import ConfigError, OutputInvalid, ToolDefinitionError
from toolrun.tools.hints import portable
from toolrun.tools.validation import ArgumentsInvalid, Validator

if TYPE_CHECKING:
    from collections.abc import Callable

_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)


class Output:
    """A type that an answer has to have.

    Args:
        kind: a pydantic model, a dataclass, a TypedDict or any other type that pydantic has a JSON
            Schema for; or a JSON Schema (draft 2020-12), whose values are left as JSON.

    Attributes:
        schema: the JSON Schema of the answer.

    Raises:
        ConfigError: the type has no schema, or the schema is not valid.
    """

    def __init__(self, kind: Any) -> None:
        self._build: Callable[[Any], Any] | None = None
        self.schema: dict[str, Any] = kind if isinstance(kind, dict) else self._typed(kind)
        try:
            self._validator = Validator("the answer", self.schema)
        except ToolDefinitionError as error:
            raise ConfigError(f"output: {error}") from error

    def _typed(self, kind: Any) -> dict[str, Any]:
        import pydantic

        try:
            adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(portable(kind))
            schema = adapter.json_schema()
        except pydantic.errors.PydanticUserError as error:
            raise ConfigError(
                f"output: {kind!r} has no JSON Schema: {str(error).splitlines()[0]}"
            ) from error
        self._build = lambda value: adapter.validate_json(msgspec.json.encode(value))
        return schema

    @property
    def response_format(self) -> dict[str, Any]:
        """The request's `response_format` that has the server hold the model to the schema."""
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": self.schema}}

    @property
    def nudge(self) -> str:
        """What the model is told where its answer did not fit."""
        schema = msgspec.json.encode(self.schema).decode()
        return f"Give your answer as one JSON value, and nothing else, by this schema: {schema}"

    def parse(self, text: str) -> Any:
        """The answer as a value of the type.

        Raises:
            OutputInvalid: it is not JSON, or does not fit; the message says where.
        """
        found = _FENCE.match(text.strip())
        try:
            value = msgspec.json.decode(found[1] if found else text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise OutputInvalid(
                f"the answer is not JSON: {error}; it begins {text[:80]!r}"
            ) from None
        try:
            self._validator.check(value)
        except ArgumentsInvalid as error:
            raise OutputInvalid("\n".join(["the answer does not fit:", *_lines(error)])) from error
        if self._build is None:
            return value
        try:
            return self._build(value)
        except ValueError as error:  # pydantic's among them: a validator of the type's own
            raise OutputInvalid(f"the answer does not fit: {error}") from error


def _lines(error: ArgumentsInvalid) -> list[str]:
    """What a validation says of each violation, without its words about calls."""
    lines = str(error).splitlines()
    return [line for line in lines if line.startswith("- ")] or lines
