"""Which recorded call is the one that is made, and how is a request shortened as it was?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolrun.events import (
    NOT_SUMMARISED,
    Compacted,
    EgressDecided,
    Event,
    FileChanged,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    Warned,
)
from toolrun.trace.calls import RecordedCalls
from toolrun.trace.fitting import RecordedFitting
from toolrun.values import FileChange, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = FileChange(path="f", change="deleted")
DONE, CUT = ToolResult("done", "ok"), ToolResult("", "cancelled")
EVENTS: list[Any] = [
    Warned("first", "what the session began with"),
    ToolCallStarted("a", "look", {"at": 1}),
    ToolOutput("a", "stdout", "printed"),
    ToolOutput("another", "stdout", "nobody's"),
    FileChanged("a", "f", "deleted"),
    FileChanged("another", "f", "deleted"),
    ToolCallFinished("a", "look", DONE),
    ToolCallFinished("b", "look", CUT),
    ToolCallFinished("c", "look", DONE),
]


def test_a_call_has_what_it_told_and_changed_and_nothing_of_others() -> None:
    call = RecordedCalls(EVENTS).take("look", "a", {"at": 1})

    assert call is not None
    assert [call.begin, call.end, call.result] == [1, 6, DONE]
    assert call.told == [EVENTS[2]]
    assert call.changes == [FILE]
    assert not call.cut


def test_a_call_that_was_cancelled_before_it_ran_is_found_once() -> None:
    calls = RecordedCalls(EVENTS)

    found = calls.of("look", "b")
    assert found is not None
    assert found.cut
    assert found.end == 7
    assert calls.of("look", "b") is None
    assert calls.of("look", "c") is None  # it ended well, but nobody knows what began


class Journal:
    """Notes what is done."""

    def __init__(self) -> None:
        self.done: list[Event] = []

    def report(self, event: Event) -> None:
        self.done.append(event)

    async def record(self, event: Event) -> None:
        self.done.append(event)


class Meter:
    steps = 0


WARNED = Warned(NOT_SUMMARISED, "the model gave none")
SHORT, SAID = Compacted(), Compacted(summary="what was said")


@pytest.mark.parametrize(
    ("following", "done", "fits", "steps"),
    [
        ([None], [], False, 0),
        ([EVENTS[1]], [], False, 0),
        ([SHORT], [SHORT], True, 0),
        ([SAID], [SAID], True, 1),
        ([WARNED, Warned(NOT_SUMMARISED, "nor now"), SHORT], [WARNED, None, SHORT], True, 2),
        ([WARNED, WARNED], [WARNED], False, 1),
    ],
)
async def test_a_request_is_shortened_as_it_was(
    following: list[Any],
    done: list[Any],
    fits: bool,  # noqa: FBT001 - of the test
    steps: int,
) -> None:
    left: Iterator[Any] = iter(following)
    journal: Any = Journal()
    meter: Any = Meter()
    request: Any = None

    assert await RecordedFitting(lambda: next(left)).fit(journal, request, meter) == fits

    assert len(journal.done) == len(done)
    assert journal.done[:1] == done[:1]
    assert journal.done[-1:] == done[-1:]
    assert meter.steps == steps


@pytest.mark.parametrize(("event", "done"), [(SAID, [SAID]), (WARNED, []), (None, [])])
async def test_a_summary_is_the_recorded_one(event: Any, done: list[Any]) -> None:
    journal: Any = Journal()
    request: Any = None

    assert await RecordedFitting(lambda: event).summarise(journal, request, 1) == bool(done)

    assert journal.done == done


def test_hosts_are_told_of_a_running_call_alone() -> None:
    asked = EgressDecided("a", "host", 443, "CONNECT", allowed=False)
    call = RecordedCalls([*EVENTS[:2], asked, *EVENTS[6:], asked]).of("look", "a")

    assert call is not None
    assert call.told == [asked]
