"""What is a server asked by the checks, and how do its answers get back?

The prompts make it likely that gpt-oss does what a check looks at, at low effort and with few
tokens. Each begins with a number of its own, so that no cache answers in the server's place.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from toolrun.errors import MalformedOutput
from toolrun.models.chat_reply import error_of
from toolrun.models.dialects import Dialect
from toolrun.models.door import Door
from toolrun.models.sse import DONE, EventSplitter

Json = dict[str, Any]

TOOL: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "How warm it is in a city right now. The only way to know.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Name of the city."}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
INSTRUCTIONS = "Never guess a temperature: call get_weather. Do not ask back."
QUESTION = "How warm is it in Paris right now?"
REASONING = (
    "The user wants the temperature in Paris, which I cannot know by myself, and the instructions "
    "say that I must not guess. The tool get_weather tells how warm it is in a city, so I call it "
    "once with Paris, and then I say the number and nothing else."
)
"""What the model is told that it had thought."""
RESULT = "20 degrees Celsius"
CALL_ID = "call_0000000000000001"
PAGE_SECONDS = 10.0
"""What a page of a server may take that is not sampled."""


class Patient(Struct, frozen=True, eq=False):
    """A server under examination.

    Attributes:
        extra: further fields of each request's body.
    """

    door: Door
    dialect: Dialect
    model: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    async def post(self, path: str, body: Json) -> Json:
        """The JSON of an answer.

        Raises:
            ServerError: there is none; ServerStatus where the answer is an error in JSON.
        """
        sent = msgspec.json.encode({"model": self.model, **body, **self.extra})
        return _fields(await self.door.post(path, sent))

    async def chat(self, messages: list[Json], *, most: int, **body: Any) -> Json:
        """The reply of Chat Completions to messages, of `most` tokens.

        Raises:
            ServerError: see `post`.
        """
        effort = {"reasoning_effort": "low"} | body
        return await self.post(
            "/chat/completions", {"messages": messages, "max_tokens": most, **effort}
        )

    async def stream(self, messages: list[Json], *, most: int) -> Stream:
        """What a streamed reply came as.

        Raises:
            ServerError: see `post`.
        """
        body = {"model": self.model, "messages": messages, "max_tokens": most, "stream": True}
        sent = msgspec.json.encode(body | {"reasoning_effort": "low"} | dict(self.extra))
        splitter, chunks = EventSplitter(), list[Json]()
        began, first = time.perf_counter(), list[float]()

        def on_read(read: bytes) -> bool:
            first.append(time.perf_counter() - began)
            payloads = splitter.feed(read)
            chunks.extend(_fields(each) for each in payloads if each != DONE)
            return DONE in payloads

        ended = await self.door.stream("/chat/completions", sent, on_read)
        return Stream(chunks, first[0] if first else 0.0, ended)


class Stream(Struct, frozen=True):
    """A streamed reply: its chunks, the seconds to the first read, and whether `[DONE]` came."""

    chunks: list[Json]
    first: float
    ended: bool


def question(text: str = QUESTION) -> list[Json]:
    """A conversation that was never had before."""
    return [_system(INSTRUCTIONS), {"role": "user", "content": text}]


def conversation(*fields: str) -> list[Json]:
    """A question, a call and its result; the call's reasoning stands in the fields."""
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    call = {"id": CALL_ID, "type": "function", "function": function}
    said: Json = {"role": "assistant", "content": None, "tool_calls": [call]}
    said |= dict.fromkeys(fields, REASONING)
    told = {"role": "tool", "tool_call_id": CALL_ID, "name": "get_weather", "content": RESULT}
    return [*question(), said, told]


def items(*, reasoning: bool) -> list[Json]:
    """The same as the input of Responses."""
    asked: list[Json] = [{"type": "message", "role": "user", "content": QUESTION}]
    thought = {
        "type": "reasoning",
        "id": "rs_0000000000000001",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": REASONING}],
    }
    call = {"type": "function_call", "call_id": CALL_ID, "name": "get_weather"}
    call |= {"arguments": '{"city": "Paris"}'}
    told = {"type": "function_call_output", "call_id": CALL_ID, "output": RESULT}
    return [*asked, *([thought] if reasoning else []), call, told]


def message(reply: Json) -> Json:
    """The message of a reply of Chat Completions.

    Raises:
        MalformedOutput: there is none.
    """
    choice = first_choice(reply)
    if not isinstance(said := choice.get("message"), dict):
        raise MalformedOutput(f"the reply has no message: {str(reply)[:200]}")
    return said


def first_choice(reply: Json) -> Json:
    """The first choice of a reply.

    Raises:
        MalformedOutput: there is none.
    """
    choices = reply.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        raise MalformedOutput(f"the reply has no choice: {str(reply)[:200]}")
    return choices[0]


def number(fields: object, *path: str) -> int:
    """A count somewhere in a reply; 0 where there is none."""
    for name in path:
        fields = fields.get(name) if isinstance(fields, dict) else None
    return fields if isinstance(fields, int) else 0


def _system(text: str) -> Json:
    return {"role": "system", "content": f"Check {secrets.randbelow(900_000) + 100_000}. {text}"}


def _fields(body: bytes) -> Json:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedOutput(f"the answer is no JSON ({error}): {body[:200]!r}") from error
    if not isinstance(fields, dict):
        raise MalformedOutput(f"the answer is no JSON object: {body[:200]!r}")
    if fields.get("error"):
        raise error_of(msgspec.json.encode(fields["error"]))
    return fields
