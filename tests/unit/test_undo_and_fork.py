"""Is a turn taken back as if it had not been, and does a fork go its own way?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.test_contract import session
from toolrun import (
    Approve,
    ConfigError,
    ForkedFrom,
    Runtime,
    Session,
    ToolMessage,
    UserMessage,
    tool,
)
from toolrun.testing import Events, ScriptedModel, call, calls
from toolrun.trace.reader import TraceReader

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_turn_that_is_undone_is_not_sent_any_more() -> None:
    model = ScriptedModel("One.", "Two.", "Three.")
    async with Session(model=model) as chat:
        await chat.ask("First.")
        await chat.ask("Second.")
        assert await chat.undo() == "Second."
        answer = await chat.ask("Third.")

    sent = [each.content for each in model.requests[-1].messages]
    assert sent == ["First.", "One.", "Third."]
    assert [each.content for each in chat.transcript] == [*sent, answer.text]


async def test_a_parked_turn_is_undone_with_its_call() -> None:
    async with session(call("send", {"to": "Ann"}), "Hello.") as chat:
        assert (await chat.ask("Send it.")).status == "parked"
        await chat.undo()
        assert chat.transcript == []
        assert chat.state.pending == {}
        with pytest.raises(ConfigError, match="no turn to go on with"):
            await chat.go_on()
        with pytest.raises(ConfigError, match="no turn to take back"):
            await chat.undo()


async def test_a_fork_goes_its_own_way() -> None:
    model = ScriptedModel("One.", "Two.", "Three.")
    events = Events()
    async with Session(model=model, instructions="Be brief.", sinks=[events]) as chat:
        await chat.ask("First.")
        async with chat.fork("other", effort="high") as other:
            await other.ask("Other.")
            await chat.ask("Mine.")
            assert [each.content for each in other.transcript[::2]] == ["First.", "Other."]
            assert [each.content for each in chat.transcript[::2]] == ["First.", "Mine."]
            assert model.requests[1].effort == "high"
            assert model.requests[1].instructions == "Be brief."

    (fork,) = events.of(ForkedFrom)
    assert (fork.session, fork.parent, fork.parent_seq, fork.copied) == ("other", chat.id, 4, 3)


async def test_a_fork_is_traced_beside_its_parent_and_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    async with session("One.", "Two.", "Three.", trace=file) as chat:
        await chat.ask("First.")
        async with chat.fork("a/b") as other, other.fork() as third:
            await other.ask("Other.")
            await third.ask("Third.")
        with pytest.raises(ConfigError, match="this session's own"):
            chat.fork(trace=str(file))

    assert other.trace_path == tmp_path / "chat-a%2Fb.jsonl"
    assert _asked(other.trace_path) == ["First.", "Other."]
    assert _asked(file) == ["First."]
    assert third.trace_path is not None
    assert _asked(third.trace_path) == ["First.", "Third."]


async def test_sessions_of_a_runtime_overwrite_no_trace(tmp_path: Path) -> None:
    file, own = tmp_path / "all.jsonl", tmp_path / "own.jsonl"
    async with (
        Runtime(model=ScriptedModel("1", "2", "3", "4"), trace=file) as runtime,
        runtime.session("one") as one,
        runtime.session("two") as two,
        runtime.session(trace=own) as third,
    ):
        await one.ask("One.")
        await two.ask("Two.")
        await third.ask("Three.")
        async with third.fork("four") as fourth:
            await fourth.ask("Four.")

    assert _asked(file) == ["One."]
    assert _asked(tmp_path / "all-two.jsonl") == ["Two."]
    assert _asked(own) == ["Three."]
    assert _asked(tmp_path / "own-four.jsonl") == ["Three.", "Four."]


def _asked(file: Path) -> list[str]:
    with TraceReader(file) as events:
        return [each.content for each in events if isinstance(each, UserMessage)]


async def test_a_fork_outlives_the_session_that_it_comes_from() -> None:
    async with session("One.", "Two.") as chat:
        await chat.ask("First.")
        other = chat.fork()
    async with other:
        assert (await other.ask("More.")).text == "Two."


async def test_a_fork_of_a_parked_turn_decides_for_itself() -> None:
    asking = calls(call("echo", {"text": "a"}), call("send", {"to": "Ann"}))
    async with session(asking, "Done.") as chat:
        parked = await chat.ask("Go.")
        async with chat.fork() as other:
            (waiting,) = other.state.pending
            await other.decide(waiting, Approve())
            answer = await other.go_on()
        assert chat.state.pending.keys() == {parked.pending[0].call_id}

    assert answer.text == "Done."
    assert [each.content for each in other.transcript if isinstance(each, ToolMessage)] == [
        *("a", "sent to Ann")
    ]


async def test_standing_approvals_go_with_a_fork() -> None:
    async with session(
        call("send", {"to": "a"}), "Sent.", call("send", {"to": "b"}), "Sent again."
    ) as chat:
        await chat.ask("Send.")
        (waiting,) = chat.state.pending
        await chat.decide(waiting, Approve("session"))
        await chat.go_on()
        async with chat.fork() as other:
            assert (await other.ask("Again.")).text == "Sent again."


async def test_a_standing_approval_does_not_go_with_a_fork_whose_tool_is_another() -> None:
    @tool(trusted=True, approve=True)
    async def send(to: str, copies: int = 1000) -> str:
        raise AssertionError

    async with session(
        call("send", {"to": "a"}), "Sent.", call("send", {"to": "b"}), "Sent again."
    ) as chat:
        await chat.ask("Send.")
        (waiting,) = chat.state.pending
        await chat.decide(waiting, Approve("session"))
        await chat.go_on()
        async with chat.fork(tools=[send]) as other:
            assert (await other.ask("Again.")).status == "parked"
