"""How is an answer written in the form of Chat Completions?"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from toolrun.serve.told import End, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import AssistantMessage
    from toolrun.serve.failures import Failure
    from toolrun.values import Usage

_GAP = "\n\n"
"""Between what the model says at two steps."""


class ChatWriting:
    """See `Writing`. All that is said for the user is one text: preambles, then the answer.

    Args:
        model: the name that the client asked for.
        usage: whether a stream ends with the usage.
    """

    def __init__(self, model: str, *, usage: bool = False) -> None:
        self._model = model
        self._wants_usage = usage
        self._id = f"chatcmpl-{secrets.token_hex(16)}"
        self._created = int(time.time())
        self._reasoning = _Text()
        self._content = _Text()
        self._whole: dict[str, Any] = {}

    def begin(self) -> Sequence[Told]:
        """See `Writing.begin`."""
        return [self._chunk({"role": "assistant", "content": ""})]

    def reasoning(self, text: str) -> Sequence[Told]:
        """See `Writing.reasoning`."""
        return [self._chunk({"reasoning": self._reasoning.add(text)})]

    def text(self, text: str) -> Sequence[Told]:
        """See `Writing.text`."""
        return [self._chunk({"content": self._content.add(text)})]

    def again(self) -> Sequence[Told]:
        """See `Writing.again`."""
        self._reasoning.pause()
        self._content.pause()
        return []

    def step(self, message: AssistantMessage) -> Sequence[Told]:
        """See `Writing.step`."""
        told: list[Told] = []
        if message.reasoning and not self._reasoning.fresh:
            told += self.reasoning(message.reasoning)
        if message.content and not self._content.fresh:
            told += self.text(message.content)
        self.again()
        return told

    def end(self, end: End) -> Sequence[Told]:
        """See `Writing.end`."""
        reason = "length" if end.limited else "stop"
        message = {"role": "assistant", "content": self._content.all, "refusal": None}
        if self._reasoning.all:
            message["reasoning"] = self._reasoning.all
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        self._whole = {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": usage_in_chat(end.usage),
        }
        told = [self._chunk({}, reason)]
        if self._wants_usage:
            head = self._head("chat.completion.chunk")
            told.append(Told({**head, "choices": [], "usage": usage_in_chat(end.usage)}))
        return [*told, Told("[DONE]")]

    def fail(self, failure: Failure) -> Sequence[Told]:
        """See `Writing.fail`."""
        return [Told({"error": failure.error}), Told("[DONE]")]

    @property
    def whole(self) -> dict[str, Any]:
        """See `Writing.whole`."""
        return self._whole

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> Told:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return Told({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}


class _Text:
    """A text that comes in pieces, with a gap where one step ends and another goes on.

    Attributes:
        all: of it.
        fresh: whether the step that runs has said something.
    """

    def __init__(self) -> None:
        self.all = ""
        self.fresh = False

    def add(self, piece: str) -> str:
        """The piece as it is told."""
        told = piece if self.fresh or not self.all else _GAP + piece
        self.all += told
        self.fresh = True
        return told

    def pause(self) -> None:
        """Another step, or another try, comes."""
        self.fresh = False


def usage_in_chat(usage: Usage) -> dict[str, Any]:
    """The usage object of Chat Completions."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
