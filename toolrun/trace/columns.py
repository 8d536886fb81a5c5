"""How do the many pieces of a streamed text stand in one line?

A stream tells of each token; as lines of their own, pieces would take many times their text, and
most of the time that a trace takes. Those that follow each other are one line: a column of times
and one of texts. Readers see the events that they were.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from msgspec import Struct

from toolrun.events import Event, ReasoningDelta, TextDelta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_KINDS: Final = {"ReasoningDelta": ReasoningDelta, "TextDelta": TextDelta}


class Deltas(Struct, frozen=True, tag=True, tag_field="type", gc=False):
    """Pieces of one text that follow each other.

    Attributes:
        of: the type of the events.
        sub: of the first one; each of the others has one more.
        time: of each, in seconds since the epoch.
        text: of each.
    """

    durable: ClassVar[bool] = False

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
        kind = _KINDS[self.of]
        for number, (time, text) in enumerate(zip(self.time, self.text, strict=True)):
            yield kind(
                text,
                session=self.session,
                seq=self.seq,
                sub=self.sub + number,
                time=time,
                turn=self.turn,
                step=self.step,
            )


Row: TypeAlias = Event | Deltas
"""What one line of a trace holds."""


def rows(events: Sequence[Event]) -> list[Row]:
    """The lines for events that follow each other, with at most one durable event, the last."""
    found: list[Row] = []
    for kind, run in groupby(events, type):
        if kind is not TextDelta and kind is not ReasoningDelta:
            found += run
            continue
        pieces: list[ReasoningDelta | TextDelta] = list(run)  # type: ignore[arg-type]
        first = pieces[0]
        if len(pieces) == 1:
            found.append(first)
            continue
        found.append(
            Deltas(
                "TextDelta" if kind is TextDelta else "ReasoningDelta",
                first.session,
                first.seq,
                first.sub,
                first.turn,
                first.step,
                [piece.time for piece in pieces],
                [piece.text for piece in pieces],
            )
        )
    return found
