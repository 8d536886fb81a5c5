"""Do a journal's sinks hear what they ask for, when they may, whatever becomes of a store?"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import structlog.contextvars

from tests.unit.test_journal import Columns, Listener, called, done, places
from toolrun import TextDelta, ToolCallStarted, TurnFinished, UserMessage, Warned
from toolrun.errors import LeaseLost, StoreError
from toolrun.events import SessionOpened
from toolrun.journal import Journal, Teller
from toolrun.runs import Run
from toolrun.state import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun import Event
    from toolrun.events import Durable
    from toolrun.scopes import Scope


class Store(Listener):
    """Keeps what is recorded; together what comes while it collects. Raises what it is told to."""

    def __init__(self) -> None:
        super().__init__(observes=False)
        self.collecting = False
        self.batches: list[list[str]] = []
        self.fails: list[Exception] = []
        self._together: list[Durable] = []

    async def record(self, event: Durable) -> None:
        if self.fails:
            raise self.fails.pop()
        self._together.append(event)
        if not self.collecting:
            await self.record_all()

    async def record_all(self, events: Sequence[Durable] = ()) -> None:
        self.batches.append([type(each).__name__ for each in [*self._together, *events]])
        self._together.clear()


class Timed(Listener):
    """Is told how long storing took, and enters scopes."""

    def __init__(self, traceparent: str = "") -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.scopes: list[Scope] = []
        self.inside: list[dict[str, Any]] = []
        self._traceparent = traceparent

    def stored(self, seconds: float) -> None:
        self.seconds.append(seconds)

    @contextlib.contextmanager
    def within(self, scope: Scope) -> Iterator[str]:
        self.scopes.append(scope)
        self.inside.append(dict(structlog.contextvars.get_contextvars()))
        yield self._traceparent


# ---- before and behind a store ----


async def test_sinks_behind_a_store_hear_of_what_is_stored_in_order() -> None:
    before, store, behind = Listener(), Store(), Listener()
    journal = Journal("s", [before, store, behind])
    await journal.record(UserMessage("go"))
    journal.observe(TextDelta("x"))
    journal.observe_run(TextDelta, ["y", "z"])
    store.fails = [StoreError("disk full")]
    with pytest.raises(StoreError):
        await journal.record(called("a"))
    journal.observe(TextDelta("waits"))

    heard = [("UserMessage", 1, 0, 1, 0), *(("TextDelta", 1, sub, 1, 0) for sub in (1, 2, 3))]
    assert places(before.events[:5]) == [*heard, ("AssistantMessage", 2, 0, 1, 1)]
    assert places(behind.events) == heard

    await journal.record(done("a"))  # its place behind the one that the store was given again with
    rest = ["AssistantMessage", "TextDelta", "ToolCallFinished"]
    assert [type(each).__name__ for each in behind.events[4:]] == rest
    assert journal.sinks == (before, store, behind)


async def test_what_is_recorded_at_once_is_stored_as_one_and_then_heard_of() -> None:
    store, behind = Store(), Listener()
    journal = Journal("s", [store, behind])
    async with journal.at_once():
        await journal.record(SessionOpened("1", "2026-01-01", {}))
        await journal.record(UserMessage("go"))
        assert (store.batches, behind.events) == ([], [])

    assert store.batches == [["SessionOpened", "UserMessage"]]
    assert [each.seq for each in behind.events] == [1, 2]
    assert not store.collecting


async def test_what_raises_at_once_is_not_stored() -> None:
    store, behind = Store(), Listener()
    journal = Journal("s", [store, behind])

    async def fail() -> None:
        async with journal.at_once():
            await journal.record(UserMessage("go"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()

    assert (store.batches, behind.events, store.collecting) == ([], [], False)


async def test_without_a_store_at_once_is_one_by_one() -> None:
    heard = Listener()
    journal = Journal("s", [heard])
    async with journal.at_once():
        await journal.record(UserMessage("go"))
        assert places(heard.events) == [("UserMessage", 1, 0, 1, 0)]


async def test_storing_is_timed_for_every_sink_where_there_is_a_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count(5)
    monkeypatch.setattr("toolrun.journal.time.perf_counter", lambda: next(ticks))
    before, behind = Timed(), Timed()
    journal = Journal("s", [before, Store(), behind])
    await journal.record(UserMessage("go"))
    alone = Timed()
    await Journal("s", [alone]).record(UserMessage("go"))

    assert (before.seconds, behind.seconds, alone.seconds) == ([1], [2], [])


async def test_a_store_that_fails_is_counted_and_tried_again() -> None:
    store, counts = Store(), Counter[str]()
    store.fails = [StoreError("disk full"), StoreError("disk full")]
    journal = Journal("s", [store], counts=counts)
    for _ in range(2):
        with pytest.raises(StoreError):
            await journal.record(UserMessage("go"))
    await journal.record(UserMessage("go"))

    assert counts == {"UserMessage": 3, "StoreError": 2}
    assert (journal.seq, journal.lost) == (3, None)


async def test_nothing_more_is_recorded_once_another_process_drives_the_session() -> None:
    store, heard = Store(), Listener()
    journal = Journal("s", [heard, store])
    lost = LeaseLost("another drives it")
    store.fails = [lost]
    for _ in range(2):
        with pytest.raises(LeaseLost) as raised:
            await journal.record(UserMessage("go"))
        assert raised.value is lost
    journal.lose(again := LeaseLost("and another"))

    assert journal.lost is again
    assert journal.counts == {"UserMessage": 1, "LeaseLost": 1}
    assert (journal.seq, len(heard.events)) == (1, 1)


# ---- what sinks find out ----


async def test_what_a_sink_finds_out_is_reported_when_all_have_the_event() -> None:
    class Finds(Listener):
        async def record(self, event: Durable) -> None:
            journal.report_of_sink(Warned("first", "f"))
            journal.report_of_sink(Warned("second", "f"))
            await super().record(event)

    finds, heard = Finds(), Listener()
    journal = Journal("s", [finds, heard])
    await journal.record(UserMessage("go"))
    journal.report_of_sink(Warned("later", "f"))

    kinds = ["UserMessage", "Warned", "Warned", "Warned"]
    assert [type(each).__name__ for each in heard.events] == kinds
    assert [each.code for each in heard.events if isinstance(each, Warned)] == [
        "first",
        "second",
        "later",
    ]
    assert journal.counts["Warned.first"] == journal.counts["Warned.later"] == 1


async def test_a_removed_sink_hears_no_more_and_others_go_on() -> None:
    stays, goes = Listener(), Listener()
    journal = Journal("s", [stays, goes])
    await journal.record(UserMessage("one"))
    journal.remove(goes)
    await journal.record(TurnFinished("finished"))
    journal.observe(TextDelta("x"))

    assert journal.sinks == (stays,)
    assert (len(stays.events), len(goes.events)) == (3, 1)


async def test_a_model_tells_of_a_step_on_the_way() -> None:
    heard = Listener()
    journal = Journal("s", [heard])
    tell = Teller(journal)
    tell(TextDelta("x"))
    tell.run(TextDelta, ["y"])

    assert [(each.sub, getattr(each, "text", "")) for each in heard.events] == [(1, "x"), (2, "y")]


# ---- letting go ----


async def test_a_sink_lets_go_by_the_clock_of_single_events_too() -> None:
    columns, now = Columns(), itertools.count(1)
    flushed: list[int] = []
    columns.flush = lambda: flushed.append(len(columns.events))  # type: ignore[method-assign]
    journal = Journal("s", [columns], clock=lambda: next(now) / 8)
    await journal.record(UserMessage("go"))
    for _ in range(6):
        journal.observe(TextDelta("x"))

    assert flushed == [4, 6]  # 0.25 s after the first, and after that


async def test_only_sinks_that_observe_are_told_to_let_go() -> None:
    class Deaf(Columns):
        def __init__(self) -> None:
            super().__init__()
            self.observes = False

    deaf, columns = Deaf(), Columns()
    journal = Journal("s", [deaf, columns, Listener()], clock=lambda: 1.0)
    for _ in range(3):
        journal.observe_run(TextDelta, ["x"] * 500)

    assert (deaf.flushed_after, columns.flushed_after) == ([], [1000])


# ---- scopes ----


async def test_what_is_under_way_is_told_to_those_who_enter_and_to_the_log() -> None:
    first, second = Timed("first"), Timed()
    journal = Journal("s", [first, Listener(), second])
    await journal.record(SessionOpened("1", "2026-01-01", {"model": "m"}))
    await journal.record(UserMessage("go"))
    with journal.within("turn") as turn, journal.within("step", name="m") as step:
        await journal.record(called("a"))
        with journal.within("call", name="f", call_id="a") as call:
            pass

    assert [turn, step, call] == ["first"] * 3
    told = [(each.kind, each.turn, each.step, each.call_id, each.name) for each in first.scopes]
    assert told == [("turn", 1, 0, "", ""), ("step", 1, 1, "", "m"), ("call", 1, 1, "a", "f")]
    assert {(each.session, each.after) for each in first.scopes} == {("s", "")}
    assert all(each.settings == {"model": "m"} for each in first.scopes)
    assert second.scopes == first.scopes
    assert first.inside == [
        {"session": "s", "turn": 1},
        {"session": "s", "turn": 1, "step": 1},
        {"session": "s", "turn": 1, "step": 1, "call": "a"},
    ]


async def test_the_log_says_where_it_comes_from_though_nobody_enters() -> None:
    journal = Journal("s")
    await journal.record(UserMessage("go"))
    with journal.within("turn") as turn, journal.within("call", call_id="a"):
        said = dict(structlog.contextvars.get_contextvars())

    assert turn == ""
    assert said == {"session": "s", "turn": 1, "step": 0, "call": "a"}


async def test_a_turn_that_goes_on_knows_the_trace_of_its_end() -> None:
    timed = Timed()
    journal = Journal("s", [timed])
    await journal.record(UserMessage("go"))
    before = journal.traceparent
    journal.traceparent = "00-1"
    await journal.record(TurnFinished("parked"))
    with journal.within("turn"), journal.within("step"):
        pass
    await journal.record(UserMessage("more"))
    await journal.record(TurnFinished("finished"))

    ends = [each.traceparent for each in timed.events if isinstance(each, TurnFinished)]
    assert before == ""
    assert ends == ["00-1", ""]  # nothing goes on from an end that is one
    assert [each.after for each in timed.scopes] == ["00-1", ""]


# ---- going on from what another process recorded ----


async def test_a_journal_goes_on_from_what_another_process_recorded() -> None:
    events: list[Event] = [
        UserMessage("go"),
        called("a", "b", "c"),
        ToolCallStarted("a", "f", {}),
        ToolCallStarted("b", "f", {}),
        done("b"),
    ]
    behind = Listener()
    journal = Journal("s", [Store(), behind])
    fresh = journal.resumed
    journal.take_up(state := fold(events), 7)

    assert journal.state is state
    assert (fresh, journal.resumed) == (False, True)
    assert journal.cut_off == {"a"}  # b has its outcome, and c did not begin
    await journal.record(done("a"))
    assert [(each.seq, each.turn, each.step) for each in behind.events] == [(8, 1, 1)]


async def test_times_are_whole_milliseconds() -> None:
    columns = Columns()
    journal = Journal("s", [columns], clock=lambda: 1.23456)
    await journal.record(UserMessage("go"))
    journal.observe_run(TextDelta, ["x"])

    [run] = columns.runs
    assert run == Run(TextDelta, "s", 1, 1, 1, 0, 1235, (), ["x"])
    assert [each.time for each in columns.events] == [1.235]
    assert [each.time for each in run.events()] == [1.235]
