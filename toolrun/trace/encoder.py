"""How do events become the lines of a file? Rows, without secrets, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from toolrun.trace.rows import Rows
from toolrun.trace.runs import single

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.trace.redact import Redactor
    from toolrun.trace.rows import Row
    from toolrun.trace.runs import Recorded

_encoder = msgspec.json.Encoder()


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
        return _encoder.encode_lines(self._rows.of(self._redactor.clean(single(events))))


def _encoded(rows: Sequence[Row]) -> list[bytes] | None:
    try:
        return [_encoder.encode_lines((row,)) for row in rows]
    except UnicodeEncodeError:  # half a surrogate pair: not JSON, and not worth a session
        return None
