"""What are the contestants asked to do? One tool call, its result, the answer; reasoning returned.

Both steps have as many chunks in a stream. What a contestant answers is checked: work that was not
done costs little.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from tests.rig.mock import Call, Step

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.rig.mock import MockServer

PROMPT: Final = "How warm is Berlin?"
INSTRUCTIONS: Final = "You are a helpful assistant. Call a tool where one fits."
STEPS: Final = 2
CHUNKS: Final = 250

_CALL = Call("get_weather", '{"city":"Berlin","unit":"C"}')
_CALL_CHUNKS = 6  # the name, and the pieces of the arguments
_ENDS = 2  # the role, the finish reason
_ANSWER = 120
REASONING: Final = (
    " think" * (CHUNKS - _ENDS - _CALL_CHUNKS),
    " think" * (CHUNKS - _ENDS - _ANSWER),
)
ANSWER: Final = " warm" * _ANSWER
SCRIPT: Final = (Step(REASONING[0], tool_calls=(_CALL,)), Step(REASONING[1], ANSWER))

ROUNDS: Final = 100
_THOUGHT: Final = " think" * 40


def rounds(count: int = ROUNDS) -> tuple[Step, ...]:
    """A script of so many calls, no two of them the same, and the answer."""
    calls = [Call("get_weather", f'{{"city":"Berlin {at}","unit":"C"}}') for at in range(count)]
    return (*(Step(_THOUGHT, tool_calls=(call,)) for call in calls), Step(_THOUGHT, ANSWER))


TOOL: Final[Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The temperature in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Its name."},
                "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """The temperature in a city.

    Args:
        city: Its name.
        unit: Celsius or Fahrenheit.
    """
    if called_at is not None:
        called_at.append(time.process_time())
    return f"20 {unit} in {city}"


called_at: list[float] | None = None
"""Where each call of the tool leaves the CPU time of the process, if anywhere."""


class Contestant(Protocol):
    """A way to hold a session with a server; what is shared between sessions is open."""

    async def ask(self, prompt: str) -> str:
        """A new session's answer, unstreamed."""
        ...

    async def stream(self, prompt: str) -> tuple[str, int]:
        """A new session's answer, and the number of pieces in which text and reasoning came."""
        ...


class Entry(Protocol):
    """Opens a contestant for a server."""

    def __call__(self, url: str, model: str) -> AbstractAsyncContextManager[Contestant]: ...


async def ask(contestant: Contestant, script: str = "") -> int:
    """A session, unstreamed; returns its steps. `script` is the marker of one like `SCRIPT`."""
    text = await contestant.ask(script + PROMPT)
    assert text == ANSWER, text
    return STEPS


async def stream(contestant: Contestant, script: str = "") -> int:
    """A session, streamed; returns its steps. `script` is the marker of one like `SCRIPT`."""
    text, pieces = await contestant.stream(script + PROMPT)
    assert text == ANSWER, text
    assert pieces >= _ANSWER, pieces
    return STEPS


async def check(contestant: Contestant, mock: MockServer) -> bool:
    """See that a contestant really does the task, streamed and not.

    Args:
        contestant: any of them.
        mock: it must keep its requests.

    Returns:
        Whether the model gets its reasoning back, both times.
    """
    returned = True
    for work in (ask, stream):
        mock.reset()
        mock.script(*SCRIPT)
        await work(contestant)
        first, second = mock.bodies()
        assert bool(first.get("stream")) is (work is stream)
        assert [tool["function"]["name"] for tool in first["tools"]] == ["get_weather"]
        assistant, result = second["messages"][-2:]
        assert assistant["tool_calls"][0]["id"] == result["tool_call_id"]
        assert re.search(r"20 C in Berlin", result["content"])
        thought = (assistant.get("reasoning"), assistant.get("reasoning_content"))
        returned = returned and REASONING[0] in thought
    return returned
