"""How are pieces of a text that follow each other held, where nobody looks at each of them?

A stream tells of each token, a network read of many at once. Whoever passes them on, or goes
through a trace of a million of them to find the steps, has them as the lines of a trace have them:
a column of times and one of texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, repeat
from typing import ClassVar

from msgspec import Struct

from toolrun.events import Event, ReasoningDelta, TextDelta


class Run(Struct, frozen=True, gc=False):
    """Pieces of one text that follow each other.

    Attributes:
        of: their type.
        session, seq, turn, step: of all of them.
        sub: of the first; each of the others has one more.
        begin: what their times count from, in milliseconds since the epoch.
        gaps: milliseconds since the piece before, of the first since `begin`; none are given where
            all came at that time, with one read.
        texts: of each.
    """

    durable: ClassVar[bool] = False
    """See `Event`."""

    of: type[ReasoningDelta | TextDelta]
    session: str
    seq: int
    sub: int
    turn: int
    step: int
    begin: int
    gaps: Sequence[int]
    texts: Sequence[str]

    def __len__(self) -> int:
        """How many pieces there are."""
        return len(self.texts)

    @property
    def time(self) -> float:
        """When the first one came, in seconds since the epoch."""
        return (self.begin + (self.gaps[0] if self.gaps else 0)) / 1000

    @property
    def last(self) -> ReasoningDelta | TextDelta:
        """The last piece alone."""
        return self.of(
            self.texts[-1],
            session=self.session,
            seq=self.seq,
            sub=self.sub + len(self.texts) - 1,
            time=(self.begin + sum(self.gaps)) / 1000,
            turn=self.turn,
            step=self.step,
        )

    def events(self) -> list[Event]:
        """The events that they are."""
        session, seq, turn, step = self.session, self.seq, self.turn, self.step
        kind = self.of
        times = accumulate(self.gaps or repeat(0, len(self.texts)), initial=self.begin)
        next(times)
        return [
            kind(text, session=session, seq=seq, sub=sub, time=at / 1000, turn=turn, step=step)
            for sub, (text, at) in enumerate(zip(self.texts, times, strict=True), self.sub)
        ]
