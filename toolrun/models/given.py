"""Is what a model gave a message that a session can go on from?

The models of this room make sound ones (`sound`), which are taken as they are; a model of the
user's own, or an adapter for another kind of server, may give calls no ids, the same ones, or texts
that no encoding of Unicode holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from toolrun.errors import ConfigError
from toolrun.events import AssistantMessage
from toolrun.tools.results import sound
from toolrun.values import ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.models.model import Model

_TEXTS = ("content", "reasoning", "finish_reason", "response_id")


def message_of(given: object, model: Model) -> AssistantMessage:
    """The message, its texts encodable and the ids of its calls there and different.

    Results are matched with calls by their ids.

    Raises:
        ConfigError: it is no message, or one with a field of another type.
    """
    if getattr(model, "sound", False):
        assert isinstance(given, AssistantMessage)
        return given
    where = f"model: {type(model).__name__}.sample"
    if not isinstance(given, AssistantMessage):
        raise ConfigError(f"{where} must return an AssistantMessage, not {type(given).__name__}")
    for name, fits, kind in _rules(given):
        if not fits:
            raise ConfigError(f"{where} returned a message whose {name} is not {kind}")
    changed = {name: sound(text) for name in _TEXTS if (text := getattr(given, name)) is not None}
    calls = tuple(_calls(given))
    same = calls == given.tool_calls and all(
        getattr(given, name) == text for name, text in changed.items()
    )
    return given if same else structs.replace(given, tool_calls=calls, **changed)


def _rules(given: AssistantMessage) -> Iterator[tuple[str, bool, str]]:
    """Each field that is used, whether it fits, and what would."""
    for name in _TEXTS:
        yield name, isinstance(getattr(given, name), str | None), "a str or None"
    yield "usage", isinstance(given.usage, Usage), "a Usage"
    yield "tool_calls", isinstance(given.tool_calls, tuple | list), "a tuple"
    for number, call in enumerate(given.tool_calls):
        name = f"tool_calls[{number}]"
        yield name, isinstance(call, ToolCall), "a ToolCall"
        yield f"{name}.id", isinstance(call.id, str | None), "a str"
        yield f"{name}.name", isinstance(call.name, str), "a str"
        yield f"{name}.arguments", isinstance(call.arguments, str), "a str, the JSON as it came"


def _calls(given: AssistantMessage) -> Iterator[ToolCall]:
    seen: set[str] = set()
    for number, call in enumerate(given.tool_calls):
        call_id = sound(call.id or f"call-{number}")
        while call_id in seen:
            call_id = f"{call_id}-{number}"
        seen.add(call_id)
        yield ToolCall(call_id, sound(call.name), sound(call.arguments))
