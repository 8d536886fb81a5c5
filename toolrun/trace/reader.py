"""What does a trace file say? Read line by line, checked, with errors that name the line."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import msgspec
from msgspec import Struct

from toolrun.errors import TraceError
from toolrun.events import Event
from toolrun.resources import schema
from toolrun.trace import format_1, format_2
from toolrun.trace.header import FORMAT, TraceHeader
from toolrun.trace.lines import Lines
from toolrun.trace.runs import Recorded, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType


class _Typed(Struct):
    """A line that says its type: msgspec takes a lack of it for the only type that there is."""

    type: str


_header = msgspec.json.Decoder(TraceHeader)
_typed = msgspec.json.Decoder(_Typed)
_HEADER = re.compile(rb'\s*\{\s*"type"\s*:\s*"TraceHeader"')
_FORMAT = re.compile(rb'"format":\s*(\d+)')
_SHOWN = 200


class Format(Protocol):
    """What the lines of a format say.

    Attributes:
        schema: the name of the one that describes them.
    """

    schema: str

    def recorded(self, line: bytes) -> Recorded:
        """What the next line holds: an event, or pieces of a text that follow each other.

        Raises:
            ValueError: it does not fit.
        """


FORMATS: Final[dict[int, Callable[[str], Format]]] = {
    format_1.NUMBER: format_1.Format1,
    format_2.NUMBER: format_2.Format2,
}
"""The formats that are read, made with the id of the session."""


class Trace(Struct, frozen=True):
    """A whole trace.

    Attributes:
        header: of the first file.
        events: in order.
        truncated: whether the file ends in half a line, which was dropped.
        lines: the line of each event, from 1; several pieces of a text share one.
        breaks: the numbers of the events before which the recording went on after a break.
    """

    header: TraceHeader
    events: list[Event]
    truncated: bool = False
    lines: Sequence[int] = ()
    breaks: Sequence[int] = ()


class RunsOfTrace(Struct, frozen=True):
    """A whole trace, pieces of a text that follow each other as one `Run`; else as `Trace`."""

    header: TraceHeader
    events: list[Recorded]
    truncated: bool = False
    lines: Sequence[int] = ()
    breaks: Sequence[int] = ()


def read_trace(path: str | Path, *, check: bool = False) -> Trace:
    """Read a trace into memory.

    Args:
        path: of the file.
        check: hold every line against the schema of its format, too:
            `schemas/trace.schema.json` for the newest.

    Returns:
        Its events, in order, and where each stands.

    Raises:
        TraceError: the file cannot be read, or a line does not fit; `line` says which.
    """
    with TraceReader(path, check=check) as reader:
        events: list[Event] = []
        lines: list[int] = []
        breaks: list[int] = []
        for event in reader:
            if reader.resumed > len(breaks):
                breaks.append(len(events))
            events.append(event)
            lines.append(reader.line)
        return Trace(reader.header, events, reader.truncated, lines, breaks)


def read_runs(path: str | Path) -> RunsOfTrace:
    """Read a trace into memory, pieces of a text that follow each other as one `Run`.

    Raises:
        TraceError: as `read_trace`.
    """
    with TraceReader(path) as reader:
        found: list[Recorded] = []
        lines: list[int] = []
        breaks: list[int] = []
        while (each := reader.next()) is not None:
            if reader.resumed > len(breaks):
                breaks.append(len(found))
            found.append(each)
            lines.append(reader.line)
        return RunsOfTrace(reader.header, found, reader.truncated, lines, breaks)


class TraceReader:
    """Reads a trace event by event: a context manager and an iterator, in flat memory.

    Attributes:
        header: of the first file.

    Raises:
        TraceError: on opening and on each step, see `read_trace`.
    """

    def __init__(self, path: str | Path, *, check: bool = False) -> None:
        self._check = check
        self._place = (-1, 0)
        self._resumed = 0
        self._rest: deque[Event] = deque()
        self._lines = Lines(path)
        try:
            self.header: TraceHeader = self._begin()
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """The file that the last event given stands in: a trace may have several."""
        return self._lines.path

    @property
    def line(self) -> int:
        """The line of the last event given in its file, from 1."""
        return self._lines.line

    @property
    def resumed(self) -> int:
        """How often the recording went on after a break, up to the last event given."""
        return self._resumed

    @property
    def truncated(self) -> bool:
        """After the last event: whether half a line follows it."""
        return self._lines.truncated

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        if not self._rest:
            found = self.next()
            if found is None:
                raise StopIteration
            if not isinstance(found, Run):
                return found
            self._rest.extend(found.events())
        return self._rest.popleft()

    def next(self) -> Recorded | None:
        """What the next line holds, pieces that follow each other as one; None at the end.

        It is for whoever needs no events for pieces, and then reads nothing in another way.
        """
        line = self._lines.next()
        if line is None:
            return None
        if self._lines.resumed > self._resumed:
            # What a crash took of the lines before is missing here.
            self._resumed, self._place = self._lines.resumed, (-1, 0)
        try:
            found = self._format.recorded(line)
        except (ValueError, OverflowError, RecursionError) as error:  # msgspec's among them
            raise self._wrong(f"{_said(error)}: {_shown(line)}") from error
        if self._check:
            self._hold_against_schema(line)
        self._in_place(found)
        return found

    def _begin(self) -> TraceHeader:
        line = self._lines.next()
        if line is None:
            raise self._wrong("the file has no whole line; a trace begins with a TraceHeader")
        header = self._read_header(line)
        self._format = FORMATS[header.format](header.session)
        if self._check:
            self._hold_against_schema(line)
        return header

    def _read_header(self, line: bytes) -> TraceHeader:
        found = _FORMAT.search(line)
        number = int(found[1][:9]) if _HEADER.match(line) and found is not None else FORMAT
        if number > FORMAT:
            raise self._wrong(
                f"the file has format {number}, which a later toolrun wrote; this one reads up to "
                f"{FORMAT}: update it (pip install --upgrade toolrun)"
            )
        try:
            _typed.decode(line)
            header = _header.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._wrong(
                f"not a trace, which begins with a TraceHeader ({_said(error)}): {_shown(line)}"
            ) from error
        if header.format not in FORMATS:
            raise self._wrong(f"there is no format {header.format}: {_shown(line)}")
        return header

    def _in_place(self, event: Recorded) -> None:
        """Refuse a line that does not follow the one before it."""
        if event.session != self.header.session:
            raise self._wrong(
                f"an event of session {event.session!r} in a trace of {self.header.session!r}"
            )
        seq, sub = self._place
        place = (event.seq, event.sub)
        self._place = (event.seq, event.sub + len(event) - 1) if isinstance(event, Run) else place
        # A sink that was added to a running session begins in the middle.
        expected = (seq + 1, 0) if event.durable else (seq, sub + 1)
        if seq >= 0 and place != expected:
            kind = event.of if isinstance(event, Run) else type(event)
            raise self._wrong(
                f"{kind.__name__} has seq {place[0]}, sub {place[1]}, where seq "
                f"{expected[0]}, sub {expected[1]} comes next: a line is missing, or out of order"
            )

    def _hold_against_schema(self, line: bytes) -> None:
        from jsonschema.exceptions import best_match

        try:
            value = msgspec.json.decode(line)
            error = best_match(_validator(self._format.schema, value["type"]).iter_errors(value))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as bad:
            raise self._wrong(f"{_said(bad)}: {_shown(line)}") from bad
        if error is not None:
            raise self._wrong(f"{value['type']} does not fit: {error.json_path}: {error.message}")

    def _wrong(self, what: str) -> TraceError:
        line = max(self.line, 1)
        return TraceError(f"{self._lines.path}, line {line}: {what}", line)


@cache
def _validator(name: str, kind: str) -> Any:
    """The validator for one type of line: its errors say more than those of a choice of all."""
    import jsonschema

    whole = schema(name)
    return jsonschema.Draft202012Validator(
        {"$schema": whole["$schema"], "$ref": f"#/$defs/{kind}", "$defs": whole["$defs"]}
    )


def _said(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _shown(line: bytes) -> str:
    """The beginning of a line, for an error message."""
    text = line[:_SHOWN].decode("utf-8", "replace").rstrip("\n")
    return repr(text + ("..." if len(line) > _SHOWN else ""))
