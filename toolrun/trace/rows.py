"""What does a line of a trace say of an event, and what does it leave to the lines before it?

A reader goes through a trace in order, so nothing is said twice: the session stands in the header,
a message that a request adds is the event that said it, and pieces of a streamed text that follow
each other are one line, of a column of times and one of texts. Whoever writes and whoever reads
keep the same `Told`, and so mean the same by what is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
from msgspec import Struct, structs

from toolrun.events import (
    ApprovalRequested,
    AssistantMessage,
    Event,
    ReasoningDelta,
    RequestSent,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    UserMessage,
)
from toolrun.runs import Run
from toolrun.transcript import ToolMessage, message_to_openai

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.trace.runs import Recorded

KEPT: Final = 1000
"""Messages that lines refer to at most: so many may lie between two requests."""


class _Row(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Where an event stands; what is 0 is left out."""

    seq: int = 0
    sub: int = 0
    time: float = 0.0
    turn: int = 0
    step: int = 0


class Pieces(_Row, frozen=True):
    """Pieces of one text that follow each other, in columns.

    Without `sub` they follow the event before, in its step. Else the place is that of the first
    one, and `time` what its `ms` counts from.

    Attributes:
        ms: milliseconds since the event before, of each; 0 within one read.
        text: of each.
    """

    ms: list[int]
    text: list[str]


class ReasoningRow(Pieces, frozen=True, tag="ReasoningDelta", gc=False):
    """Pieces of the reasoning."""


class TextRow(Pieces, frozen=True, tag="TextDelta", gc=False):
    """Pieces of the text for the user."""


class RequestRow(_Row, frozen=True, tag="RequestSent"):
    """A request.

    Where a message that it adds is what an event since the request before it says, the `seq` of
    that event stands for it.
    """

    digest: str
    size: int
    adds: list[dict[str, Any] | int]
    dialect: str = ""
    stream: bool = False
    via: str = ""


class StartedRow(_Row, frozen=True, tag="ToolCallStarted"):
    """An intent; `arguments` are there where they are not those of the call."""

    call_id: str
    name: str
    arguments: dict[str, Any] | None = None
    profile: str | None = None


class AskedRow(_Row, frozen=True, tag="ApprovalRequested"):
    """A question; `arguments` are there where they are not those of the call."""

    call_id: str
    name: str
    reason: str
    arguments: dict[str, Any] | None = None


PIECES: Final[dict[type, type[ReasoningDelta | TextDelta]]] = {
    ReasoningRow: ReasoningDelta,
    TextRow: TextDelta,
}
_ROWS: Final = {ReasoningDelta: ReasoningRow, TextDelta: TextRow}
_ROLES: Final[dict[type, str]] = {
    UserMessage: "user",
    AssistantMessage: "assistant",
    ToolCallFinished: "tool",
}
"""The events that say a message, and its role."""
SHORTENED: Final = (ReasoningDelta, TextDelta, RequestSent, ToolCallStarted, ApprovalRequested)
"""The events that have a row of their own; the others are written as they are."""

Row: TypeAlias = Event | _Row
"""What one line holds."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Told:
    """What the lines so far have said that the next one may leave out.

    Attributes:
        last: the event before, or the run that ends in it; None at the beginning of a file, and of
            what is added to one.
        saying: the events, by their `seq`, whose messages no request has held yet.
        calls: the arguments, as the model wrote them, of the last message's calls.
    """

    def __init__(self) -> None:
        self.last: Recorded | None = None
        self.saying: dict[int, Event] = {}
        self.calls: dict[str, str] = {}

    def kept(self) -> tuple[Any, ...]:
        """What `back_to` takes."""
        return self.last, self.saying.copy(), self.calls

    def back_to(self, kept: tuple[Any, ...]) -> None:
        """Forget what was told since."""
        self.last, self.saying, self.calls = kept

    def take(self, event: Event) -> None:
        """An event was told."""
        self.last = event
        kind = type(event)
        if kind in _ROLES:
            self.saying[event.seq] = event
            if len(self.saying) > KEPT:
                del self.saying[next(iter(self.saying))]
            if isinstance(event, AssistantMessage):
                self.calls = {call.id: call.arguments for call in event.tool_calls}
        elif kind is RequestSent:
            self.saying.clear()

    def arguments(self, call_id: str) -> dict[str, Any] | None:
        """Those that a call of the last message has; None where they are no object, or unknown."""
        written = self.calls.get(call_id)
        try:
            found = None if written is None else _decode(written)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


def message_of(event: Event) -> dict[str, Any]:
    """The message that an event says, in the form of Chat Completions."""
    if isinstance(event, ToolCallFinished):
        return message_to_openai(ToolMessage(event.call_id, event.name, event.content))
    assert isinstance(event, UserMessage | AssistantMessage)
    return message_to_openai(event)


class Rows:
    """Makes the rows of a session's events."""

    def __init__(self) -> None:
        self._told = Told()
        self._before = self._told.kept()

    def of(self, events: Sequence[Recorded]) -> list[Row]:
        """The rows of events that follow those before."""
        told = self._told
        self._before = told.kept()
        found: list[Row] = []
        pieces: list[TextDelta | ReasoningDelta | Run] = []
        of: Any = None
        for event in events:
            kind = event.of if isinstance(event, Run) else type(event)
            # Their turn changes with a durable event only.
            if pieces and (kind is not of or event.step != pieces[0].step):
                found.append(self._pieces(of, pieces))
                pieces = []
            if kind in _ROWS:
                of = kind
                pieces.append(event)  # type: ignore[arg-type]  # `kind` says so
            else:
                assert not isinstance(event, Run), "its kind has rows of its own"
                found.append(self._row(event))
                told.take(event)
        if pieces:
            found.append(self._pieces(of, pieces))
        return found

    def undo(self) -> None:
        """Forget the last call of `of`: its rows are not written."""
        self._told.back_to(self._before)

    def _row(self, event: Event) -> Row:
        kind = type(event)
        if kind not in SHORTENED:
            return structs.replace(event, session="")
        if isinstance(event, RequestSent):
            return self._request(event)
        fields = structs.asdict(event)
        del fields["session"]
        assert isinstance(event, ToolCallStarted | ApprovalRequested)
        fields["arguments"] = self._arguments(event)
        return (StartedRow if kind is ToolCallStarted else AskedRow)(**fields)

    def _request(self, event: RequestSent) -> RequestRow:
        return RequestRow(
            event.digest,
            event.size,
            self._adds(event.adds),
            event.dialect,
            event.stream,
            event.via,
            **_place(event),
        )

    def _pieces(
        self,
        kind: type[TextDelta | ReasoningDelta],
        pieces: list[TextDelta | ReasoningDelta | Run],
    ) -> Row:
        """The row of pieces of one kind, in one step."""
        first, last = pieces[0], self._told.last
        last = last.last if isinstance(last, Run) else last
        self._told.last = pieces[-1]
        row = _ROWS[kind]
        if last is not None and _follows(first, last):
            ms, text = _columns(milliseconds(last.time), pieces)
            return row(ms=ms, text=text)
        ms, text = _columns(milliseconds(first.time), pieces)
        return row(ms=ms, text=text, **_place(first))

    def _adds(self, messages: list[dict[str, Any]]) -> list[dict[str, Any] | int]:
        """Messages, or the events that said them."""
        known = self._told.saying
        rest = iter(known.items())
        found: list[dict[str, Any] | int] = []
        for message in messages:
            # Both are in order, but for the results of calls that ran at once.
            seq = _saying(message, rest)
            if seq is None:
                rest = iter(known.items())
                seq = _saying(message, rest)
            found.append(message if seq is None else seq)
        return found

    def _arguments(self, event: ToolCallStarted | ApprovalRequested) -> dict[str, Any] | None:
        written = self._told.arguments(event.call_id)
        return None if written is not None and _same(written, event.arguments) else event.arguments


def _saying(message: dict[str, Any], events: Iterator[tuple[int, Event]]) -> int | None:
    """The `seq` of the next of the events that says a message."""
    role = message.get("role")
    for seq, event in events:
        if _ROLES[type(event)] == role and message_of(event) == message:
            return seq
    return None


def milliseconds(time: float) -> int:
    """A time in whole milliseconds since the epoch."""
    return round(time * 1000)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether they are one as JSON: 1, 1.0 and true are equal to Python."""
    try:
        return _encode(one) == _encode(other)
    except (UnicodeEncodeError, OverflowError, RecursionError):
        return False


def _columns(
    before: int, pieces: Sequence[TextDelta | ReasoningDelta | Run]
) -> tuple[Any, list[str]]:
    """The milliseconds from each piece to the event before it, and the text of each.

    A step has hundreds of pieces, but a few dozen reads of the network, each of them a run: the
    former are JSON already, since nearly all of them are 0.
    """
    gaps: list[bytes] = []
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, Run):
            texts += piece.texts
            if not piece.gaps:  # all at once, as a live stream has them
                gaps.append(b"%d" % (piece.begin - before) + b",0" * (len(piece.texts) - 1))
                before = piece.begin
                continue
            gaps.append(b"%d" % (piece.begin + piece.gaps[0] - before))
            gaps += [b"%d" % gap for gap in piece.gaps[1:]]
            before = piece.begin + sum(piece.gaps)
        else:
            at = milliseconds(piece.time)
            gaps.append(b"%d" % (at - before))
            texts.append(piece.text)
            before = at
    return msgspec.Raw(b"[" + b",".join(gaps) + b"]"), texts


def _place(event: Event | Run) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "sub": event.sub,
        "time": event.time,
        "turn": event.turn,
        "step": event.step,
    }


def _follows(event: Event | Run, last: Event) -> bool:
    return (
        event.sub == last.sub + 1
        and event.seq == last.seq
        and event.step == last.step
        and event.turn == last.turn
    )
