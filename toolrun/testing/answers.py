"""Does a final answer fit a schema?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from toolrun.answer import Answer
from toolrun.errors import OutputInvalid
from toolrun.output import Output
from toolrun.testing.conversation import AgentAssertionError, conversation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolrun.values import Json

T = TypeVar("T")


@overload
def assert_answer(answer: Answer, kind: type[T]) -> T: ...


@overload
def assert_answer(answer: Answer, kind: Mapping[str, Json]) -> Json: ...


def assert_answer(answer: Answer, kind: object) -> object:
    """The turn finished, and its text is JSON that fits.

    Args:
        answer: of the turn.
        kind: a JSON Schema (draft 2020-12), a pydantic model, a dataclass, a `msgspec.Struct`, or
            any other type that pydantic has a schema for.

    Returns:
        The answer as a value of the type; of a JSON Schema, as JSON values.

    Raises:
        AssertionError: it did not finish or does not fit; the message says where.
        ConfigError: `kind` has no schema.
    """
    __tracebackhide__ = True
    if not isinstance(answer, Answer):
        raise TypeError(f"a final answer is that of an Answer, not of a {type(answer).__name__}")
    if answer.status != "finished":
        why = f": {answer.error}" if answer.error else ""
        raise AgentAssertionError(
            f"there is no final answer: the turn is {answer.status}{why}.", conversation_of(answer)
        )
    is_struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    schema = Output(_schema_of(kind) if is_struct else kind)
    try:
        value = schema.parse(answer.text)
        return msgspec.convert(value, kind) if is_struct else value
    except (OutputInvalid, msgspec.ValidationError) as error:
        said = f"{error}\nThe answer was: {answer.text[:400]!r}"
        raise AgentAssertionError(said, conversation_of(answer)) from None


def _schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a Struct, by itself: pydantic knows of none."""
    return msgspec.json.schema(kind)
