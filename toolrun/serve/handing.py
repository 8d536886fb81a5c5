"""What does the model say in a reply that is passed on, and which ids does the client see in it?

A reply passes as it came, but for the ids of its calls. What it holds is added up on the way, so
that the step can be put back together when the client returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolrun.models.chat_reply import UsageParts, error_of, usage_of, without_lone_surrogates
from toolrun.serve.memory import Step, new_call_id
from toolrun.values import ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REASONING = ("reasoning", "reasoning_content")


class Handing:
    """Reads the pieces of one reply, in order; a reply that comes whole is one piece.

    Args:
        asked: the client's request.

    Attributes:
        usage: of the reply, as far as it is known.
        finished: whether the server has said how it ended.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        options = asked.get("stream_options")
        self.usage: Usage = Usage()
        self.finished: bool = False
        self._wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        self._wants_reasoning = asked.get("include_reasoning") is not False
        self._choices: dict[int, _Choice] = {}

    def take(self, payload: bytes) -> tuple[bytes | None, list[Step]]:
        """Take a piece.

        Returns:
            What the client gets of it, and the steps that ended in calls with it.

        Raises:
            ServerStatus: it is an error.
            msgspec.MsgspecError: it is no JSON.
        """
        piece: Any = msgspec.json.decode(without_lone_surrogates(payload))
        if not isinstance(piece, dict):
            return payload, []
        if piece.get("error"):
            raise error_of(msgspec.json.encode(piece["error"]))
        if (usage := piece.get("usage")) is not None:
            self.usage = usage_of(msgspec.convert(usage, UsageParts))
        choices = piece.get("choices")
        if not choices and not self._wants_usage and usage is not None:
            return None, []
        changed = False
        steps: list[Step] = []
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            changed |= self._said(choice)
            if choice.get("finish_reason") is not None:
                self.finished = True
                steps += self._choice(choice).steps()
        return msgspec.json.encode(piece) if changed else payload, steps

    def _said(self, choice: dict[str, Any]) -> bool:
        """Add up what a choice says; whether something of it was changed for the client."""
        said = choice.get("message") or choice.get("delta")
        if not isinstance(said, dict):
            return False
        whole, changed = self._choice(choice), False
        whole.reasoning.append(_text(said, "reasoning") or _text(said, "reasoning_content"))
        whole.content.append(_text(said, "content"))
        for number, call in enumerate(said.get("tool_calls") or ()):
            if isinstance(call, dict):
                whole.call(call, call.get("index", number))
                changed = True
        if not self._wants_reasoning:
            for name in _REASONING:
                changed |= said.pop(name, None) is not None
        return changed

    def _choice(self, choice: dict[str, Any]) -> _Choice:
        return self._choices.setdefault(choice.get("index", 0), _Choice())


class _Choice:
    """One of the messages that a reply may have."""

    def __init__(self) -> None:
        self.reasoning: list[str] = []
        self.content: list[str] = []
        self._calls: list[_Call] = []
        self._at: dict[object, _Call] = {}

    def call(self, piece: dict[str, Any], index: object) -> None:
        """Add a call, or a piece of one, and give it its id.

        A name under another id is another call, also where its index is not (see `chat_stream`).
        """
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        theirs, name = piece.get("id"), _text(function, "name")
        call = self._at.get(index)
        if call is None or (name and theirs and call.theirs and theirs != call.theirs):
            call = self._at[index] = _Call()
            self._calls.append(call)
            piece["id"] = call.id
        elif theirs is not None:
            piece["id"] = call.id
        call.theirs = call.theirs or theirs
        call.name = call.name or name
        call.arguments.append(_text(function, "arguments"))

    def steps(self) -> Iterator[Step]:
        """The step, where it ended in calls."""
        if self._calls:
            yield Step(
                "".join(self.reasoning),
                "".join(self.content) or None,
                tuple(ToolCall(c.id, c.name, "".join(c.arguments)) for c in self._calls),
            )


class _Call:
    """A call whose pieces come in one after another."""

    def __init__(self) -> None:
        self.id = new_call_id()
        self.theirs: object = None
        self.name = ""
        self.arguments: list[str] = []


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""
