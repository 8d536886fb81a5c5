"""A model that takes so many tokens, counts as a server does, and says what a plan says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from toolrun import (
    AssistantMessage,
    ContextTooLong,
    Request,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
    tool,
)
from toolrun.context.summary import ASKED
from toolrun.models.chat_body import encode_body
from toolrun.models.dialects import GENERIC
from toolrun.shortening import RECALL
from toolrun.testing.scripted import _sent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.model import Observe

SUMMARY = "They read parts."


class Talker:
    """In each turn it calls `read` as often as the user's text says, and then answers.

    The text is numbers: the length of the result of each call, 0 for one that is as short as can
    be; several numbers joined by `+` are calls of one message.
    """

    sound = True
    name = "talker"

    def __init__(self, length: int, *, tells: bool = True) -> None:
        self.length = length
        self.tells = tells
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.summaries = 0
        self.spoken = 0

    async def context_length(self, name: str) -> int | None:
        del name
        return self.length if self.tells else None

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        request = structs.replace(request, messages=tuple(request.messages))
        body = encode_body(request, GENERIC)
        if observe is not None:
            observe(_sent(request))
        tokens = len(body) // 4
        if tokens >= self.length:
            raise ContextTooLong("refused", tokens=tokens, length=self.length)
        self.requests.append(request)
        self.bodies.append(body)
        self.spoken += 1
        usage = Usage(tokens, 20)
        if request.nudge == ASKED:
            self.summaries += 1
            return AssistantMessage(f"{SUMMARY} ({self.summaries})", usage=usage)
        begin = request.reasoning_from
        said = request.messages[begin]
        assert isinstance(said, UserMessage)
        steps = [step for step in said.content.split() if step]
        done = sum(isinstance(each, AssistantMessage) for each in request.messages[begin:])
        thought = f"I think of {self.spoken}, as nobody else does."
        if done >= len(steps):
            return AssistantMessage("Read.", thought, usage=usage, finish_reason="stop")
        calls = tuple(
            ToolCall(f"call_{self.spoken}_{number}", "read", f'{{"length":{length}}}')
            for number, length in enumerate(steps[done].split("+"))
        )
        return AssistantMessage(None, thought, calls, "tool_calls", usage)

    async def aclose(self) -> None:
        """Nothing is open."""


class Recalling(Talker):
    """The same; in a turn of "0" it then calls `recall_result` with each of these arguments."""

    wanted: tuple[str, ...] = ()

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        message = await super().sample(request, observe)
        said = request.messages[request.reasoning_from]
        done = sum(isinstance(m, ToolMessage) and m.name == RECALL for m in request.messages)
        if message.tool_calls or not isinstance(said, UserMessage) or said.content != "0":
            return message
        if done == len(self.wanted):
            return message
        call = ToolCall(f"recall_{done}", RECALL, self.wanted[done])
        return structs.replace(
            message, content=None, tool_calls=(call,), finish_reason="tool_calls"
        )


@tool(trusted=True, max_output=1_000_000, repeatable=True)
async def read(length: int) -> str:
    """Read so much."""
    return f"{length}:" + "lorem ipsum "[:12] * (length // 12)


def check(request: Request) -> None:
    """Each call has its result, right behind its message, in the order of the calls."""
    messages: Sequence[object] = request.messages
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        assert not isinstance(message, ToolMessage), "a result without a call"
        if isinstance(message, AssistantMessage):
            results = messages[at : at + len(message.tool_calls)]
            assert [call.id for call in message.tool_calls] == [
                each.call_id for each in results if isinstance(each, ToolMessage)
            ]
            at += len(message.tool_calls)


def check_reasoning(request: Request, body: bytes) -> None:
    """What was thought in the running turn is in the bytes that go out."""
    for message in request.messages[request.reasoning_from :]:
        if isinstance(message, AssistantMessage):
            assert message.reasoning
            assert message.reasoning.encode() in body
