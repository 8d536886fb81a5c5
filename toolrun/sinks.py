"""Who may hear of a session's events, and what is expected of them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import Durable, Event


class Sink(Protocol):
    """Somebody who hears of sessions' events: an audit log, metrics, a store, a stream.

    One sink may hear of many sessions at once; an event says which one it is of (`session`).
    """

    @property
    def observes(self) -> bool:
        """Whether observed events are wanted too: making them costs."""
        ...

    def observe(self, event: Event) -> None:
        """Take note of an observed event; must not block and not raise.

        One that keeps them may have a `flush`, too: it is called where many have come since the
        last durable event, or for long. One that needs no event for each piece of a text may have
        an `observe_run`: it is handed the pieces of one read as a `Run`.

        One that wants to be there while a turn, a step or a call is under way may have a `within`:
        it takes a `toolrun.scopes.Scope` and returns a context manager, which is entered and left
        in the context of what happens inside; it gives its traceparent, or "". It must not raise.
        One that has a `stored` is told how many seconds each durable event took to be stored, where
        there is a store.

        Args:
            event: as it happened.
        """

    async def record(self, event: Durable) -> None:
        """Return when a durable event is as safe as this sink makes it.

        What it raises ends the turn: nothing goes on that could not be recorded.

        Args:
            event: to keep.
        """


class Storing(Sink, Protocol):
    """A sink that takes its time: those behind it hear of an event once it is stored, in order.

    What they would hear of in between waits, too: so they hear of nothing before what came before.
    """

    collecting: bool
    """Whether events only come together until they are stored as one."""

    async def record_all(self, events: Sequence[Durable] = ()) -> None:
        """Store events, and what came together: all of it, or nothing."""


def is_storing(sink: Sink) -> TypeGuard[Storing]:
    """Whether it stores; each stream asks, and `isinstance` of a protocol takes 50 µs a sink."""
    return hasattr(sink, "record_all")
