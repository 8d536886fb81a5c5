from __future__ import annotations

import time
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rig.examples import examples
from tests.rig.heard import Heard
from tests.unit.context.talker import (
    SUMMARY,
    Recalling,
    Talker,
    check,
    check_reasoning,
    read,
)
from toolrun import (
    Budget,
    Compacted,
    Compaction,
    ConfigError,
    ContextTooLong,
    Limits,
    Session,
    ToolMessage,
    UserMessage,
)
from toolrun.context import tally
from toolrun.context.summary import ASKED
from toolrun.shortening import RECALL
from toolrun.state import State, fold, retold
from toolrun.testing import ScriptedModel, call
from toolrun.transcript import message_to_openai

LIMITS = Limits(steps=1000, tool_calls=1000, repeats=10_000)


def session_of(model: Any, **options: Any) -> Session:
    return Session(**{"model": model, "tools": [read], "limits": LIMITS, **options})


def said(state: State) -> list[dict[str, Any]]:
    return [message_to_openai(each) for each in state.sent]


def compactions(heard: Heard) -> list[Compacted]:
    return [event for event in heard.events if isinstance(event, Compacted)]


async def test_old_results_are_trimmed_the_oldest_first_and_the_transcript_stays_whole() -> None:
    model, heard = Talker(4000), Heard()
    async with session_of(model, sinks=[heard], compaction=Compaction(to=0.8)) as session:
        for _ in range(4):
            answer = await session.ask("4000")
            assert answer.status == "finished"
        results = [each for each in session.transcript if isinstance(each, ToolMessage)]
        assert [len(each.content) for each in results] == [len(results[0].content)] * 4
        assert len(results[0].content) > 3900
        (event, *_) = compactions(heard)
        assert event.results == (2, 6)  # of 2, 6, 10 and 14
        assert event.after < event.before <= event.length == 4000
        sent = [each for each in session.state.sent if isinstance(each, ToolMessage)]
        line = sent[0].content
    assert len(line) < 200
    assert f'{RECALL}(call_id="{results[0].call_id}")' in line
    assert str(len(results[0].content)) in line
    assert sent[-1] == results[-1]
    for request, body in zip(model.requests, model.bodies, strict=True):
        check(request)
        check_reasoning(request, body)
        assert len(body) // 4 < model.length


async def test_the_tool_that_reads_them_again_is_offered_from_then_on_and_works() -> None:
    model = Recalling(4000)
    async with session_of(model) as session:
        for _ in range(3):
            await session.ask("9000")
        first = next(each for each in session.transcript if isinstance(each, ToolMessage))
        names = [[tool["function"]["name"] for tool in each.tools] for each in model.requests]
        assert names[0] == ["read"]
        assert names[-1] == ["read", RECALL]
        # Offered once and never taken back: the prefix changes once.
        assert names == sorted(names, key=len)
        model.wanted = (
            f'{{"call_id":"{first.call_id}"}}',
            f'{{"call_id":"{first.call_id}","offset":8192}}',
            '{"call_id":"nonsense"}',
            f'{{"call_id":"{first.call_id}","offset":999999}}',
        )
        answer = await session.ask("0")
    whole, rest, unknown, beyond = [each.result for each in answer.tool_calls[1:]]
    assert whole is not None
    assert whole.content.startswith(first.content[:8192])
    assert "go on with offset=8192" in whole.content
    assert rest is not None
    assert rest.content == first.content[8192:]
    assert unknown is not None
    assert "no call 'nonsense' has a result" in unknown.content
    assert beyond is not None
    assert "offset must be" in beyond.content


async def test_before_anything_was_trimmed_there_is_no_such_tool() -> None:
    model = ScriptedModel(call(RECALL, {"call_id": "x"}), "Done.")
    async with session_of(model) as session:
        answer = await session.ask("Recall.")
    assert answer.tool_calls[0].result is not None
    assert answer.tool_calls[0].result.outcome == "invalid"
    assert "There is no tool" in answer.tool_calls[0].result.content


async def test_the_model_summarises_what_lies_before_the_last_turns() -> None:
    model, heard = Talker(4000), Heard()
    compaction = Compaction("summarise", keep_turns=1)
    async with session_of(model, sinks=[heard], compaction=compaction) as session:
        used = 0
        for _ in range(6):
            answer = await session.ask("3000 600")
            used += answer.usage.total_tokens
        events = [event for event in compactions(heard) if event.summary]
        assert events
        event = events[-1]
        assert event.summary.startswith(SUMMARY)
        # It ends where a turn begins, one before the last.
        assert event.covers in session.state.turns_from
        first = session.state.sent[0]
        assert isinstance(first, UserMessage)
        assert event.summary in first.content
        # Its usage is counted: in the session's, and in that of the answer that needed it.
        assert sum(each.usage.total_tokens for each in events) > 0
        assert session.state.usage.total_tokens == used
        assert len(session.messages()) == 6 * 6
    asked = [each for each in model.requests if each.nudge == ASKED]
    assert len(asked) == len(events)
    assert all(not each.tools for each in asked)
    for request, body in zip(model.requests, model.bodies, strict=True):
        check(request)
        check_reasoning(request, body)


async def test_it_stops_before_anything_is_sent() -> None:
    model = Talker(4000)
    async with session_of(model, compaction=Compaction("stop")) as session:
        for _ in range(3):
            await session.ask("4000")
        with pytest.raises(ContextTooLong, match="compaction stops a session at 85%") as caught:
            await session.ask("4000")
        assert caught.value.length == 4000
        assert caught.value.tokens is not None
        assert caught.value.tokens > 3400
        spoken = model.spoken
        assert session.state.finished is not None
        assert session.state.finished.status == "failed"
        with pytest.raises(ContextTooLong):
            await session.go_on()
        assert model.spoken == spoken
        await session.undo()
        assert (await session.ask("0")).status == "finished"


async def test_where_nothing_is_left_to_trim_it_stops() -> None:
    model = Talker(4000)
    async with session_of(model, instructions="Lorem ipsum dolor. " * 1200) as session:
        with pytest.raises(ContextTooLong, match="no tool result is left"):
            await session.ask("0")
    assert model.spoken == 0


async def test_what_can_only_be_estimated_is_left_to_the_server() -> None:
    model = Talker(4000)
    async with session_of(model) as session:
        # By its bytes some 4,200 tokens, by the server's count 3,900.
        assert (await session.ask("0" + " " * 15_200)).status == "finished"
    assert model.spoken == 2


async def test_a_result_that_was_not_read_yet_is_never_trimmed() -> None:
    model, heard = Talker(4000), Heard()
    async with session_of(model, sinks=[heard]) as session:
        with pytest.raises(ContextTooLong):
            await session.ask("30000")
    assert not compactions(heard)


async def test_results_of_the_running_turn_are_trimmed_where_nothing_else_helps() -> None:
    model, heard = Talker(4000), Heard()
    async with session_of(model, sinks=[heard]) as session:
        await session.ask("0")
        answer = await session.ask(" ".join(["3000"] * 9))
        assert answer.status == "finished"
        begin = session.state.turn_from
        assert all(place > begin for event in compactions(heard) for place in event.results)
    assert len(compactions(heard)) > 1
    for request, body in zip(model.requests, model.bodies, strict=True):
        check(request)
        check_reasoning(request, body)


@pytest.mark.parametrize("how", ["trim", "summarise"])
async def test_a_servers_refusal_has_it_compacted_once(how: Any) -> None:
    model, heard = Talker(4000, tells=False), Heard()
    async with session_of(
        model, sinks=[heard], compaction=Compaction(how, keep_turns=1)
    ) as session:
        for _ in range(6):
            assert (await session.ask("3000 600")).status == "finished"
    assert compactions(heard)
    for request, body in zip(model.requests, model.bodies, strict=True):
        check(request)
        check_reasoning(request, body)


async def test_a_refusal_is_told_with_its_numbers_where_nothing_is_to_be_done() -> None:
    model = Talker(4000, tells=False)
    async with session_of(model, compaction=Compaction("stop")) as session:
        with pytest.raises(ContextTooLong, match="refused") as caught:
            await session.ask("20000")
    assert caught.value.tokens is not None
    assert caught.value.tokens > 4000
    assert caught.value.length == 4000


async def test_what_the_user_says_of_the_length_counts() -> None:
    model, heard = Talker(100_000, tells=False), Heard()
    async with session_of(model, sinks=[heard], context_length=4000) as session:
        for _ in range(4):
            await session.ask("4000")
    assert compactions(heard)
    assert all(len(body) // 4 < 4000 for body in model.bodies)


async def test_undo_takes_a_compaction_back_with_its_turn() -> None:
    model = Talker(4000)
    async with session_of(model, compaction=Compaction("summarise", keep_turns=0)) as session:
        await session.ask("3000 600")
        before = said(session.state)
        for _ in range(3):
            await session.ask("3000 600")
        assert session.state.compactions
        for _ in range(3):
            await session.undo()
        assert said(session.state) == before
        assert not session.state.compactions
        # What was used stays used, and the session goes on.
        assert session.state.usage.total_tokens > 0
        assert (await session.ask("100")).status == "finished"
    assert all(body.count(SUMMARY.encode()) <= 1 for body in model.bodies)
    assert SUMMARY.encode() not in model.bodies[-1]


@pytest.mark.parametrize("how", ["trim", "summarise"])
async def test_a_fork_sends_what_its_parent_would_have_sent(how: Any) -> None:
    model = Talker(4000)
    async with session_of(model, compaction=Compaction(how, keep_turns=1)) as session:
        for _ in range(5):
            await session.ask("3000 600")
        assert session.state.compactions
        async with session.fork() as fork:
            assert said(fork.state) == said(session.state)
            assert fork.state.shortened.upto == session.state.shortened.upto
            assert fork.messages() == session.messages()
            await fork.ask("100")
            check(model.requests[-1])


async def test_a_budget_holds_over_compaction_summaries_included() -> None:
    model = Talker(4000)
    options = {"compaction": Compaction("summarise", keep_turns=0), "budget": Budget(tokens=40_000)}
    async with session_of(model, **options) as session:
        for _ in range(50):
            answer = await session.ask("3000 600")
            if answer.status == "limited":
                break
        assert answer.limit is not None
        assert answer.limit.limit == "budget.tokens"
        assert model.summaries
        spent = sum(len(body) // 4 + 20 for body in model.bodies)
        assert session.state.usage.total_tokens == spent
        assert 40_000 <= spent < 44_000


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"how": "forget"}, "trim, summarise or stop"),
        ({"when": 1.5}, "0 < to <= when <= 1"),
        ({"to": 0.9, "when": 0.8}, "0 < to <= when <= 1"),
        ({"keep_turns": -1}, "keep_turns must be 0 or more"),
        ({"summary_tokens": 0}, "summary_tokens 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(options: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Compaction(**options)


def test_a_length_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="context_length must be 1 or more"):
        Session(context_length=0)
    with pytest.raises(ConfigError, match="compaction must be a Compaction"):
        Session(compaction="trim")  # type: ignore[arg-type]


TURN = st.lists(
    st.lists(st.sampled_from([0, 300, 900, 2500, 5000]), min_size=1, max_size=3), max_size=4
)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    turns=st.lists(TURN, min_size=1, max_size=7),
    how=st.sampled_from(["trim", "summarise", "stop"]),
    keep=st.integers(0, 2),
    tells=st.booleans(),
    undo=st.integers(0, 7),
)
def test_whatever_is_compacted_the_request_holds_together(
    turns: list[list[list[int]]],
    how: Any,
    keep: int,
    tells: bool,  # noqa: FBT001 - hypothesis gives it by name
    undo: int,
) -> None:
    async def run() -> None:
        model, heard = Talker(5000, tells=tells), Heard()
        compaction = Compaction(how, keep_turns=keep)
        async with session_of(model, sinks=[heard], compaction=compaction) as session:
            for number, turn in enumerate(turns):
                text = " ".join("+".join(map(str, step)) for step in turn)
                try:
                    await session.ask(text or " ")
                except ContextTooLong:
                    await session.undo()
                if number == undo and session.state.turns_from:
                    await session.undo()
            state = session.state
            # What is sent follows from the events alone; a fork's events give the same.
            assert said(fold(heard.events)) == said(state)
            assert said(fold(retold(state))) == said(state)
            assert fold(retold(state)).shortened.upto == state.shortened.upto
            whole = [message_to_openai(each) for each in fold(heard.events).transcript]
            assert whole == session.messages()
        for request, body in zip(model.requests, model.bodies, strict=True):
            check(request)
            check_reasoning(request, body)
            assert len(body) // 4 < model.length

    anyio.run(run)


@pytest.mark.load
def test_300_turns_stay_within_the_limit_at_a_flat_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = 0
    size = tally._size

    def counting(message: Any) -> int:
        nonlocal looked
        looked += 1
        return size(message)

    monkeypatch.setattr(tally, "_size", counting)
    model, heard = Talker(6000), Heard()
    took: list[float] = []
    longest = 0

    async def run() -> None:
        nonlocal longest
        async with session_of(model, sinks=[heard], compaction=Compaction("summarise")) as session:
            for _ in range(300):
                began = time.process_time()
                assert (await session.ask("900 300")).status == "finished"
                took.append(time.process_time() - began)
                longest = max(longest, len(session.state.sent))
            assert len(session.transcript) == 300 * 6

    anyio.run(run)
    assert len(model.requests) == 900 + model.summaries
    assert all(len(body) // 4 < model.length for body in model.bodies)
    # Each message is looked at once, and once more where what is sent was made anew.
    assert looked <= 300 * 6 + longest * len(compactions(heard))
    assert longest < 100
    # The last turns cost what the first ones did; compactions are in both.
    assert sum(took[-100:]) < 5 * sum(took[50:150])
