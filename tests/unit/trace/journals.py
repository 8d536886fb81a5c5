"""Journals built by hand: events as a session records them, and files of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import anyio

from toolrun.events import (
    AssistantMessage,
    Durable,
    Event,
    ReasoningDelta,
    SessionOpened,
    StepFinished,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    TurnFinished,
    UserMessage,
)
from toolrun.journal import Journal
from toolrun.trace.writer import TraceSink
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

OPENED = SessionOpened("0.1.0", "2026-01-02", {"model": "m"}, [])

ONE_CALL: tuple[Event, ...] = (
    OPENED,
    UserMessage("How long is notes.txt?"),
    ReasoningDelta("I have to "),
    ReasoningDelta("count."),
    TextDelta("Let me see."),
    StepFinished(0.25, 0.125),
    AssistantMessage(
        "Let me see.",
        "I have to count.",
        (ToolCall("c1", "word_count", '{"path": "notes.txt"}'),),
        "tool_calls",
    ),
    ToolCallStarted("c1", "word_count", {"path": "notes.txt"}, "workspace-ro"),
    ToolOutput("c1", "stdout", "reading\n"),
    ToolCallFinished("c1", "word_count", ToolResult("7", "ok", 0.5)),
    TextDelta("Seven words, naïve ones."),
    StepFinished(0.25, 0.125),
    AssistantMessage("Seven words, naïve ones.", "The tool says 7.", (), "stop"),
    TurnFinished("finished"),
)


async def write(
    path: Path,
    events: Iterable[Event],
    *,
    session: str = "s",
    secrets: Sequence[str] = (),
    tick: float = 1.0,
) -> TraceSink:
    """Record events as a session would; the clock ticks by so many seconds an event."""
    ticks = itertools.count(1_700_000_000, tick)
    sink = TraceSink(path, session=session, secrets=secrets, clock=lambda: 1_700_000_000.0)
    await record(Journal(session, [sink], clock=lambda: float(next(ticks))), events)
    sink.close()
    return sink


async def record(journal: Journal, events: Iterable[Event]) -> None:
    """Let events happen."""
    for event in events:
        if isinstance(event, Durable):
            await journal.record(event)
        else:
            journal.observe(event)


def written(
    path: Path, events: Iterable[Event], *, session: str = "s", secrets: Sequence[str] = ()
) -> bytes:
    """The bytes of the trace of these events."""

    async def record() -> None:
        await write(path, events, session=session, secrets=secrets)

    anyio.run(record)
    return path.read_bytes()
