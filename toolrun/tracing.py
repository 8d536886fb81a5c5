"""Where does the trace of a session go on that another process has left?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolrun.events import SessionOpened
from toolrun.trace import layout
from toolrun.trace.header import beside, default_trace_path
from toolrun.trace.recording import GoingOn, Recording
from toolrun.trace.rewind import rewind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.events import Durable
    from toolrun.trace.writer import TraceSink


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
