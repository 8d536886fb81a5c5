"""Where does the trace of a session lie, and where does that go on which another process left?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolrun.errors import ConfigError
from toolrun.events import SessionOpened
from toolrun.trace import layout
from toolrun.trace.header import beside, default_trace_path
from toolrun.trace.recording import GoingOn, Recording
from toolrun.trace.rewind import rewind
from toolrun.trace.sink import trace_sink

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolrun.events import Durable
    from toolrun.journal import Journal
    from toolrun.known import Known
    from toolrun.trace.writer import TraceSink


class Traces:
    """The traces of a runtime's sessions: the first has the file that was named."""

    def __init__(self) -> None:
        self._taken = False

    def sink(
        self,
        recording: Recording | None,
        journal: Journal,
        *,
        is_own: bool,
        secrets: Iterable[str],
        known: Sequence[Known],
    ) -> TraceSink | None:
        """The sink for the trace of a session; None where none is wanted.

        Args:
            recording: what was asked for.
            journal: of the session.
            is_own: whether its path is meant for this session alone.
            secrets: see `trace_sink`.
            known: see there, too.

        Raises:
            ConfigError: its path is a folder.
        """
        if recording is None:
            return None
        path = self._path(recording, journal.session, is_own=is_own)
        return trace_sink(path, recording, journal, secrets=secrets, known=known)

    def _path(self, recording: Recording, session: str, *, is_own: bool) -> Path:
        if recording.path is True:
            return default_trace_path(session)
        path = Path(recording.path)
        if path.is_dir():
            raise ConfigError(f"trace: {str(path)!r} is a folder; give a file")
        if not is_own:  # one path for all sessions
            path = beside(path, session) if self._taken else path
            self._taken = True
        return path


def going_on(
    recording: Recording, session: str, events: Sequence[Durable], *, is_own: bool
) -> GoingOn:
    """How a session is recorded that has a past; its trace is cut to what is stored.

    Args:
        recording: what was asked for.
        session: the id.
        events: of the session.
        is_own: whether its path is meant for this session alone.
    """
    path = _path(recording, session, is_own=is_own)
    told = rewind(path, session, events[-1].seq)
    fields = {name: getattr(recording, name) for name in Recording.__struct_fields__}
    opened = events[0]
    assert isinstance(opened, SessionOpened)
    return GoingOn(**{**fields, "path": path}, told=told, opened=opened)


def _path(recording: Recording, session: str, *, is_own: bool) -> Path:
    if recording.path is True:
        return default_trace_path(session)
    path = Path(recording.path)
    if is_own or path.is_dir():
        return path
    first = layout.found(path, 1)
    head = None if first is None else layout.head_at(first)
    return path if head is not None and head.session == session else beside(path, session)


async def catch_up(sink: TraceSink | None, told: int, events: Sequence[Durable]) -> None:
    """Tell a trace of the events that it lacks: all of them, where it is a new one."""
    if sink is None:
        return
    for event in events:
        if event.seq > told:
            await sink.record(event)
    if told < events[-1].seq:
        sink.go_on()


def as_new(recording: Recording) -> Recording:
    """The same recording, of a session without a past."""
    fields = {name: getattr(recording, name) for name in Recording.__struct_fields__}
    return Recording(**fields)
