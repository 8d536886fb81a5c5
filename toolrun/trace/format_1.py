"""What do the lines of format 1 say? Frozen: traces of this format are read for ever.

Toolrun wrote it before its first release. Each row holds its whole place and the session; pieces of
a streamed text that follow each other are one row, `Deltas`. Times had fractions of milliseconds,
which readers round off.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from toolrun.events import AnyEvent, Event, ReasoningDelta, TextDelta
from toolrun.trace.rows import milliseconds
from toolrun.trace.runs import Run, checked

if TYPE_CHECKING:
    from toolrun.trace.runs import Recorded

NUMBER = 1
SCHEMA = "trace-1"


class Deltas(Struct, frozen=True, tag=True, tag_field="type", gc=False):
    """Pieces of one text that follow each other.

    Attributes:
        of: the type of the events.
        sub: of the first one; each of the others has one more.
        time: of each, in seconds since the epoch.
        text: of each.
    """

    of: Literal["ReasoningDelta", "TextDelta"]
    session: str
    seq: int
    sub: int
    turn: int
    step: int
    time: list[float]
    text: list[str]

    def run(self) -> Run:
        """The pieces that they were.

        Raises:
            ValueError: the columns are of different lengths, or empty.
        """
        kind = TextDelta if self.of == "TextDelta" else ReasoningDelta
        checked(kind, len(self.time), len(self.text))
        times = [milliseconds(time) for time in self.time]
        gaps = [0, *(after - before for before, after in pairwise(times))]
        return Run(
            *(kind, self.session, self.seq, self.sub, self.turn, self.step),
            *(times[0], gaps, self.text),
        )


_row: msgspec.json.Decoder[Event | Deltas] = msgspec.json.Decoder(AnyEvent | Deltas)


class Format1:
    """Reads the rows of a session."""

    schema = SCHEMA

    def __init__(self, session: str) -> None:
        del session  # each row has it

    def recorded(self, line: bytes) -> Recorded:
        """What the next line holds.

        Raises:
            ValueError: the line is no row.
        """
        row = _row.decode(line)
        if isinstance(row, Deltas):
            return row.run()
        msgspec.structs.force_setattr(row, "time", round(row.time, 3))
        return row
