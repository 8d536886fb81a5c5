"""What is a hand-written request, and what must the model do with it?

The requests stand in `heldout_near` and `heldout_far`. Nothing of them is ever trained on: no
module that makes data may import them, and a test holds that.
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
