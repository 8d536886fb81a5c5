"""How are the pieces of text that one read of a stream brought told of? Together, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.events import ReasoningDelta, TextDelta

if TYPE_CHECKING:
    from toolrun.events import Event
    from toolrun.models.model import Observe


class Pieces:
    """Gathers pieces until they are told: at the end of a read, and before whatever else is.

    An observer that has a `run` (`journal.Teller`) is told of those of one text by one call.
    """

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._run = getattr(observe, "run", None)
        self._kind: type[ReasoningDelta | TextDelta] = TextDelta
        self._texts: list[str] = []

    def add(self, kind: type[ReasoningDelta | TextDelta], text: str) -> None:
        """Take the next piece."""
        if kind is not self._kind:
            self.tell()
            self._kind = kind
        self._texts.append(text)

    def event(self, event: Event) -> None:
        """Tell of something else, after the pieces before it."""
        self.tell()
        self._observe(event)

    def tell(self) -> None:
        """Tell of those that have come."""
        kind, texts = self._kind, self._texts
        if not texts:
            return
        self._texts = []  # the run keeps the list
        if self._run is not None:
            self._run(kind, texts)
            return
        for text in texts:
            self._observe(kind(text))
