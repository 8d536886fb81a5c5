"""Is a trace whole and right? Each line, their order, and what they say of each other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from toolrun import events as ev
from toolrun.errors import TraceError
from toolrun.trace import layout
from toolrun.trace.reader import TraceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TOLD: Final = 1_000
"""After how many events whoever waits is told how far it is."""
_OF_OTHERS: Final = (ev.Repaired, ev.ServerToolCalled)
"""About calls of a message that is yet to come, and about those of the server."""


class Checked(Struct, frozen=True):
    """What a whole trace holds.

    Attributes:
        format: the number of its file format.
        size: bytes of all its files.
        parts: how many files its lines are in.
        blobs: how many long texts lie beside them.
        truncated: whether half a line follows the last whole one, which readers drop.
        unfinished: whether it ends within a turn.
    """

    format: int
    events: int
    turns: int
    steps: int
    size: int
    parts: int = 1
    blobs: int = 0
    truncated: bool = False
    unfinished: bool = False


def check_trace(path: Path, on_events: Callable[[int], None] | None = None) -> Checked:
    """Hold a trace against its schema, and each event against those before it, in flat memory.

    Args:
        path: of its first file.
        on_events: called now and then with the number of events that were read so far.

    Raises:
        TraceError: the first thing that is wrong; `line` says where, the message which field, and
            what would fit.
    """
    events = 0
    with TraceReader(path, check=True) as reader:
        told = _Told()
        breaks = 0
        for event in reader:
            events += 1
            if reader.resumed > breaks:  # what a crash took may be missing
                breaks = reader.resumed
                told.forget()
            wrong = told.take(event)
            if wrong is not None:
                name = type(event).__name__
                where = f"{reader.path}, line {reader.line}"
                raise TraceError(f"{where}: {name}: {wrong}", reader.line)
            if on_events is not None and events % _TOLD == 0:
                on_events(events)
        files = list(_files(path))
        blobs = [each for each in files if each.parent != path.parent]
        return Checked(
            format=reader.header.format,
            events=events,
            turns=told.turns,
            steps=told.steps,
            size=sum(each.stat().st_size for each in files),
            parts=len(files) - len(blobs),
            blobs=len(blobs),
            truncated=reader.truncated,
            unfinished=told.unfinished,
        )


def size_of(path: Path) -> int:
    """The bytes of all files of a trace."""
    return sum(each.stat().st_size for each in _files(path))


def _files(path: Path) -> Iterator[Path]:
    """Those that a trace lies in: its parts, then its long texts."""
    first = layout.plain(path)
    yield path if path.exists() else layout.found(first, 1) or path
    part = 2
    while (file := layout.found(first, part)) is not None:
        yield file
        part += 1
    folder = layout.blobs_of(first)
    if folder.is_dir():
        yield from (each for each in folder.iterdir() if each.is_file())


class _Told:
    """What was told so far, as far as later events refer to it.

    A trace may begin within a session: what is not known yet fits.
    """

    def __init__(self) -> None:
        self.turns = self.steps = 0
        self.unfinished = False
        self._turn: int | None = None
        self._step: int | None = None
        self._calls: Counter[str] | None = None
        """How many calls of the last message have no result yet, by their ids."""
        self._asked: set[str] = set()

    def forget(self) -> None:
        """Take whatever comes next."""
        self._turn = self._step = self._calls = None

    def take(self, event: ev.Event) -> str | None:
        """What of an event does not fit those before it; None: all does."""
        match event:
            case ev.SessionOpened():
                if self._turn is not None:
                    return "a session is opened once, and this one was"
                self._turn = self._step = 0
                self._calls = Counter()
            case ev.UserMessage():
                return self._asks(event)
            case ev.AssistantMessage():
                return self._says(event)
            case ev.ToolCallStarted():
                self.unfinished = True
            case ev.TurnFinished():
                self.unfinished = False
        return self._placed(event) or self._of_call(event)

    def _asks(self, event: ev.UserMessage) -> str | None:
        if self._turn is not None and event.turn != self._turn + 1:
            return f"turn: {event.turn} is not {self._turn + 1}, which comes next"
        self._turn, self._step = event.turn, 0
        self.turns += 1
        self.unfinished = True
        return None

    def _says(self, event: ev.AssistantMessage) -> str | None:
        if self._turn is not None and event.turn != self._turn:
            return f"turn: {event.turn}, in turn {self._turn}"
        if self._step is not None and event.step != self._step + 1:
            return f"step: {event.step} is not {self._step + 1}, which comes next"
        self._turn, self._step = event.turn, event.step
        self.steps += 1
        self.unfinished = True
        self._calls = Counter(call.id for call in event.tool_calls)
        self._asked = set()
        return None

    def _placed(self, event: ev.Event) -> str | None:
        if self._turn is not None and event.turn != self._turn:
            return f"turn: {event.turn}, in turn {self._turn}"
        if self._step is not None and event.step - self._step not in (0, not event.durable):
            return f"step: {event.step}, where {self._step} was the last"
        return None

    def _of_call(self, event: ev.Event) -> str | None:
        """Whether the call that an event is about was made, and is not over."""
        call_id = getattr(event, "call_id", None)
        if call_id is None or self._calls is None or isinstance(event, _OF_OTHERS):
            return None
        if call_id not in self._calls:
            return f"call_id: the model made no call {call_id!r} in the step before"
        if event.durable and not self._calls[call_id]:
            return f"call_id: the call {call_id!r} has its result already"
        if isinstance(event, ev.ApprovalRequested):
            self._asked.add(call_id)
        elif isinstance(event, ev.ApprovalDecided) and call_id not in self._asked:
            return f"call_id: nobody was asked about the call {call_id!r}"
        elif isinstance(event, ev.ToolCallFinished):
            self._calls[call_id] -= 1
        return None
