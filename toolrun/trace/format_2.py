"""What do the lines of format 2 say? The events of `toolrun.trace.rows`, whole again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Union, get_args

import msgspec
from msgspec import structs

from toolrun.events import AnyEvent, ApprovalRequested, Event, RequestSent, ToolCallStarted
from toolrun.trace.rows import (
    PIECES,
    SHORTENED,
    AskedRow,
    ReasoningRow,
    RequestRow,
    StartedRow,
    TextRow,
    Told,
    message_of,
    milliseconds,
)
from toolrun.trace.runs import Run, checked

if TYPE_CHECKING:
    from toolrun.events import ReasoningDelta, TextDelta
    from toolrun.trace.runs import Recorded

NUMBER = 2
SCHEMA = "trace"

_WHOLE: Final = [kind for kind in get_args(AnyEvent) if kind not in SHORTENED]
_OWN: Final = [ReasoningRow, TextRow, RequestRow, StartedRow, AskedRow]
_row: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Union[(*_WHOLE, *_OWN)])


_FAR: Final = 10**15
"""Milliseconds that are no time between two events: thirty thousand years."""
_REPEATED: Final = 1 << 24
"""Bytes of messages that a request may add once more: a line of a few bytes could say gigabytes."""


class Format2:
    """Reads the rows of a session, one after another."""

    schema = SCHEMA

    def __init__(self, session: str) -> None:
        self._session = session
        self._told = Told()

    def recorded(self, line: bytes) -> Recorded:
        """What the next line holds.

        Raises:
            ValueError: the line is no row, or leaves out what no line before says.
        """
        row = _row.decode(line)
        kind = PIECES.get(type(row))
        if kind is not None:
            run = self._run(kind, row)
            self._told.last = run.last
            return run
        event = self._event(row)
        self._told.take(event)
        return event

    def _event(self, row: Any) -> Event:
        if isinstance(row, RequestRow):
            return RequestSent(**_fields(row, adds=self._adds(row), session=self._session))
        if isinstance(row, StartedRow):
            arguments = self._arguments(row)
            return ToolCallStarted(**_fields(row, arguments=arguments, session=self._session))
        if isinstance(row, AskedRow):
            arguments = self._arguments(row)
            return ApprovalRequested(**_fields(row, arguments=arguments, session=self._session))
        event: Event = row
        if not event.session:
            structs.force_setattr(event, "session", self._session)
        return event

    def _run(self, kind: type[ReasoningDelta | TextDelta], row: ReasoningRow | TextRow) -> Run:
        checked(kind, len(row.ms), len(row.text))
        if max(row.ms) > _FAR or min(row.ms) < -_FAR:
            raise ValueError(f"{kind.__name__} has a time that is too large, in ms")
        place: Any = row
        sub = row.sub
        if not sub:
            if self._told.last is None:
                raise ValueError(f"{kind.__name__} has no place, and no line before has one")
            place = self._told.last
            sub = place.sub + 1
        begin = milliseconds(place.time)
        return Run(
            *(kind, self._session, place.seq, sub, place.turn, place.step),
            *(begin, row.ms, row.text),
        )

    def _adds(self, row: RequestRow) -> list[dict[str, Any]]:
        known = self._told.saying
        unknown = [each for each in row.adds if isinstance(each, int) and each not in known]
        if unknown:
            raise ValueError(
                f"RequestSent adds what the event of seq {unknown[0]} says, and no line since the "
                "request before has that event"
            )
        _refuse_floods(row.adds, known)
        return [message_of(known[each]) if isinstance(each, int) else each for each in row.adds]

    def _arguments(self, row: StartedRow | AskedRow) -> dict[str, Any]:
        if row.arguments is not None:
            return row.arguments
        found = self._told.arguments(row.call_id)
        if found is None:
            raise ValueError(
                f"the row has no arguments, and no line before says those of the call "
                f"{row.call_id!r}"
            )
        return found


def _refuse_floods(adds: list[dict[str, Any] | int], known: dict[int, Event]) -> None:
    """Pass where messages that stand for events are not too many times too much."""
    counts = Counter(each for each in adds if isinstance(each, int))
    repeated = {seq: count - 1 for seq, count in counts.items() if count > 1}
    size = sum(len(msgspec.json.encode(known[seq])) * more for seq, more in repeated.items())
    if size > _REPEATED:
        raise ValueError(f"RequestSent adds the same messages again and again: {size} bytes")


def _fields(row: RequestRow | StartedRow | AskedRow, **instead: Any) -> dict[str, Any]:
    return structs.asdict(row) | instead
