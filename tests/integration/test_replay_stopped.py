"""Does a turn that something ended, from outside or by a limit, end so again and go on?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.integration.replayed import COUNT, DONE, Recording, ran, recording, send, streamed
from tests.rig.mock import Call, Step
from toolrun import Approve, CancelToken, Deny, Limits, Session, tool
from toolrun.events import ToolCallFinished, ToolCallStarted
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun import Decision, ToolCall

__all__ = ["recording", "streamed"]


async def test_a_turn_cancelled_while_it_samples(recording: Recording) -> None:
    recording.mock.script(Step(content="Late.", delay_s=10))
    async with recording.session() as session:
        await _ask_and_cancel(recording, session, lambda: recording.mock.running() == 1)
        recording.mock.script(COUNT, DONE)
        await recording.ask(session, None)
    events = await recording.replay()
    assert events.count("TurnFinished") == 2


async def test_a_turn_cancelled_while_tools_run(recording: Recording) -> None:
    recording.mock.script(
        Step(tool_calls=(Call("slow", '{"seconds": 30}'), *COUNT.tool_calls)), DONE
    )
    ran.clear()
    async with recording.session() as session:
        await _ask_and_cancel(recording, session, lambda: set(ran) == {"slow", "a.txt"})
        await recording.ask(session, None)
        recording.mock.script(COUNT, DONE)
        await recording.ask(session, "Well?")
    events = read_trace(recording.path).events
    outcomes = [event.result.outcome for event in events if isinstance(event, ToolCallFinished)]
    assert "cancelled" in outcomes
    await recording.replay()


@pytest.mark.parametrize("where", ["model", "tool"])
async def test_a_turn_whose_time_ran_out(recording: Recording, where: str) -> None:
    late = Step(content="Late.", delay_s=10)
    recording.mock.script(
        COUNT, late if where == "model" else Step(tool_calls=(Call("slow", '{"seconds": 9}'),))
    )
    async with recording.session(limits=Limits(seconds=0.5)) as session:
        await recording.ask(session, "Hurry.")
        assert session.state.finished is not None
        assert session.state.finished.status == "limited"
    assert "LimitReached" in await recording.replay()


async def test_a_turn_that_had_less_time_than_its_limit_and_one_that_was_stopped_for_a_reason(
    recording: Recording,
) -> None:
    slowly = Step(tool_calls=(Call("slow", '{"seconds": 9}'),))
    recording.mock.script(slowly, slowly, DONE)
    async with recording.session() as session:
        assert (await session.ask("Hurry.", seconds=0.3)).status == "limited"
        token = CancelToken()
        async with session.stream_on(cancel=token) as events:
            async for event in events:
                if isinstance(event, ToolCallStarted):
                    token.cancel("the user left")
        assert (await session.go_on()).status == "finished"
    assert (await recording.replay()).count("TurnFinished") == 3


async def test_a_turn_that_was_parked_where_its_step_ended(recording: Recording) -> None:
    @tool(trusted=True)
    async def word_count(path: str) -> int:
        session._running.park("the process ends")
        return len(path)

    recording.mock.script(COUNT, DONE)
    async with recording.session(tools=[word_count]) as session:
        await recording.ask(session, "How long is it?")
        finished = session.state.finished
        assert finished is not None
        assert (finished.status, finished.reason) == ("parked", "the process ends")
        await recording.ask(session, None)
        assert session.state.finished is not None
        assert session.state.finished.status == "finished"
    assert (await recording.replay()).count("TurnFinished") == 2


@pytest.mark.parametrize("where", ["model", "tool", "approver"])
async def test_a_turn_that_was_parked_as_it_stood(
    recording: Recording, where: str, tmp_path: Path
) -> None:
    reached = anyio.Event()

    @tool(trusted=True, on_crash="ask")
    async def slow(seconds: float) -> str:
        reached.set()
        await anyio.sleep(seconds)
        return "slow"

    async def approve(call: ToolCall) -> Decision | None:
        if reached.is_set():
            return Approve()
        reached.set()
        await anyio.sleep_forever()
        raise AssertionError

    firsts = {
        "model": Step(content="Late.", delay_s=10),
        "tool": Step(tool_calls=(Call("slow", '{"seconds": 9}', id="c1"),)),
        "approver": Step(tool_calls=(Call("send", '{"to": "A"}', id="c1"),)),
    }
    recording.mock.script(firsts[where], DONE)
    store = f"sqlite:///{tmp_path}/sessions.db"
    more = {"approve": approve} if where == "approver" else {}
    async with recording.session(tools=[slow, send], store=store, **more) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(recording.ask, session, "Go.")
            while where == "model" and not recording.mock.running():  # noqa: ASYNC110 - a process
                await anyio.sleep(0.01)
            if where != "model":
                await reached.wait()
            session._running.park("it ends")
            session._running.cut("it ends")
        finished = session.state.finished
        assert finished is not None
        assert (finished.status, finished.reason) == ("parked", "it ends")
        recording.mock.script(firsts[where] if where != "model" else COUNT, DONE)
        if where == "tool":
            await recording.ask(session, None)
            await session.decide("c1", Deny("not again"))
        await recording.ask(session, None)
        assert session.state.finished is not None
        assert session.state.finished.status == "finished"
    await recording.replay()


@pytest.mark.parametrize("limits", [Limits(steps=1), Limits(tool_calls=1)])
async def test_a_limited_turn_is_gone_on_with(recording: Recording, limits: Limits) -> None:
    recording.mock.script(COUNT, COUNT, DONE)
    async with recording.session(limits=limits) as session:
        await recording.ask(session, "How long is it?")
        await recording.ask(session, None)
    assert "LimitReached" in await recording.replay()


async def _ask_and_cancel(
    recording: Recording, session: Session, ready: Callable[[], bool]
) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(recording.ask, session, "Go.")
        with anyio.fail_after(5):
            while not await anyio.to_thread.run_sync(ready):  # noqa: ASYNC110 - another process
                await anyio.sleep(0.01)
        session.cancel()
