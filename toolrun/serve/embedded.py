"""How does the embedded model answer where a server behind the front would?

In vLLM's form, so that all that holds for a step which is passed on holds here, too. Nothing goes
over a network: what the front sends is read, sampled and answered in this process.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.embedded import EMBEDDED, NAME, NANO
from toolrun.events import ReasoningDelta, TextDelta
from toolrun.models import dialects
from toolrun.models.nano.sampler import nano
from toolrun.serve.chat_told import usage_in_chat
from toolrun.serve.step_asked import step_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolrun.events import AssistantMessage, Event
    from toolrun.models.dialects import Dialect
    from toolrun.models.harmony.model import HarmonyModel
    from toolrun.models.model import Request

_PIECE: Final = 12
"""Characters of a call's arguments that a stream sends at once: a client has to join them."""


class Embedded:
    """What stands behind a front that serves the embedded model; see `passing.Behind`.

    Raises:
        MissingExtra: what it needs is not installed.
    """

    def __init__(self) -> None:
        self._model = nano()
        self.door: _Door = _Door(self._model)

    async def dialect(self) -> Dialect:
        """See `ChatModel.dialect`."""
        return dialects.GENERIC

    async def aclose(self) -> None:
        """Forget what was kept of conversations."""
        await self._model.aclose()


class _Door:
    """The requests of the front, answered."""

    base_url: Final = EMBEDDED

    def __init__(self, model: HarmonyModel) -> None:
        self._model = model
        self._began = int(time.time())

    async def get(self, path: str) -> bytes:
        """The list of models: all that the front asks for by GET."""
        assert path == "/models"
        card = {"object": "model", "created": self._began, "owned_by": "toolrun"}
        length = await self._model.context_length(NAME)
        cards = [{"id": name, **card, "max_model_len": length} for name in (NAME, NANO)]
        return msgspec.json.encode({"object": "list", "data": cards})

    async def post(self, path: str, body: bytes) -> bytes:
        """A whole reply.

        Raises:
            Failure: a parameter does not fit, or cannot be kept.
            ServerError: it cannot be sampled.
        """
        del path  # there is one
        asked = step_asked(msgspec.json.decode(body))
        message = await self._model.sample(asked)
        said = _Reply(asked).whole(message)
        return msgspec.json.encode(said)

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> bool:
        """A reply in pieces; see `Door.stream`.

        Raises:
            Failure, ServerError: as `post`.
        """
        del path  # as above
        asked = step_asked(msgspec.json.decode(body))
        reply = _Reply(asked)

        def observe(event: Event) -> None:
            if isinstance(event, ReasoningDelta):
                on_read(reply.piece({"reasoning": event.text}))
            elif isinstance(event, TextDelta):
                on_read(reply.piece({"content": event.text}))

        message = await self._model.sample(asked, observe)
        for piece in reply.end(message):
            on_read(piece)
        return on_read(b"data: [DONE]\n\n")


class _Reply:
    """One reply, in vLLM's form."""

    def __init__(self, asked: Request) -> None:
        self._head = {
            "id": f"chatcmpl-{secrets.token_hex(16)}",
            "created": int(time.time()),
            "model": asked.model,
        }
        self._begun = False

    def whole(self, message: AssistantMessage) -> dict[str, Any]:
        """All of it at once."""
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
        said = {
            "role": "assistant",
            "content": message.content,
            "refusal": None,
            "reasoning": message.reasoning,
            "tool_calls": calls,
        }
        choice = {
            "index": 0,
            "message": said,
            "logprobs": None,
            "finish_reason": message.finish_reason,
        }
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": usage_in_chat(message.usage),
        }

    def piece(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        """An event of a stream; the first one says who speaks."""
        first = b"" if self._begun else self._piece({"role": "assistant", "content": ""}, None)
        self._begun = True
        return first + self._piece(delta, reason)

    def end(self, message: AssistantMessage) -> Iterator[bytes]:
        """The calls, how it ended, and what it took."""
        for index, call in enumerate(message.tool_calls):
            function = {"name": call.name, "arguments": ""}
            head = {"index": index, "id": call.id, "type": "function", "function": function}
            yield self.piece({"tool_calls": [head]})
            for at in range(0, len(call.arguments), _PIECE):
                some = {"arguments": call.arguments[at : at + _PIECE]}
                yield self.piece({"tool_calls": [{"index": index, "function": some}]})
        yield self.piece({}, message.finish_reason)
        usage = usage_in_chat(message.usage)
        yield _event({**self._chunk(), "choices": [], "usage": usage})

    def _piece(self, delta: dict[str, Any], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**self._chunk(), "choices": [choice]})

    def _chunk(self) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk"}


def _event(said: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(said) + b"\n\n"
