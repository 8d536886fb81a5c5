"""Which messages are counted exactly? Those whose counting takes no time to speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.models.harmony.said import ENCODING
from toolrun import AssistantMessage, Request, ToolCall, ToolMessage, UserMessage
from toolrun.models.harmony.render import Renderer
from toolrun.models.harmony.sizes import Sizes

if TYPE_CHECKING:
    from toolrun import Message

RENDERER = Renderer(ENCODING)
REQUEST = Request("m", [])
LONG = "x" * 10_000


def size(message: Message) -> int | None:
    return Sizes(RENDERER).message(message, REQUEST, reasoning=True)


@pytest.mark.parametrize(
    "message",
    [
        UserMessage("Hello."),
        UserMessage("a word " * 50_000),
        ToolMessage("c", "read", "line\n" * 20_000),
        AssistantMessage(reasoning="So.", tool_calls=(ToolCall("c", "read", "{}"),)),
        UserMessage("y" * 4096 + " " + "z" * 100),
    ],
)
def test_what_people_and_tools_say_is_counted_as_it_is_rendered(message: Message) -> None:
    assert size(message) == len(RENDERER.message(message, (), reasoning=True))


@pytest.mark.parametrize(
    "message",
    [
        UserMessage(LONG),
        UserMessage(f"see: {LONG} there"),
        UserMessage(" " * 10_000),
        UserMessage("a" + " " * 10_000 + "b"),
        ToolMessage("c", "read", LONG),
        AssistantMessage(content=LONG),
        AssistantMessage(reasoning=LONG, content="So."),
        AssistantMessage(tool_calls=(ToolCall("c", "read", f'{{"x":"{LONG}"}}'),)),
        UserMessage("x" * 1_000_000),  # would end in a panic of the library
    ],
)
def test_what_takes_the_square_of_its_length_is_not_counted(message: Message) -> None:
    assert size(message) is None
