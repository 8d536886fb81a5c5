"""Is a conversation shown again as it was seen, and is it said how it was left?"""

from __future__ import annotations

from pathlib import Path

import pytest

from toolrun import events as ev
from toolrun.cli.chat.sessions.left import left_of
from toolrun.cli.chat.sessions.rows import at_home, row_of
from toolrun.cli.chat.sessions.showing import last_turns, told
from toolrun.cli.chat.sessions.taking_up import deployed, shared
from toolrun.copying import before_running_turn
from toolrun.state import fold
from toolrun.store.contract import Glimpse, SessionInfo
from toolrun.values import ToolCall, ToolResult

OPENED = ev.SessionOpened(
    version="1", date="2026-01-01", settings={}, on_crash={"pay": "never", "look": "rerun"}
)
CALLS = ev.AssistantMessage(
    tool_calls=(
        ToolCall("1", "pay", '{"amount":5}'),
        ToolCall("2", "look", "{}"),
        ToolCall("3", "send", '{"to":"Ada"}'),
        ToolCall("4", "done", "{}"),
        ToolCall("5", "late", "{}"),
    )
)


def turn(text: str) -> list[ev.Durable]:
    return [
        ev.UserMessage(content=text),
        ev.AssistantMessage(content=f"Answer to {text}"),
        ev.TurnFinished(status="finished"),
    ]


def test_what_was_taken_back_is_not_shown() -> None:
    events = [OPENED, *turn("a"), *turn("b"), ev.TurnUndone(), *turn("c"), ev.TurnUndone()]
    assert told(events) == turn("a")


def test_settings_and_files_are_not_shown() -> None:
    changed = ev.FileChanged(call_id="1", path="a", change="created")
    events = [OPENED, ev.SettingsChanged(settings={"effort": "low"}), *turn("a"), changed]
    assert told(events) == turn("a")


def test_a_call_without_an_end_does_not_seem_to_run() -> None:
    begun = ev.ToolCallStarted(call_id="1", name="pay", arguments={}, turn=1, step=1)
    ended = ev.ToolCallFinished(call_id="1", name="pay", result=ToolResult("ok"), turn=1, step=1)
    later = ev.ToolCallStarted(call_id="1", name="pay", arguments={}, turn=1, step=2)
    assert told([begun, ended, later]) == [begun, ended]


def test_a_call_that_waits_is_told_of_where_it_is_asked_about() -> None:
    requested = ev.ApprovalRequested("1", "pay", {}, "asks", turn=1, step=1)
    decided = ev.ApprovalDecided("1", "approve", turn=1, step=1)
    later = ev.ApprovalRequested("1", "pay", {}, "asks", turn=1, step=2)
    assert told([requested, decided, later]) == [requested, decided]


def test_of_a_long_conversation_the_last_turns_are_shown() -> None:
    events = [event for number in range(5) for event in turn(str(number))]
    assert last_turns(events, 2) == (3, [*turn("3"), *turn("4")])
    assert last_turns(events, 5) == (0, events)


NOT_AGAIN = "it does not run again, and the model is told"


def test_of_each_call_it_is_said_what_became_of_it() -> None:
    events = [
        OPENED,
        ev.UserMessage(content="Do it."),
        CALLS,
        ev.ToolCallStarted(call_id="1", name="pay", arguments={"amount": 5}),
        ev.ToolCallStarted(call_id="2", name="look", arguments={}),
        ev.ApprovalRequested(call_id="3", name="send", arguments={"to": "Ada"}, reason="asks"),
        ev.ToolCallFinished(call_id="4", name="done", result=ToolResult("ok")),
    ]
    assert left_of(fold(events)) == [
        "the last turn was cut off: its process ended while its calls ran",
        f"  pay(amount=5) began; its outcome is unknown: {NOT_AGAIN}",
        "  look() began; its outcome is unknown: it runs again",
        '  send(to="Ada") waits for approval',
        "  late {} has not begun",
        "  1 call of the same step finished, and will not run again",
    ]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (ev.TurnFinished(status="failed", error="no server"), "the last turn failed: no server"),
        (ev.TurnFinished(status="cancelled"), "the last turn was stopped"),
        (ev.TurnFinished(status="parked"), "the last turn waits for your decision"),
    ],
)
def test_how_a_turn_ended_is_said(end: ev.TurnFinished, said: str) -> None:
    assert left_of(fold([OPENED, ev.UserMessage(content="a"), end])) == [said]


def test_a_limit_is_named() -> None:
    reached = ev.LimitReached(limit="steps", value=3)
    events = [OPENED, ev.UserMessage(content="a"), reached, ev.TurnFinished(status="limited")]
    assert left_of(fold(events)) == ["the last turn stopped at a limit: steps = 3"]


def test_of_a_turn_with_an_answer_nothing_is_left() -> None:
    assert left_of(fold([OPENED, *turn("a")])) == []
    assert left_of(fold([OPENED])) == []


def test_a_row_says_what_a_session_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    info = SessionInfo("4b75", None, "Moving", "running", 1.0, 9.0, 5, 1)
    row = row_of(info, Glimpse("/home/ada/notes", 12_345))
    assert (row.title, row.when) == ("Moving", 9.0)
    assert row.detail == "cut off, 1 turn, 12.3k tokens, ~/notes, 4b75"
    held = SessionInfo("4b75", None, "", "running", 1.0, 9.0, 5, 2, holder="process 1 on here")
    row = row_of(held, Glimpse())
    assert (row.title, row.detail) == ("(no title)", "open elsewhere, 2 turns, 4b75")
    assert [at_home(each) for each in ("/home/ada", "/home/adam", "/srv")] == [
        "~",
        "/home/adam",
        "/srv",
    ]


def test_a_turn_that_runs_elsewhere_is_not_copied() -> None:
    whole = [OPENED, *turn("a")]
    assert before_running_turn(whole) == whole
    assert before_running_turn([*whole, ev.UserMessage(content="b"), CALLS]) == whole


def test_a_trace_is_one_sessions_and_a_key_is_not() -> None:
    options = {"trace": "a.jsonl", "api_key": "k", "effort": "low", "messages": []}
    assert deployed(options) == {"trace": "a.jsonl", "api_key": "k"}
    assert shared(deployed(options)) == {"api_key": "k"}


def test_where_a_session_is_sampled_is_its_own_or_the_runtimes() -> None:
    assert deployed({"base_url": "embedded:", "model": "nano"}) == {}
