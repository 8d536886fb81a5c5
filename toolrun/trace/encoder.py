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
    from toolrun.trace.runs import Recorded

_encode_lines = msgspec.json.Encoder().encode_lines


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
        redactor = self._redactor
        if redactor is None:
            return _encode_lines(self._rows.of(events))
        events = redactor.muted(events)
        rows = self._rows.of(events)
        try:
            lines = _encode_lines(rows)
            if redactor.passes(lines, rows):
                return lines
        except UnicodeEncodeError:  # half a surrogate pair: not JSON, and not worth a session
            pass
        # Rows are made of what may be written: so what they leave out is what the lines say.
        self._rows.undo()
        parts = _parted(single(events))
        return b"".join(_encode_lines(self._rows.of(redactor.clean(part))) for part in parts)


def _parted(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """The events, up to each durable one: texts end there, and others begin."""
    begin = 0
    for at, event in enumerate(events, 1):
        if event.durable or at == len(events):
            yield events[begin:at]
            begin = at
