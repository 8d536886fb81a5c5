"""What was said, in the few lines that a failing test has room for?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from toolrun.answer import Answer
from toolrun.events import AssistantMessage, Event, ToolCallFinished, UserMessage
from toolrun.testing.listening import Events
from toolrun.transcript import message_to_openai

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolrun.transcript import Message

Kind: TypeAlias = Literal["developer", "user", "reasoning", "text", "call", "result", "left out"]
Where: TypeAlias = Answer | Events

_TEXT: Final = 240
_LINES: Final = 24
_WIDTH: Final = 9


class Said(Struct, frozen=True):
    """One line: who, and what, shortened to one line of text."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.kind:<{_WIDTH}}  {self.text}"


class AgentAssertionError(AssertionError):
    """An agent did not do what a test expects of it.

    Attributes:
        said: the conversation that was looked at, for whoever shows the failure.
    """

    def __init__(self, message: str, said: Sequence[Said] = ()) -> None:
        """Internal: assertions raise it."""
        super().__init__(message)
        self.said: tuple[Said, ...] = tuple(said)


def conversation(messages: Iterable[Message | Mapping[str, Any]]) -> list[Said]:
    """What messages say, line by line; of a long conversation the beginning and the end.

    Args:
        messages: of a transcript, or in the form of Chat Completions.
    """
    plain = (each if isinstance(each, dict) else message_to_openai(each) for each in messages)  # type: ignore[arg-type]  # a Mapping is a dict here
    return _cut([line for message in plain for line in _lines(message)])


def conversation_of(where: Where) -> list[Said]:
    """What was said in a turn, or in all that events tell of."""
    if isinstance(where, Answer):
        return _cut([*_of_answer(where)])
    return _cut([*_of_events(where)])


def _of_answer(answer: Answer) -> Iterator[Said]:
    made = iter(answer.tool_calls)
    for step in answer.steps:
        yield from _lines(message_to_openai(step))
        for _ in step.tool_calls:
            result = next(made).result
            yield Said("result", _short(result.content) if result else "(waits for a decision)")


def _of_events(events: Iterable[Event]) -> Iterator[Said]:
    for event in events:
        match event:
            case UserMessage() | AssistantMessage():
                yield from _lines(message_to_openai(event))
            case ToolCallFinished():
                yield Said("result", _short(event.content))
            case _:
                pass


def _lines(message: Mapping[str, Any]) -> Iterator[Said]:
    """One message, which may say several things."""
    content = _text(message.get("content"))
    match message.get("role"):
        case "user":
            yield Said("user", content)
        case "tool":
            yield Said("result", content)
        case "assistant":
            if reasoning := message.get("reasoning") or message.get("reasoning_content"):
                yield Said("reasoning", f"({_short(str(reasoning))})")
            if content:
                yield Said("text", content)
            for call in message.get("tool_calls") or ():
                yield Said("call", _call(call.get("function") or {}))
        case _:
            yield Said("developer", content)


def _call(function: Mapping[str, Any]) -> str:
    """A call as one would write it in Python; as the model wrote it where that is not JSON."""
    name, written = function.get("name", "?"), str(function.get("arguments") or "{}")
    try:
        values = msgspec.json.decode(written, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return _short(f"{name}({written})")
    return _short(f"{name}({', '.join(f'{key}={value!r}' for key, value in values.items())})")


def _text(content: Any) -> str:
    """The text of a message, which may stand in parts."""
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return _short(str(content or ""))


def _short(text: str) -> str:
    """A text in one line, without what could move a terminal's cursor."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)
    return line if len(line) <= _TEXT else f"{line[:_TEXT]}... ({len(line) - _TEXT:,} more)"


def _cut(lines: list[Said]) -> list[Said]:
    if len(lines) <= _LINES:
        return lines
    left_out = len(lines) - _LINES + 1
    return [*lines[:4], Said("left out", f"... {left_out} lines ..."), *lines[-(_LINES - 5) :]]
