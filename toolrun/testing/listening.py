"""What happened in a session? `Events` hears of it, for a test to look at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from toolrun.blocking import BlockingSession
from toolrun.events import AssistantMessage, Event, Retried, TextDelta

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.events import Durable
    from toolrun.session import Session

E = TypeVar("E", bound=Event)


class Events(list[Event]):
    """A list that events are added to as they happen; a sink: `Runtime(sinks=[events])`.

    The events of all sessions that have it as a sink, in order of arrival; each says in `session`
    whose it is.
    """

    observes = True
    """Internal: see `Sink.observes`."""

    def observe(self, event: Event) -> None:
        """Internal: see `Sink.observe`."""
        self.append(event)

    async def record(self, event: Durable) -> None:
        """Internal: see `Sink.record`."""
        self.append(event)

    def of(self, *kinds: type[E]) -> list[E]:
        """The events of these kinds, in order.

        Args:
            *kinds: classes of events.
        """
        return [event for event in self if isinstance(event, kinds)]

    def names(self) -> list[str]:
        """The name of each event, in order: `["SessionOpened", "UserMessage", ...]`."""
        return [type(event).__name__ for event in self]

    def text(self) -> str:
        """What was streamed to the user, without what a retry made void."""
        whole = step = ""
        for event in self:
            match event:
                case TextDelta(text=text):
                    step += text
                case Retried():
                    step = ""
                case AssistantMessage():
                    whole, step = whole + step, ""
        return whole + step


@contextmanager
def capture(session: Session | BlockingSession) -> Iterator[Events]:
    """Hear of a session that is open already, for as long as the context lasts.

    A session's first events, such as SessionOpened, are heard by `Runtime(sinks=[events])` alone.

    Args:
        session: an open one, blocking or not.
    """
    inner = session._session if isinstance(session, BlockingSession) else session  # noqa: SLF001 - one room of the house
    journal = inner._journal  # noqa: SLF001 - as above
    events = Events()
    journal.add(events)
    try:
        yield events
    finally:
        journal.remove(events)
