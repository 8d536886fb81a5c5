"""What did a test hear of a session? Sinks that keep the events as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolrun.events import Durable, Event, Retried


class Heard:
    """Keeps the durable events."""

    observes = False

    def __init__(self) -> None:
        self.events: list[Durable] = []

    def observe(self, event: Event) -> None:
        """See `Sink.observe`: nothing is wanted."""

    async def record(self, event: Durable) -> None:
        """See `Sink.record`."""
        self.events.append(event)


class Listener:
    """Keeps all events."""

    observes = True

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        """See `Sink.observe`."""
        self.events.append(event)

    async def record(self, event: Durable) -> None:
        """See `Sink.record`."""
        self.events.append(event)

    @property
    def retried(self) -> list[Retried]:
        """How often a step was sampled again, and why."""
        from toolrun.events import Retried

        return [each for each in self.events if isinstance(each, Retried)]

    @property
    def durable(self) -> list[str]:
        """The kinds of the durable events, in order."""
        return [type(each).__name__ for each in self.events if each.durable]
