"""What do the tokens of one step say: reasoning, text, calls?

Headers are read by the harmony library (`headers`), texts here, from all tokens of a read at once.
However the tokens are cut, streamed or whole, they say the same: characters that are cut between
tokens wait for their rest, and what is no UTF-8 becomes U+FFFD.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from toolrun.errors import MalformedOutput
from toolrun.models import faults
from toolrun.models.harmony.guard import guarded
from toolrun.models.harmony.headers import Headers
from toolrun.models.harmony.recipients import arguments_of, tool_name
from toolrun.models.harmony.tokens import CALL, END, MESSAGE, RETURN, START

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from toolrun.models.harmony.headers import Header
    from toolrun.models.harmony.vocabulary import Encoding

_ENDS = frozenset({END, RETURN, CALL})
_NO_CHARACTER = "\ufffd".encode()
_SHOWN = 200
_State: TypeAlias = Literal["header", "content", "between"]


class ParsedCall(Struct, frozen=True, gc=False):
    """A call as the model made it: the tool's name, JSON arguments, the channel."""

    name: str
    arguments: str
    channel: str


class Parsed(Struct, frozen=True):
    """What a step says.

    Attributes:
        content: text for the user: the answer, or a preamble beside calls.
        reasoning: of the analysis channel. Several messages are joined by a newline, as vLLM does.
        calls: in their order.
        reasoning_tokens: how many tokens the reasoning has.
        kept: how many of the tokens later prompts go on from, verbatim. Not kept are `<|return|>`,
            which is stored as `<|end|>`, and the beginning of a header that was cut off. None are,
            where that is the first one of the step; then its `<|start|>assistant` goes, too.
        closing: the tokens that end the last message where `kept` leaves it open.
    """

    content: str | None
    reasoning: str | None
    calls: tuple[ParsedCall, ...]
    reasoning_tokens: int
    kept: int
    closing: tuple[int, ...]


class StepParser:
    """Reads the tokens of one step; a new one for each.

    Args:
        encoding: of `vocabulary.load`.
        builtins: which tools are the model's own.
        on_reasoning: told of each piece of the reasoning.
        on_text: told of each piece of the text for the user.
        on_call: told of the tool's name as soon as a call's header is there.
    """

    def __init__(
        self,
        encoding: Encoding,
        builtins: Collection[str] = (),
        *,
        on_reasoning: Callable[[str], None] | None = None,
        on_text: Callable[[str], None] | None = None,
        on_call: Callable[[str], None] | None = None,
    ) -> None:
        self._encoding = encoding
        self._builtins = builtins
        self._listeners = {"reasoning": on_reasoning, "text": on_text}
        self._on_call = on_call
        self._headers = Headers(encoding)
        self._state: _State = "header"
        self._header_tokens: list[int] = []
        self._header: Header | None = None
        self._begin = 0
        self._end = 0
        self._run: list[int] = []
        self._said: dict[str, list[str]] = {"reasoning": [], "text": []}
        self._arguments: list[str] = []
        self._calls: list[ParsedCall] = []
        self._reasoning_tokens = 0
        self._last = 0
        self._last_called = False
        self._answered = False
        self._stopped = False
        self.count: int = 0
        """How many tokens have come."""

    def feed(self, tokens: Sequence[int]) -> None:
        """Read on.

        Raises:
            MalformedOutput: what came is no harmony, and no call before it is worth keeping.
        """
        for token in tokens:
            self.count += 1
            if self._stopped:
                continue
            if self._state == "content":
                if token in _ENDS:
                    self._close(token)
                else:
                    self._run.append(token)
                continue
            try:
                self._outside(token)
            except MalformedOutput as error:
                self._give_up(error)
        if self._run:
            self._tell()

    def finish(self, *, cut: bool) -> Parsed:
        """What the step says, after its last token.

        Args:
            cut: whether the sampling was cut off, by `max_tokens`; a last message that is not whole
                is then what is there of it.

        Raises:
            MalformedOutput: it ends within a header, uncut.
        """
        kept, closing = self.count, tuple[int, ...]()
        if self._stopped:
            kept = self._end
        elif self._state == "content":
            assert self._header is not None
            is_call = self._header.recipient is not None
            closing = (CALL,) if is_call else (END,)
            self._close(None)
        elif self._state == "header":
            kept = self._begin
            if self._header_tokens and not cut:
                text = self._shown(self._header_tokens)
                self._give_up(
                    MalformedOutput(f"the reply ends within a header: {text}", "malformed-header")
                )
                kept = self._end
        elif self._last == RETURN:
            kept, closing = self.count - 1, (CALL if self._last_called else END,)
        return Parsed(
            "".join(self._said["text"]) or None,
            "".join(self._said["reasoning"]) or None,
            tuple(self._calls),
            self._reasoning_tokens,
            kept,
            closing,
        )

    def _outside(self, token: int) -> None:
        """A token that belongs to no text."""
        if self._state == "between":
            if token != START:
                raise MalformedOutput(
                    f"the model wrote {self._shown([token])} where a message must begin",
                    "malformed-header",
                )
            self._state, self._header_tokens, self._begin = "header", [token], self.count - 1
        elif token == MESSAGE:
            self._open(self._headers.read(self._header_tokens))
        elif token in _ENDS:
            text = self._shown([*self._header_tokens, token])
            raise MalformedOutput(f"the model ended a header with {text}", "malformed-header")
        else:
            self._header_tokens.append(token)

    def _open(self, header: Header) -> None:
        self._state, self._header = "content", header
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        if header.recipient is not None:
            if len(self._calls) >= faults.MAX_CALLS:
                raise faults.too_many_calls()
            self._arguments = []
            if self._on_call is not None:
                self._on_call(tool_name(header.recipient))

    def _close(self, token: int | None) -> None:
        """The message ends, by a token or with the step."""
        header = self._header
        assert header is not None
        self._tell(final=True)
        self._state, self._header = "between", None
        if token is not None:
            self._last, self._end = token, self.count
            self._last_called = header.recipient is not None
            self._answered = self._answered or header.channel == "final"
        if header.recipient is not None:
            name, text = tool_name(header.recipient), "".join(self._arguments)
            arguments = arguments_of(name, text, self._builtins)
            self._calls.append(ParsedCall(name, arguments, header.channel))

    def _tell(self, *, final: bool = False) -> None:
        """Decode what has come of a text, and pass it on."""
        assert self._header is not None
        run, self._run = self._run, []
        text = self._decoder.decode(self._bytes(run), final)
        if self._header.recipient is not None:
            self._arguments.append(text)
            return
        kind = "reasoning" if self._header.channel == "analysis" else "text"
        if kind == "reasoning":
            self._reasoning_tokens += len(run)
        if not text:
            return
        if not self._begun and self._said[kind]:
            text = f"\n{text}"
        self._begun = True
        self._said[kind].append(text)
        if (listener := self._listeners[kind]) is not None:
            listener(text)

    def _bytes(self, tokens: list[int]) -> bytes:
        try:
            with guarded("text"):
                text = self._encoding.decode(tokens, errors="surrogateescape")
        except MalformedOutput:  # a token that harmony does not know: the others are still text
            if len(tokens) == 1:
                return _NO_CHARACTER
            return b"".join(self._bytes([token]) for token in tokens)
        return str(text).encode("utf-8", "surrogateescape")

    def _give_up(self, error: MalformedOutput) -> None:
        """Read no further: what follows a call or an answer, made up, is no part of the step."""
        if error.code != "malformed-header" or not (self._calls or self._answered):
            raise error
        self._stopped = True

    def _shown(self, tokens: list[int]) -> str:
        return repr(self._bytes(tokens).decode("utf-8", "replace")[:_SHOWN])


def parse(encoding: Encoding, tokens: Sequence[int], builtins: Collection[str] = ()) -> Parsed:
    """What the tokens of a step that is over say; a header at the end may be cut off.

    Raises:
        MalformedOutput: they are no harmony.
    """
    parser = StepParser(encoding, builtins)
    parser.feed(tokens)
    return parser.finish(cut=True)
