"""How does a replay shorten what is sent? As it was recorded, whatever this machine would count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.events import NOT_SUMMARISED, Compacted, Warned

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.errors import ContextTooLong
    from toolrun.events import Event
    from toolrun.journal import Journal
    from toolrun.limits import Meter
    from toolrun.models.model import Request


class RecordedFitting:
    """Does what a trace says that was done about requests that were too long.

    Args:
        following: gives the event that comes next in the trace, where it is one of these.
    """

    def __init__(self, following: Callable[[], Event | None]) -> None:
        self._following = following

    async def fit(self, journal: Journal, request: Request, meter: Meter) -> bool:  # noqa: ARG002 - the protocol's
        """Shorten what is sent where the recorded session did."""
        event = self._following()
        while isinstance(event, Warned) and event.code == NOT_SUMMARISED:
            meter.steps += 1
            happened = event
            journal.report(Warned(event.code, event.message))
            event = self._following()
            if event is happened:  # it is not as recorded, and the comparison has said so
                return False
        if not isinstance(event, Compacted):
            return False
        meter.steps += bool(event.summary)
        await journal.record(event)
        return True

    async def refused(
        self,
        journal: Journal,
        request: Request,
        meter: Meter,
        error: ContextTooLong,  # noqa: ARG002 - the protocol's
    ) -> bool:
        """The same, where a server had refused a request."""
        return await self.fit(journal, request, meter)

    async def summarise(self, journal: Journal, request: Request, keep_turns: int) -> bool:  # noqa: ARG002 - the protocol's
        """Shorten what is sent as the recorded session did where somebody asked for it."""
        event = self._following()
        if not isinstance(event, Compacted):
            return False
        await journal.record(event)
        return True
