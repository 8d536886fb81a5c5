"""How do events become the lines of a file? Rows, without secrets, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from toolrun.trace.rows import Rows
from toolrun.trace.runs import single

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.events import Event
    from toolrun.trace.redact import Redactor
    from toolrun.trace.rows import Row
    from toolrun.trace.runs import Recorded

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


class LineEncoder:
    """Encodes the events of one session, in their order.

    Args:
        redactor: takes the secrets out; None: there are none, since they come from a trace.
    """

    def __init__(self, redactor: Redactor | None) -> None:
        self._redactor = redactor
        self._rows = Rows()

    def lines(self, events: Sequence[Recorded]) -> bytes:
        """Events that follow those before, as lines, each with its newline.

        Nearly always there is no secret in them: the lines are made first, and looked at once.
        """
        if self._redactor is None:
            return _encoder.encode_lines(self._rows.of(events))
        events = self._redactor.muted(events)
        rows = self._rows.of(events)
        lines = _encoded(rows)
        if lines is not None and self._redactor.passes(lines, rows):
            return b"".join(lines)
        # Rows are made of what may be written: so what they leave out is what the lines say.
        self._rows.undo()
        lines = []
        for part in _parted(single(events)):
            rows = self._rows.of(self._redactor.clean(part))
            lines.append(_encoder.encode_lines(rows))
        return b"".join(lines)


def _parted(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """The events, up to each durable one: texts end there, and others begin."""
    begin = 0
    for at, event in enumerate(events, 1):
        if event.durable or at == len(events):
            yield events[begin:at]
            begin = at


def _encoded(rows: Sequence[Row]) -> list[bytes] | None:
    try:
        return [_encode(row) + b"\n" for row in rows]
    except UnicodeEncodeError:  # half a surrogate pair: not JSON, and not worth a session
        return None
