"""Does every event get its place, and is the live state what its durable events fold to?"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolrun import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    Event,
    LimitReached,
    ReasoningDelta,
    Retried,
    Rule,
    SessionOpened,
    SettingsChanged,
    TextDelta,
    ToolCall,
    ToolCallFinished,
    ToolCallStarted,
    ToolMessage,
    ToolResult,
    TurnFinished,
    TurnUndone,
    Usage,
    UserMessage,
    Warned,
)
from toolrun.events import AnyEvent
from toolrun.forking import forked
from toolrun.journal import Journal
from toolrun.state import State, fold

if TYPE_CHECKING:
    from toolrun.events import Durable
    from toolrun.runs import Run


class Listener:
    """A sink that keeps what it hears."""

    def __init__(self, *, observes: bool = True) -> None:
        self.observes = observes
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        self.events.append(event)

    async def record(self, event: Durable) -> None:
        self.events.append(event)


def called(*ids: str) -> AssistantMessage:
    return AssistantMessage(tool_calls=tuple(ToolCall(each, "f", "{}") for each in ids))


def done(call_id: str, content: str = "1") -> ToolCallFinished:
    return ToolCallFinished(call_id, "f", ToolResult(content))


def places(events: list[Event]) -> list[tuple[str, int, int, int, int]]:
    return [(type(each).__name__, each.seq, each.sub, each.turn, each.step) for each in events]


async def test_every_event_gets_its_place() -> None:
    heard, ticks = Listener(), itertools.count(1)
    journal = Journal("s", [heard], clock=lambda: float(next(ticks)))
    await journal.record(SessionOpened("1", "2026-01-01", {}))
    await journal.record(UserMessage("go"))
    journal.sampling = True
    journal.observe(ReasoningDelta("why"))
    journal.observe(TextDelta("I look."))
    await journal.record(called("a"))
    await journal.record(ToolCallStarted("a", "f", {}))
    await journal.record(done("a"))
    journal.sampling = True
    journal.observe(TextDelta("Done."))
    await journal.record(AssistantMessage(content="Done."))
    await journal.record(TurnFinished("finished"))
    await journal.record(UserMessage("more"))
    journal.sampling = True
    journal.observe(TextDelta("x"))

    assert places(heard.events) == [
        ("SessionOpened", 1, 0, 0, 0),
        ("UserMessage", 2, 0, 1, 0),
        ("ReasoningDelta", 2, 1, 1, 1),
        ("TextDelta", 2, 2, 1, 1),
        ("AssistantMessage", 3, 0, 1, 1),
        ("ToolCallStarted", 4, 0, 1, 1),
        ("ToolCallFinished", 5, 0, 1, 1),
        ("TextDelta", 5, 1, 1, 2),
        ("AssistantMessage", 6, 0, 1, 2),
        ("TurnFinished", 7, 0, 1, 2),
        ("UserMessage", 8, 0, 2, 0),
        ("TextDelta", 8, 1, 2, 1),
    ]
    assert {each.session for each in heard.events} == {"s"}
    assert [each.time for each in heard.events] == [float(n) for n in range(1, 13)]


async def test_nothing_observed_reaches_a_sink_that_does_not_ask() -> None:
    durable_only = Listener(observes=False)
    journal = Journal("s", [durable_only])

    assert not journal.listening
    journal.observe(TextDelta("x"))
    await journal.record(UserMessage("go"))
    assert places(durable_only.events) == [("UserMessage", 1, 0, 1, 0)]


async def test_observed_events_are_numbered_only_when_they_are_heard() -> None:
    journal, heard = Journal("s"), Listener()
    await journal.record(UserMessage("go"))
    journal.observe(TextDelta("nobody hears"))
    journal.add(heard)
    listening = [journal.listening]
    journal.observe(TextDelta("heard"))
    journal.remove(heard)
    listening.append(journal.listening)
    journal.observe(TextDelta("nobody hears"))

    assert listening == [True, False]
    assert places(heard.events) == [("TextDelta", 1, 1, 1, 0)]


async def test_the_state_holds_an_event_whose_sink_raises() -> None:
    class Broken(Listener):
        async def record(self, event: Durable) -> None:
            raise OSError("disk full")

    journal = Journal("s", [Broken()])
    with pytest.raises(OSError, match="disk full"):
        await journal.record(UserMessage("go"))

    assert journal.state.transcript == [journal.state.transcript[0]]
    assert journal.state.turn == 1


async def test_results_stand_in_the_order_of_the_calls() -> None:
    journal = Journal("s")
    await journal.record(UserMessage("go"))
    await journal.record(called("a", "b", "c"))
    for call_id in ("c", "a"):
        await journal.record(done(call_id, f"of {call_id}"))
    assert [call.id for call in journal.state.open_calls] == ["b"]
    assert len(journal.state.transcript) == 2  # no result before all are there
    await journal.record(done("b", "of b"))

    assert journal.state.transcript[2:] == [
        ToolMessage(each, "f", f"of {each}") for each in ("a", "b", "c")
    ]
    assert journal.state.open_calls == []


def test_a_standing_approval_is_kept_for_the_tool() -> None:
    asked = ApprovalRequested("a", "f", {}, "it asks")
    once = fold([UserMessage("go"), called("a"), asked, ApprovalDecided("a", "approve")])
    always = fold(
        [UserMessage("go"), called("a"), asked, ApprovalDecided("a", "approve", Rule("f"))]
    )

    assert not once.approves("f", {})
    assert always.approves("f", {})
    assert not always.approves("g", {})
    assert always.pending == {}


def test_an_undone_turn_is_gone_and_its_tokens_stay_used() -> None:
    first = [UserMessage("one"), AssistantMessage("1", usage=Usage(3, 1)), TurnFinished("finished")]
    second = [UserMessage("two"), called("a"), done("a"), TurnFinished("limited")]
    state = fold([*first, *second, TurnUndone()])

    assert state.transcript == fold(first).transcript
    assert state.turn == 2
    assert state.usage == Usage(3, 1)
    assert (state.finished, state.open_calls, state.turn_from) == (None, [], 0)
    assert fold([*first, *second, TurnUndone(), TurnUndone()]).transcript == []


def test_the_same_call_is_counted_within_its_turn() -> None:
    same = AssistantMessage(tool_calls=(ToolCall("a", "f", "{}"), ToolCall("b", "f", '{"x":1}')))
    again = AssistantMessage(tool_calls=(ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}")))
    state = fold([UserMessage("go"), same, done("a"), done("b"), again])

    assert [state.repeats(each) for each in ("a", "c", "d")] == [0, 2, 3]  # a: of an earlier step
    ended = [done("c"), done("d"), TurnFinished("finished")]
    state = fold([UserMessage("go"), same, done("a"), done("b"), again, *ended])
    state.apply(UserMessage("again"))
    state.apply(same)
    assert [state.repeats(each) for each in ("a", "b")] == [1, 1]


def test_a_note_is_read_by_the_model_and_is_not_the_tools() -> None:
    finished = ToolCallFinished("a", "f", ToolResult("42"), "[again]")
    state = fold([UserMessage("go"), called("a"), finished])

    assert state.transcript[-1] == ToolMessage("a", "f", "42\n\n[again]")
    assert state.turn_results[1, "a"].content == "42"


async def test_what_operators_count_is_counted_though_nobody_listens() -> None:
    counts: Counter[str] = Counter()
    journal = Journal("s", counts=counts)
    await journal.record(UserMessage("go"))
    journal.report(Retried(1, "busy", code="http-503"))
    for _ in range(2):
        journal.report(Warned("repeated-call", "f"))
    await journal.record(called("a"))
    await journal.record(done("a"))
    await journal.record(TurnFinished("failed", "x"))

    assert counts == {
        "UserMessage": 1,
        "Retried.http-503": 1,
        "Warned.repeated-call": 2,
        "AssistantMessage": 1,
        "ToolCallFinished.ok": 1,
        "TurnFinished.failed": 1,
    }


@pytest.mark.parametrize("open_call", [False, True])
async def test_a_fork_tells_what_its_parent_has_come_to(*, open_call: bool) -> None:
    parent = Journal("parent")
    await parent.record(SessionOpened("1", "2026-01-01", {}))
    await parent.record(UserMessage("go"))
    await parent.record(called("a", "b"))
    await parent.record(ApprovalRequested("a", "f", {}, "it asks"))
    if not open_call:
        await parent.record(ApprovalDecided("a", "approve", Rule("f", {"to": "*"})))
        await parent.record(done("a"))
    await parent.record(done("b", "of b"))
    await parent.record(TurnFinished("parked" if open_call else "failed"))
    child = Journal("child")
    for event in forked(parent, ()):
        await child.record(event)

    for name in ("transcript", "open_calls", "finished", "standing", "turn", "step", "usage"):
        mine, theirs = getattr(child.state, name), getattr(parent.state, name)
        assert unplaced(mine) == unplaced(theirs), name
    assert child.state.pending.keys() == parent.state.pending.keys()
    assert child.state.results.keys() == parent.state.results.keys()


def unplaced(value: Any) -> Any:
    """A value without the places of events, which differ between two sessions."""
    if isinstance(value, list):
        return [unplaced(each) for each in value]
    if isinstance(value, Event):
        place = {"session": "", "seq": 0, "sub": 0, "time": 0.0, "turn": 0, "step": 0}
        return msgspec.structs.replace(value, **place)
    return value


def test_settings_are_changed_one_by_one() -> None:
    state = fold(
        [
            SessionOpened("1", "2026-01-01", {"model": "a", "effort": "low"}),
            SettingsChanged({"effort": "high"}),
        ]
    )

    assert state.settings == {"model": "a", "effort": "high"}


def test_observed_events_are_passed_over() -> None:
    assert plain(fold([TextDelta("x"), ReasoningDelta("y")])) == plain(State())


@st.composite
def histories(draw: st.DrawFn) -> list[Durable]:
    """Events as a session may record them: any number of turns, ended in any way."""
    events: list[Durable] = [SessionOpened("1", "2026-01-01", {"model": "m"})]
    for _ in range(draw(st.integers(0, 3))):
        events.append(UserMessage(draw(st.text(max_size=5))))
        for _ in range(draw(st.integers(0, 3))):
            ids = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4))
            usage = Usage(draw(st.integers(0, 9)), draw(st.integers(0, 9)))
            events.append(msgspec.structs.replace(called(*ids), content="x", usage=usage))
            for call_id in draw(st.permutations(ids)):
                events += draw(_ways_of(call_id))
            if draw(st.booleans()):
                events.append(TurnFinished(draw(st.sampled_from(["limited", "failed"]))))
        if draw(st.booleans()):
            events.append(LimitReached("steps", 3))
        events.append(TurnFinished(draw(st.sampled_from(["finished", "cancelled"]))))
    return events


def _ways_of(call_id: str) -> st.SearchStrategy[list[Durable]]:
    asked = ApprovalRequested(call_id, "f", {}, "it asks")
    started = ToolCallStarted(call_id, "f", {})
    scope = ApprovalDecided(call_id, "approve", Rule("f"))
    return st.sampled_from(
        [
            [done(call_id)],
            [started, done(call_id)],
            [asked, ApprovalDecided(call_id, "deny", reason="no"), done(call_id)],
            [asked, scope, started, done(call_id)],
        ]
    )


def plain(state: State) -> dict[str, Any]:
    return dict(vars(state))


@given(histories())
async def test_the_live_state_is_what_the_events_fold_to(events: list[Durable]) -> None:
    heard = Listener()
    journal = Journal("s", [heard])
    for number, event in enumerate(events):
        await journal.record(event)
        if number % 2:
            journal.observe(TextDelta("x"))
    written = msgspec.json.encode(heard.events)
    read = msgspec.json.decode(written, type=list[AnyEvent])

    assert plain(fold(heard.events)) == plain(journal.state)
    assert plain(fold(read)) == plain(journal.state)  # also from what a file holds
    durable = [each for each in heard.events if each.durable]
    assert [each.seq for each in durable] == list(range(1, len(events) + 1))
    assert all(each.sub == 0 for each in durable)
    _assert_whole(journal.state)


def _assert_whole(state: State) -> None:
    """Every call has its result, right behind its message and in order."""
    for index, message in enumerate(state.transcript):
        if isinstance(message, AssistantMessage):
            ids = [call.id for call in message.tool_calls]
            behind = state.transcript[index + 1 : index + 1 + len(ids)]
            assert [each.call_id for each in behind if isinstance(each, ToolMessage)] == ids


class Columns(Listener):
    """Takes the pieces of one read as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []
        self.flushed_after: list[int] = []

    def observe_run(self, run: Run) -> None:
        self.runs.append(run)

    def flush(self) -> None:
        self.flushed_after.append(sum(len(run) for run in self.runs))


async def test_pieces_of_one_read_are_the_events_that_each_by_itself_would_be() -> None:
    heard, columns, alone = Listener(), Columns(), Listener()
    journal = Journal("s", [heard, columns], clock=lambda: 1.0004)
    single = Journal("s", [alone], clock=lambda: 1.0004)
    for each in (journal, single):
        await each.record(UserMessage("go"))
        each.sampling = True
        each.observe(TextDelta("I"))
    journal.observe_run(ReasoningDelta, ["a", "b"])
    for text in ("a", "b"):
        single.observe(ReasoningDelta(text))
    for each in (journal, single):
        each.observe(TextDelta("last"))

    assert heard.events == alone.events
    [run] = columns.runs
    assert [TextDelta("I"), *run.events()][1:] == heard.events[2:4]
    assert columns.events == [*heard.events[:2], heard.events[-1]]


async def test_pieces_of_one_read_cost_nothing_when_nobody_listens() -> None:
    journal, heard = Journal("s"), Listener()
    await journal.record(UserMessage("go"))
    journal.observe_run(TextDelta, ["nobody", "hears"])
    journal.add(heard)
    journal.observe_run(TextDelta, ["heard"])

    assert places(heard.events) == [("TextDelta", 1, 1, 1, 0)]


async def test_a_sink_lets_go_after_many_pieces_of_large_reads_too() -> None:
    columns = Columns()
    journal = Journal("s", [columns], clock=lambda: 1.0)
    await journal.record(UserMessage("go"))
    for _ in range(6):
        journal.observe_run(TextDelta, ["x"] * 300)
    journal.observe_run(TextDelta, ["x"] * 199)
    journal.observe_run(TextDelta, ["x"])

    assert columns.flushed_after == [1200, 2000]


async def test_a_sink_lets_go_after_a_while_of_pieces_too() -> None:
    columns, now = Columns(), itertools.count(1)
    journal = Journal("s", [columns], clock=lambda: next(now) / 10)
    await journal.record(UserMessage("go"))
    for _ in range(6):
        journal.observe_run(TextDelta, ["x", "y"])

    assert columns.flushed_after == [8]
