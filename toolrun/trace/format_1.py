"""What do the lines of format 1 say? Frozen: traces of this format are read for ever.

Toolrun wrote it before its first release. Each row holds its whole place and the session; pieces of
a streamed text that follow each other are one row, `Deltas`. Times had fractions of milliseconds,
which readers round off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from toolrun.events import AnyEvent, Event, ReasoningDelta, TextDelta

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def events(self) -> Iterator[Event]:
        """The events that they were.

        Raises:
            ValueError: the columns are of different lengths, or empty.
        """
        if len(self.time) != len(self.text) or not self.text:
            raise ValueError(
                f"Deltas has {len(self.time)} times and {len(self.text)} texts, where each piece "
                "has one of both"
            )
        kind = TextDelta if self.of == "TextDelta" else ReasoningDelta
        for number, (time, text) in enumerate(zip(self.time, self.text, strict=True)):
            yield kind(
                text,
                session=self.session,
                seq=self.seq,
                sub=self.sub + number,
                time=round(time, 3),
                turn=self.turn,
                step=self.step,
            )


_row: msgspec.json.Decoder[Event | Deltas] = msgspec.json.Decoder(AnyEvent | Deltas)


class Format1:
    """Reads the rows of a session."""

    schema = SCHEMA

    def __init__(self, session: str) -> None:
        del session  # each row has it

    def events(self, line: bytes) -> list[Event]:
        """The events of the next line.

        Raises:
            ValueError: the line is no row.
        """
        row = _row.decode(line)
        if isinstance(row, Deltas):
            return list(row.events())
        msgspec.structs.force_setattr(row, "time", round(row.time, 3))
        return [row]
