"""Whose are the settings, the limits and the waits of a session that is replayed?

What a session does by itself is done again, and so these are real. Only what time does to it comes
from the trace: a turn's time runs out where it ran out, and a wait takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio.lowlevel
from msgspec import structs

from toolrun.limits import Limits, Meter
from toolrun.options import Settings
from toolrun.retries import Retries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolrun.errors import ServerError
    from toolrun.trace.cursor import Cursor


class Unhurried(Limits, frozen=True):
    """Limits whose time only runs out where the trace says so."""

    def meter(self, clock: Callable[[], float]) -> Meter:
        """See `Limits.meter`."""
        return _UnhurriedMeter(self, clock)


class _UnhurriedMeter(Meter):
    def remaining(self) -> float | None:
        return None


class RecordedWaits(Retries, frozen=True):
    """Retries where the trace has them, after the waits that it has."""

    def wait(self, error: ServerError, attempt: int, key: str) -> float | None:  # noqa: ARG002 - as `Retries.wait`
        """See `Retries.wait`."""
        return error.retry_after


class Unwaiting:
    """The trace's clock, by which no wait takes any time."""

    def __init__(self, cursor: Cursor) -> None:
        self.time: Callable[[], float] = cursor.now

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - the cursor keeps the pace
        """See `Clock.sleep`."""
        await anyio.lowlevel.checkpoint()


class RecordedSettings(Settings, frozen=True):
    """Settings that say of themselves what they are given to say."""

    recorded: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it

    def as_dict(self) -> dict[str, Any]:
        """See `Settings.as_dict`."""
        return self.recorded


def replayed(settings: Settings, said: Mapping[str, Any]) -> RecordedSettings:
    """Settings of a session without time of its own.

    Args:
        settings: what the session goes by.
        said: what it says of them in its journal.
    """
    fields = {name: getattr(settings, name) for name in Settings.__struct_fields__}
    fields["limits"] = Unhurried(**structs.asdict(settings.limits))
    fields["retries"] = RecordedWaits(**structs.asdict(settings.retries))
    return RecordedSettings(**fields, recorded=dict(said))
