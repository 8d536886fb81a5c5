"""How does a session begin with what a store has of another one, which cannot be driven from here?

Another process holds that one, or some of its events are damaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from toolrun.errors import ConfigError
from toolrun.events import UserMessage
from toolrun.journal import Journal
from toolrun.resuming import pinned
from toolrun.state import fold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from toolrun.events import Durable
    from toolrun.options import Options
    from toolrun.runtime import Runtime
    from toolrun.session import Session


def copied(
    runtime: Runtime, parent: str, events: Sequence[Durable], **options: Unpack[Options]
) -> Session:
    """A new session that begins with another's events, as a fork does; enter it by `async with`.

    Args:
        runtime: whose session it will be.
        parent: the id of the other.
        events: of the other, from its first on.
        **options: what shall differ from the other's settings.

    Raises:
        ConfigError, ToolDefinitionError: there is no event; an option or a tool does not fit.
        StoreError: the settings of the other are none.
    """
    if not events:
        raise ConfigError(f"nothing of session {parent!r} is whole: there is nothing to begin with")
    state = fold(events)
    journal = Journal(parent)
    journal.take_up(state, events[-1].seq)
    mine: dict[str, Any] = {**pinned(runtime, state), **options}
    session = runtime.session(None, **cast("Options", mine))
    session._begin_as(journal)  # noqa: SLF001 - its maker
    return session


def before_running_turn(events: Sequence[Durable]) -> Sequence[Durable]:
    """The events before the turn that runs, where one does: its calls are another process's."""
    if not fold(events).running:
        return events
    begins = max(at for at, event in enumerate(events) if isinstance(event, UserMessage))
    return events[:begins]
