"""What is a hand-written request, and what must the model do with it?

The requests stand in `heldout_*` and `fresh_*` (the development and the fresh set: they were looked
at while the training data was improved) and in `exam_*` (the exam: looked at only as totals before
the figures of the card were made). Nothing of them is ever trained on: no module that makes data
may import them, and a test holds that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

Arguments: TypeAlias = dict[str, Any]
"""What a call must be given. A tuple as a value: any one of its members."""


@dataclass(frozen=True)
class Offered:
    """A tool as it is offered: a name, what it does, and the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A request with what must come of it.

    Attributes:
        kind: what it is about; the figures are told by kind.
        ask: what the user says.
        tools: what is offered.
        calls: the calls that must be made, in their order; none where no tool fits.
        results: what each call gives back.
        must: what the answer must contain, whatever the case of its letters; a tuple: any of them.
        near: whether the generator knows such a tool, under whatever name.
    """

    kind: str
    ask: str
    tools: tuple[Offered, ...]
    calls: tuple[tuple[str, Arguments], ...] = ()
    results: tuple[str, ...] = ()
    must: tuple[str | tuple[str, ...], ...] = ()
    near: bool = False


Made: TypeAlias = tuple[Offered, Arguments, str]
"""A call that must be made, and what it gives back."""

ONE, TWO, ERROR = "one call", "two calls", "an error"
NO_TOOL, MISSING, CHAT = "no tool fits", "an argument is missing", "small talk"
CANNOT = (
    "no tool", "can't", "cannot", "can not", "unable", "not able", "don't have", "do not have",
    "none of", "not something i",
)  # fmt: skip
"""How an answer may say that no tool does what was asked."""


def asked(
    kind: str,
    ask: str,
    tools: tuple[Offered, ...],
    *made: Made,
    must: tuple[str | tuple[str, ...], ...],
) -> Case:
    """A case with each call beside what it gives back."""
    calls = tuple((tool.name, arguments) for tool, arguments, _ in made)
    return Case(kind, ask, tools, calls, tuple(result for _, _, result in made), must)


_TYPES = {"str": "string", "int": "integer", "num": "number", "bool": "boolean"}


def tool(name: str, description: str, *parameters: str) -> Offered:
    """A tool from lines like "city: str The city" or "unit?: celsius|fahrenheit".

    A `?` makes the parameter optional; words with `|` between them are an enum; `[str]` a list.
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in parameters:
        head, _, rest = parameter.partition(": ")
        kind, _, said = rest.partition(" ")
        properties[head.rstrip("?")] = _schema(kind) | ({"description": said} if said else {})
        if not head.endswith("?"):
            required.append(head)
    return Offered(
        name, description, {"type": "object", "properties": properties, "required": required}
    )


def _schema(kind: str) -> dict[str, Any]:
    if "|" in kind:
        return {"type": "string", "enum": kind.split("|")}
    if kind.startswith("["):
        return {"type": "array", "items": {"type": _TYPES[kind[1:-1]]}}
    return {"type": _TYPES[kind]}
