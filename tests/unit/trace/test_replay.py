"""Does any session, however it went, happen again from its trace?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.trace.journals import ONE_CALL, OPENED, write
from toolrun import Approve, Deny, MalformedOutput, ServerStatus, Session
from toolrun.errors import ReplayMismatch, ServerError, TraceError
from toolrun.events import (
    NOT_RESTORED,
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    Compacted,
    Event,
    LimitReached,
    RequestSent,
    SettingsChanged,
    TextDelta,
    ToolCallFinished,
    TurnFinished,
    UserMessage,
    Warned,
)
from toolrun.journal import Journal
from toolrun.state import fold
from toolrun.testing import ScriptedModel
from toolrun.testing.replay import replay_trace
from toolrun.trace.acts import Compact, Decide, Stop, Turn
from toolrun.trace.header import TraceHeader
from toolrun.trace.plan import Plan
from toolrun.trace.reader import Trace, read_trace
from toolrun.trace.replay import failure
from toolrun.trace.shown import difference
from toolrun.trace.writer import TraceSink
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from pathlib import Path


def _plan(*events: Event) -> Plan:
    header = TraceHeader(format=1, toolrun="1", session="s", created=0.0)
    return Plan.from_trace(Trace(header, [OPENED, *events]))


CANCELLED = ToolCallFinished("c", "f", ToolResult("stopped", "cancelled"))
PARKED = (
    UserMessage("a"),
    AssistantMessage(tool_calls=(ToolCall("c", "f", "{}"),)),
    ApprovalRequested("c", "f", {}, "asks"),
    TurnFinished("parked"),
)

LIMITED = (UserMessage("a"), LimitReached("steps", 1), TurnFinished("limited"))
SHORTER = Compacted(covers=1, summary="They spoke.")
REQUEST = RequestSent("d", 1, [])


def _turn(
    text: str | None, status: Any, stop: Stop | None, end: int, *, stream: bool = False
) -> Turn:
    return Turn(text, stream, status, stop, end)


@pytest.mark.parametrize(
    ("events", "acts"),
    [
        ((), []),
        ((UserMessage("a"), TurnFinished("finished")), [_turn("a", "finished", None, 3)]),
        ((UserMessage("a"),), [_turn("a", None, Stop(2, "end"), 2)]),
        (
            (UserMessage("a"), CANCELLED, TurnFinished("cancelled"), TurnFinished("cancelled")),
            [
                _turn("a", "cancelled", Stop(2, "cancelled"), 4),
                _turn(None, "cancelled", Stop(4, "cancelled"), 5),
            ],
        ),
        (
            (UserMessage("a"), LimitReached("seconds", 1), CANCELLED, TurnFinished("limited")),
            [_turn("a", "limited", Stop(2, "seconds", seconds=1), 5)],
        ),
        (
            (UserMessage("a"), LimitReached("steps", 1), TurnFinished("limited")),
            [_turn("a", "limited", None, 4)],
        ),
        (
            (UserMessage("a"), TurnFinished("failed", "X: y")),
            [_turn("a", "failed", Stop(2, "failed", "X: y"), 3)],
        ),
        (
            (*PARKED, ApprovalDecided("c", "deny", reason="no")),
            [_turn("a", "parked", None, 5), Decide("c", Deny("no"))],
        ),
        (
            (*PARKED, ApprovalDecided("c", "approve"), CANCELLED, TurnFinished("finished")),
            [
                _turn("a", "parked", None, 5),
                Decide("c", Approve()),
                _turn(None, "finished", None, 8),
            ],
        ),
        (
            (*LIMITED, SHORTER, REQUEST, AssistantMessage("b"), TurnFinished("finished")),
            # What was shortened within a turn is that turn's.
            [_turn("a", "limited", None, 4), _turn(None, "finished", None, 8)],
        ),
        (
            (
                *LIMITED,
                SHORTER,
                SHORTER,
                Warned("w", "w"),
                UserMessage("b"),
                TurnFinished("finished"),
            ),
            [_turn("a", "limited", None, 4), Compact(), Compact(), _turn("b", "finished", None, 9)],
        ),
        (
            (*LIMITED, SHORTER),
            [_turn("a", "limited", None, 4), Compact()],
        ),
        (
            (*PARKED, CANCELLED, UserMessage("b"), TextDelta("x"), TurnFinished("finished")),
            [_turn("a", "parked", None, 5), _turn("b", "finished", None, 9, stream=True)],
        ),
    ],
)
def test_what_the_user_did_follows_from_the_events(
    events: tuple[Event, ...], acts: list[Any]
) -> None:
    assert _plan(*events).acts == acts


def test_what_a_session_began_with_is_told_from_its_turns() -> None:
    plan = _plan(
        UserMessage("old"), AssistantMessage("answer"), UserMessage("new"), TurnFinished("finished")
    )
    assert [message.content for message in fold(plan.history).transcript] == ["old", "answer"]
    assert [act.text for act in plan.acts if isinstance(act, Turn)] == ["new"]


def _resumed(*events: Event, at: int) -> Plan:
    """Of a session that another process went on with, before the event of a number."""
    header = TraceHeader(format=1, toolrun="1", session="s", created=0.0)
    every = [OPENED, *events]
    return Plan.from_trace(Trace(header, every, lines=range(2, 2 + len(every)), breaks=[at]))


def test_another_process_may_have_gone_on_between_turns_alone() -> None:
    decided = (*PARKED, ApprovalDecided("c", "approve"))
    done = (CANCELLED, TurnFinished("finished"))
    for at in (5, 6):  # before the decision, which makes no turn, and behind it
        assert len(_resumed(*decided, *done, at=at).acts) == 3
    assert _resumed(Warned("w", "w"), UserMessage("a"), TurnFinished("finished"), at=1).acts
    assert _resumed(Warned("w", "w"), UserMessage("a"), TurnFinished("finished"), at=2).acts
    with pytest.raises(TraceError, match="line 9: here another process went on in the middle") as e:
        _resumed(*decided, *done, at=7)
    assert e.value.line == 9


def test_a_session_whose_settings_changed_is_not_replayed() -> None:
    with pytest.raises(TraceError, match="settings changed") as caught:
        _plan(SettingsChanged({"effort": "low"}))
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ServerUnreachable: no server: at x", ServerError),
        ("ServerStatus: busy", ServerStatus),
        ("ServerTimeout: nothing came", ServerError),
        ("MalformedOutput: ", MalformedOutput),
        ("KeyError: 'a: b'", Exception),
    ],
)
def test_a_failure_is_raised_as_it_was_recorded(text: str, kind: type[Exception]) -> None:
    error = failure(text)
    assert isinstance(error, kind)
    assert f"{type(error).__name__}: {error}" == text


async def test_a_journal_that_no_session_writes_is_no_replay(tmp_path: Path) -> None:
    await write(tmp_path / "t.jsonl", ONE_CALL)
    with pytest.raises(ReplayMismatch, match=r"line 4 \(ReasoningDelta.*: step: .*nothing, seen 1"):
        await replay_trace(tmp_path / "t.jsonl")
    assert len(read_trace(tmp_path / "t.jsonl").events) == len(ONE_CALL)


async def test_what_is_recorded_behind_the_last_turn_has_to_happen(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    async with Session(id="s", model=ScriptedModel("Yes."), trace=path) as session:
        await session.ask("Well?")
        await session.undo()
    assert (await replay_trace(path)).turns == 1
    sink = TraceSink(path, session="s", append=True)
    journal = Journal("s", [sink])
    for event in read_trace(path).events:
        journal.state.apply(event)
        journal.seq = event.seq
    journal.report(Warned(NOT_RESTORED, "not restored: notes.txt"))
    sink.close()

    with pytest.raises(ReplayMismatch, match=r"\(Warned.*\): expected, but the turn ended"):
        await replay_trace(path)


@pytest.mark.parametrize(
    ("expected", "seen", "named"),
    [
        (UserMessage("a", seq=1), UserMessage("b", seq=2), ("content", "'a'", "'b'")),
        (UserMessage("a", seq=1), UserMessage("a", seq=2), ("seq", "1", "2")),
        (UserMessage("a", time=1.5), UserMessage("a"), ("time", "1.5", "nothing")),
        (UserMessage("a"), TurnFinished("failed"), ("type", "'UserMessage'", "'TurnFinished'")),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("a[1].b", "2", "3")),
        ({"a": [1]}, {"a": [1, 2]}, ("a[1]", "nothing", "2")),
        ({"a": 1}, {"a": 1.0}, ("a", "1", "1.0")),
        ({"a": True}, {"a": 1}, ("a", "true", "1")),
    ],
)
def test_the_first_difference_is_named(expected: Any, seen: Any, named: tuple[str, ...]) -> None:
    assert difference(expected, seen) == named


def test_of_long_texts_the_place_where_they_part_is_shown() -> None:
    where, before, after = difference({"a": "x" * 5000 + "1"}, {"a": "x" * 5000 + "2"})
    assert where == "a"
    assert before.endswith("x1'")
    assert after.endswith("x2'")
    assert len(before) < 200
