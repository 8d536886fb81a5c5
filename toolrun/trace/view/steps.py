"""What does the page say of each step? The events that belong together, and the numbers of them.

A trace is cut where a turn begins and where a step does. Each piece has its events as lines of
JSON, and a `Step`: what its timeline and its filter need without reading the lines.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import Struct, structs

from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    EgressDecided,
    Event,
    LimitReached,
    ReasoningDelta,
    RequestSent,
    Retried,
    StepFinished,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    UserMessage,
    Warned,
)
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORDS = 120
_ENDED_WELL = ("finished", "parked")

_encode = msgspec.json.Encoder().encode


class Step(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A step, or what stands before the first step of a turn (step 0) or of the session (turn 0).

    Attributes:
        id: of its place in the page, such as "turn-2-step-3".
        at: when it began, in seconds since the epoch.
        ms: how long it took; of these, up to the end of failed attempts (`retry`), from the last
            request to the first token (`first`) and from there to the end (`sample`), with a tool
            running (`tools`) and with a person being asked (`asked`).
        calls: name and outcome of each tool call that ended.
        problems: what a person would want to see: failures, refusals, retries, warnings, limits.
        status: how the turn ended, where it ended here.
        words: what the user said, cut.
    """

    id: str
    turn: int
    step: int
    at: float
    ms: int = 0
    retry: int = 0
    first: int = 0
    sample: int = 0
    tools: int = 0
    asked: int = 0
    usage: Usage = Usage()
    calls: list[tuple[str, str]] = []
    retries: int = 0
    problems: int = 0
    status: str = ""
    words: str = ""


class Pieces(Struct, frozen=True):
    """Pieces of a streamed text that follow each other, as one line: `after` is in milliseconds."""

    type: str
    seq: int
    sub: int
    time: float
    turn: int
    step: int
    after: list[int]
    text: list[str]


Cut: TypeAlias = tuple[Step, list[bytes]]
"""A step, and its events as JSON without their session, one each."""


def cut(events: Iterable[Event]) -> Iterator[Cut]:
    """Cut the events of a trace into steps."""
    ids = Counter[str]()
    current: _Gathered | None = None
    for event in events:
        if current is None or _begins(event, current):
            if current is not None:
                yield current.cut()
            current = _Gathered(event, _named(event, ids))
        current.add(event)
    if current is not None:
        yield current.cut()


def _begins(event: Event, current: _Gathered) -> bool:
    if isinstance(event, UserMessage):
        return True
    return event.step > 0 and (event.turn, event.step) != (current.turn, current.step)


def _named(event: Event, ids: Counter[str]) -> str:
    name = f"turn-{event.turn}" if event.turn else "session"
    name += f"-step-{event.step}" if event.step else ""
    ids[name] += 1
    return name if ids[name] == 1 else f"{name}-again-{ids[name]}"


class _Stretch:
    """How long at least one of several things was going on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._open = set[str]()
        self._since = 0.0

    def begin(self, what: str, time: float) -> None:
        if not self._open:
            self._since = time
        self._open.add(what)

    def end(self, what: str, time: float) -> None:
        if what in self._open:
            self._open.remove(what)
            if not self._open:
                self.seconds += max(0.0, time - self._since)


class _Gathered:
    """The events of one step as they come."""

    def __init__(self, event: Event, name: str) -> None:
        self.turn, self.step = event.turn, event.step
        self._id = name
        self._lines: list[bytes] = []
        self._pieces: list[ReasoningDelta | TextDelta] = []
        self._begun = self._ended = event.time
        self._requested: float | None = None
        self._sampled: StepFinished | None = None
        self._usage = Usage()
        self._tools, self._asked = _Stretch(), _Stretch()
        self._calls: list[tuple[str, str]] = []
        self._retries = self._problems = 0
        self._status = self._words = ""

    def add(self, event: Event) -> None:
        self._ended = max(self._ended, event.time)
        if isinstance(event, ReasoningDelta | TextDelta):
            if self._pieces and type(self._pieces[0]) is not type(event):
                self._close_pieces()
            self._pieces.append(event)
            return
        self._close_pieces()
        self._lines.append(_encode(structs.replace(event, session="")))
        self._take_time(event)
        self._count(event)

    def _close_pieces(self) -> None:
        if not self._pieces:
            return
        first, before, after = self._pieces[0], self._pieces[0].time, list[int]()
        for piece in self._pieces:
            after.append(round((piece.time - before) * 1000))
            before = piece.time
        texts = [piece.text for piece in self._pieces]
        place = (first.seq, first.sub, first.time, first.turn, first.step)
        self._lines.append(_encode(Pieces(type(first).__name__, *place, after, texts)))
        self._pieces = []

    def _take_time(self, event: Event) -> None:
        match event:
            case RequestSent():
                self._requested = self._requested or event.time
            case StepFinished():
                self._sampled = event
            case ApprovalRequested(call_id=call):
                self._asked.begin(call, event.time)
            case ApprovalDecided(call_id=call):
                self._asked.end(call, event.time)
            case ToolCallStarted(call_id=call):
                self._tools.begin(call, event.time)
            case ToolCallFinished(call_id=call):
                self._tools.end(call, event.time)
                self._asked.end(call, event.time)

    def _count(self, event: Event) -> None:
        match event:
            case UserMessage(content=content):
                self._words = " ".join(content[: 4 * _WORDS].split())[:_WORDS]
            case AssistantMessage(usage=usage):
                self._usage = usage
            case ToolCallFinished(name=name, result=result):
                self._calls.append((name, result.outcome))
                self._problems += result.outcome != "ok"
            case Retried():
                self._retries += 1
                self._problems += 1
            case TurnFinished(status=status):
                self._status = status
                self._problems += status not in _ENDED_WELL
            case LimitReached() | Warned() | EgressDecided(allowed=False):
                self._problems += 1

    def cut(self) -> Cut:
        self._close_pieces()
        return Step(
            id=self._id,
            turn=self.turn,
            step=self.step,
            at=self._begun,
            **self._times(),
            tools=_ms(self._tools.seconds),
            asked=_ms(self._asked.seconds),
            usage=self._usage,
            calls=self._calls,
            retries=self._retries,
            problems=self._problems,
            status=self._status,
            words=self._words,
        ), self._lines

    def _times(self) -> dict[str, Any]:
        begun, done = self._requested or self._begun, self._sampled
        if done is None:  # never sampled to its end: all of it was for nothing
            lost = self._ended - begun if self._retries or self._requested else 0.0
            return {"ms": _ms(self._ended - begun), "retry": _ms(lost)}
        last = done.time - done.seconds
        begun = min(begun, last)
        first = min(done.first_token or 0.0, done.seconds)
        return {
            "ms": _ms(self._ended - begun),
            "retry": _ms(last - begun) if self._retries else 0,
            "first": _ms(first),
            "sample": _ms(done.seconds - first),
        }


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
