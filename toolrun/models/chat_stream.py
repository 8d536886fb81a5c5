"""How do the chunks of a streamed reply add up to one message?

Streams garble what the same reply has right when it comes whole (vLLM #26083, #27641, #30204), so
what does not add up is an error (`garbled-call`): the step is sampled again, unstreamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.errors import MalformedOutput
from toolrun.events import AssistantMessage, ReasoningDelta, TextDelta
from toolrun.models import faults
from toolrun.models.chat_reply import (
    CallPart,
    Choice,
    Function,
    UsageParts,
    decoded,
    finished_calls,
    ids_of,
    lost_a_call,
    lost_call,
    usage_of,
)
from toolrun.models.piece_stream import Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.models.model import Observe

MAX_TEXT = 16 * 1024 * 1024
"""Characters of a message: gpt-oss's 131,072 tokens, if each were a longest one (128)."""


class _Call:
    """A call whose pieces come in one after another."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.id: str | None = None
        self.name: str | None = None
        self.arguments: list[str] = []
        self.size = 0


class StreamReader:
    """Adds the chunks of a streamed reply up to one message."""

    def __init__(
        self, observe: Observe | None, on_call: Callable[[str], None] | None = None
    ) -> None:
        self._pieces = None if observe is None else Pieces(observe)
        self._on_call = on_call
        self._fed = False
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._size = 0
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self._garbled = ""
        self._finish: str | None = None
        self._stop: object = None
        self._usage: UsageParts | None = None
        self._id: str | None = None
        self._prompt_ids: list[int] | None = None
        self._ids: list[int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come yet."""
        return not self._fed

    def feed(self, payloads: Sequence[bytes]) -> None:
        """Take the payloads of one read.

        Raises:
            MalformedOutput: a payload is not a chunk, or the message grows beyond any bound.
            ServerStatus: the server reports an error in mid-stream, after its HTTP 200.
        """
        self._fed = self._fed or bool(payloads)
        try:
            for payload in payloads:
                chunk = decoded(payload)
                self._id = chunk.id or self._id
                if chunk.usage is not None:
                    self._usage = chunk.usage
                if chunk.prompt_token_ids is not None:
                    self._prompt_ids = chunk.prompt_token_ids
                if chunk.choices:
                    self._take(chunk.choices[0])
        finally:
            if self._pieces is not None:
                self._pieces.tell()
        if self._size > MAX_TEXT:
            raise MalformedOutput(f"the reply has more than {MAX_TEXT} characters")

    def _take(self, choice: Choice) -> None:
        if choice.finish_reason is not None:
            self._finish = choice.finish_reason
            self._stop = choice.stop_reason
        if choice.token_ids is not None:
            if self._ids is None:
                self._ids = []
            self._ids += choice.token_ids
        said = choice.delta
        if said is None:
            return
        if reasoning := said.reasoning or said.reasoning_content:
            self._reasoning.append(reasoning)
            self._size += len(reasoning)
            if self._pieces is not None:
                self._pieces.add(ReasoningDelta, reasoning)
        if content := said.content:
            self._content.append(content)
            self._size += len(content)
            if self._pieces is not None:
                self._pieces.add(TextDelta, content)
        for call in said.tool_calls or ():
            self._take_call(call)

    def _take_call(self, piece: CallPart) -> None:
        """A call's first piece has index, id and name, the later ones index and arguments."""
        function = piece.function or Function()
        call = self._call_of(piece, function.name)
        call.id = call.id or piece.id or None
        if function.name:
            if call.name and call.arguments:
                self._garbled = f"the call of {call.name!r} was begun twice"
            if not call.name and self._on_call is not None:
                if self._pieces is not None:
                    self._pieces.tell()
                self._on_call(function.name)
            call.name = call.name or function.name
        if function.arguments:
            call.arguments.append(function.arguments)
            call.size += len(function.arguments)
            if call.size > faults.MAX_CALL:
                raise faults.call_too_long()

    def _call_of(self, piece: CallPart, name: str | None) -> _Call:
        """The call that a piece belongs to.

        A name under another id is another call, also where its index is not: Ollama and others
        give all of a message's calls the index 0, or none. An id alone is not: some servers make a
        new one for each piece.
        """
        index = piece.index
        if index is None:
            index = self._calls[-1].index if self._calls else 0
        call = self._at.get(index)
        if call is None or (name and piece.id and call.id and piece.id != call.id):
            if len(self._calls) >= faults.MAX_CALLS:
                raise faults.too_many_calls()
            call = self._at[index] = _Call(index)
            self._calls.append(call)
        return call

    def message(self) -> AssistantMessage:
        """The whole message, after the last chunk.

        Raises:
            MalformedOutput: the stream stopped before its end, or its calls do not add up.
        """
        if self._finish is None:
            raise MalformedOutput("the stream stopped without a finish_reason", "broken-stream")
        if not self._calls and lost_a_call(self._finish, self._stop):
            raise lost_call()
        self._calls.sort(key=lambda call: call.index)
        if self._finish != "length":
            self._check_calls()
        calls = [
            CallPart(id=call.id, function=Function(call.name, "".join(call.arguments)))
            for call in self._calls
        ]
        return AssistantMessage(
            content="".join(self._content) or None,
            reasoning="".join(self._reasoning) or None,
            tool_calls=finished_calls(calls),
            finish_reason=self._finish,
            usage=usage_of(self._usage),
            response_id=self._id,
            prompt_token_ids=ids_of(self._prompt_ids),
            token_ids=ids_of(self._ids),
        )

    def _check_calls(self) -> None:
        why = self._garbled
        if any(not call.name for call in self._calls):
            why = "a call has arguments and no name"
        if why:
            raise MalformedOutput(f"the calls of the stream are garbled: {why}", "garbled-call")
