"""What does the model say in a test? What a script says, step by step, without a server."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from anyio.lowlevel import checkpoint
from msgspec import structs

from toolrun.events import (
    AssistantMessage,
    Event,
    ReasoningDelta,
    RequestSent,
    StepFinished,
    TextDelta,
)
from toolrun.models.chat_body import encode_body
from toolrun.models.dialects import GENERIC
from toolrun.models.model import Request
from toolrun.models.sent import added_messages
from toolrun.transcript import ToolMessage
from toolrun.values import ToolCall, Usage

if TYPE_CHECKING:
    from toolrun.models.model import Observe
    from toolrun.values import Json

Step: TypeAlias = str | AssistantMessage | Exception | Callable[[Request], "Step | Awaitable[Step]"]
"""What a model does at one sampling: an answer, a message, a failure, or what a function makes of
the request."""

_ID: Final = "scripted-"
_KEY: Final = "scripted"
_WORD: Final = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+")
_SHOWN: Final = 120


class ScriptEnded(AssertionError):
    """A session asked for a step that its script does not have."""


def say(text: str, *, reasoning: str | None = None, usage: Usage | None = None) -> AssistantMessage:
    """A step that answers.

    Args:
        text: the answer.
        reasoning: the chain of thought of the step.
        usage: the tokens that the step took.
    """
    return AssistantMessage(text, reasoning, finish_reason="stop", usage=usage or Usage())


def call(
    name: str,
    arguments: Mapping[str, Json] | str | None = None,
    *,
    text: str | None = None,
    reasoning: str | None = None,
    usage: Usage | None = None,
) -> AssistantMessage:
    """A step that calls a tool.

    Args:
        name: of the tool, or what the model takes for one.
        arguments: as JSON values; a text goes out as it is, so that it may be malformed.
        text: a preamble: what the model tells the user beside the call.
        reasoning: the chain of thought of the step.
        usage: the tokens that the step took.
    """
    written = arguments if isinstance(arguments, str) else json.dumps(dict(arguments or {}))
    return AssistantMessage(
        text,
        reasoning,
        (ToolCall("", name, written),),
        finish_reason="tool_calls",
        usage=usage or Usage(),
    )


def calls(
    *made: AssistantMessage,
    text: str | None = None,
    reasoning: str | None = None,
    usage: Usage | None = None,
) -> AssistantMessage:
    """A step that makes several calls at once: `calls(call("a"), call("b"))`.

    Args:
        *made: the calls, each made by `call`.
        text: a preamble beside them.
        reasoning: the chain of thought of the step.
        usage: the tokens that the step took.
    """
    every = tuple(each for message in made for each in message.tool_calls)
    return AssistantMessage(
        text, reasoning, every, finish_reason="tool_calls", usage=usage or Usage()
    )


class ScriptedModel:
    """A `Model` whose steps stand in the test: `Session(model=ScriptedModel("Hello."))`.

    Every session reads the script on its own, one step at a sampling, so that any number of them
    may run at once. A step that is sampled again after a failure takes the next one. A fork, or a
    session that is resumed, goes on after the last step that its transcript holds.

    Args:
        *steps: what it does, in order. A text is an answer; `say`, `call` and `calls` make
            messages; an exception is raised, a `ServerError` as if the server had failed so; a
            function gets the `Request` and returns one of these, and may be asynchronous.

    Attributes:
        requests: what was asked of it, in order of arrival; each as it was at that time.

    Raises:
        ScriptEnded: from the turn, where the script has no step for it.
    """

    def __init__(self, *steps: Step) -> None:
        self.requests: list[Request] = []
        self._steps = steps

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """See `Model.sample`."""
        self.requests.append(structs.replace(request, messages=tuple(request.messages)))
        if observe is not None:
            observe(_sent(request))
        number = _place(request)
        request.cache[_KEY] = number + 1
        if number >= len(self._steps):
            raise ScriptEnded(self._ended(request, number))
        message = _numbered(await _made(self._steps[number], request), number)
        if observe is not None:
            if request.stream:
                for delta in _deltas(message):
                    await checkpoint()
                    observe(delta)
            observe(StepFinished(0.0, 0.0 if request.stream else None, message.usage))
        await checkpoint()
        return message

    async def aclose(self) -> None:
        """See `Model.aclose`; there is nothing to release."""

    def _ended(self, request: Request, number: int) -> str:
        steps = len(self._steps)
        has = f"{steps} step" if steps == 1 else f"{steps} steps"
        return (
            f"the script has {has}, and the session asked for step {number + 1}, after "
            f"{_last(request)}. Add what the model does then to ScriptedModel(...)"
        )


def _place(request: Request) -> int:
    """The number of the step that a session is at, from 0."""
    if (kept := request.cache.get(_KEY)) is not None:
        return int(kept)
    for message in reversed(request.messages):
        if isinstance(message, AssistantMessage) and (message.response_id or "").startswith(_ID):
            return int(str(message.response_id).removeprefix(_ID)) + 1
    return 0


async def _made(step: Step, request: Request) -> AssistantMessage:
    """The message that a step is."""
    made: Any = step
    while callable(made) and not isinstance(made, type):
        made = made(request)
        if inspect.isawaitable(made):
            made = await made
    match made:
        case str():
            return say(made)
        case AssistantMessage():
            return made
        case Exception():
            raise made
    raise TypeError(
        f"a step of a ScriptedModel is a text, a message (say, call, calls), an exception or a "
        f"function that returns one of these, not {made!r}"
    )


def _numbered(message: AssistantMessage, number: int) -> AssistantMessage:
    """The message with the ids that belong to its place in the script."""
    made = tuple(
        structs.replace(each, id=each.id or f"call_{number + 1}_{index}")
        for index, each in enumerate(message.tool_calls, 1)
    )
    return structs.replace(
        message,
        tool_calls=made,
        finish_reason=message.finish_reason or ("tool_calls" if made else "stop"),
        response_id=f"{_ID}{number}",
    )


def _sent(request: Request) -> Event:
    """The request as one to a server would be reported."""
    body = encode_body(request, GENERIC)
    digest = hashlib.sha256(body).hexdigest()
    return RequestSent(digest, len(body), added_messages(request), GENERIC.name, request.stream)


def _deltas(message: AssistantMessage) -> list[Event]:
    """The message word by word."""
    reasoned: list[Event] = [
        ReasoningDelta(word) for word in _WORD.findall(message.reasoning or "")
    ]
    return reasoned + [TextDelta(word) for word in _WORD.findall(message.content or "")]


def _last(request: Request) -> str:
    """What the model would have answered to."""
    if not request.messages:
        return "nothing"
    match request.messages[-1]:
        case ToolMessage(name=name, content=content):
            return f"the result of {name}: {_shortened(content)}"
        case message:
            return f"{type(message).__name__}: {_shortened(message.content or '')}"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
