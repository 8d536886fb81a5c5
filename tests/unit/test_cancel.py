"""Can a turn be stopped from anywhere, and does its session go on after that?"""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from tests.unit.test_turn import assert_whole, outcomes
from toolrun import (
    Answer,
    CallContext,
    CancelToken,
    ConfigError,
    Event,
    Limits,
    Runtime,
    Session,
    TurnCancelled,
    TurnFinished,
    tool,
)
from toolrun.testing import ScriptedModel, call, calls, say
from toolrun.tools.threads import poster

if TYPE_CHECKING:
    from collections.abc import Callable


class Waiting:
    """A tool that says that it runs, and then never returns."""

    def __init__(self, runs: int = 1) -> None:
        self.event = anyio.Event()
        self._left = runs

    def tool(self) -> Callable[..., Any]:
        @tool(trusted=True)
        async def wait() -> None:
            self._left -= 1
            if not self._left:
                self.event.set()
            await anyio.sleep_forever()

        return wait


def model() -> ScriptedModel:
    return ScriptedModel(call("wait"), say("Done."), say("Hello again."))


async def goes_on(session: Session, status: str = "cancelled") -> None:
    """The turn was stopped, and it can be gone on with, and so can the session."""
    finished = session.state.finished
    assert finished is not None
    assert finished.status == status
    assert_whole(session)
    answer = await session.go_on()
    assert (answer.status, answer.text) == ("finished", "Done.")
    assert (await session.ask("And now?")).text == "Hello again."
    assert_whole(session)


def from_a_thread(token: CancelToken) -> None:
    thread = threading.Thread(target=token.cancel, args=("enough",))
    thread.start()
    thread.join()


def from_another_loop(token: CancelToken) -> None:
    async def cancel() -> None:
        await anyio.lowlevel.checkpoint()
        token.cancel("enough")

    thread = threading.Thread(target=anyio.run, args=(cancel,))
    thread.start()
    thread.join()


def from_a_signal_handler(token: CancelToken) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: token.cancel("enough"))
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def from_here(token: CancelToken) -> None:
    token.cancel("enough")


@pytest.mark.parametrize(
    "how", [from_here, from_a_thread, from_another_loop, from_a_signal_handler]
)
async def test_a_token_stops_the_turns_of_many_sessions(how: Callable[..., None]) -> None:
    waiting, token = Waiting(runs=3), CancelToken()
    answers: list[Answer] = []
    async with Runtime(model=model(), tools=[waiting.tool()]) as runtime:
        sessions = [runtime.session() for _ in range(3)]

        async def ask(session: Session) -> None:
            answers.append(await session.ask("Go.", cancel=token))

        async with sessions[0], sessions[1], sessions[2]:
            with anyio.fail_after(20):
                async with anyio.create_task_group() as group:
                    for session in sessions:
                        group.start_soon(ask, session)
                    await waiting.event.wait()
                    assert not token.cancelled
                    how(token)
            for answer in answers:
                assert (answer.status, answer.reason) == ("cancelled", "enough")
                assert outcomes(answer) == ["cancelled"]
                with pytest.raises(TurnCancelled, match="enough"):
                    answer.raise_for_status()
            assert (token.cancelled, token.reason) == (True, "enough")
            for session in sessions:
                await goes_on(session)


async def test_a_token_that_was_cancelled_stops_what_begins_with_it() -> None:
    token, made = CancelToken(), model()
    token.cancel("before")
    token.cancel("and again")
    async with Session(model=made, tools=[Waiting().tool()]) as session:
        answer = await session.ask("Go.", cancel=token)

        assert (answer.status, answer.reason, made.requests) == ("cancelled", "before", [])
        assert [message.content for message in session.transcript] == ["Go."]
        answer = await session.go_on(cancel=token)
        assert (answer.status, made.requests) == ("cancelled", [])
        assert (await session.go_on(cancel=CancelToken(), seconds=0.2)).status == "limited"


async def test_a_token_stops_a_stream_and_says_why_in_its_last_event() -> None:
    waiting, token = Waiting(), CancelToken()
    events: list[Event] = []
    async with Session(model=model(), tools=[waiting.tool()]) as session:
        with anyio.fail_after(20):
            async with session.stream("Go.", cancel=token) as stream:
                async for event in stream:
                    events.append(event)
                    if waiting.event.is_set() or type(event).__name__ == "ToolCallStarted":
                        token.cancel("enough")
        last = events[-1]
        assert isinstance(last, TurnFinished)
        assert (last.status, last.reason, last.answer.reason) == ("cancelled", "enough", "enough")
        await goes_on(session)


async def test_a_token_lets_go_of_turns_that_ended() -> None:
    token = CancelToken()
    async with Session(model=ScriptedModel("One.", "Two.")) as session:
        await session.ask("Go.", cancel=token)
        assert not token._watching
        token.cancel()
        assert (await session.ask("Go.")).text == "Two."


async def test_what_is_no_token_is_refused() -> None:
    async with Session(model=ScriptedModel("One.")) as session:
        with pytest.raises(ConfigError, match="cancel must be a CancelToken, not Event"):
            await session.ask("Go.", cancel=threading.Event())  # type: ignore[arg-type]
        assert session.transcript == []


async def test_a_deadline_of_its_own_limits_a_turn() -> None:
    async with Session(model=model(), tools=[Waiting().tool()]) as session:
        answer = await session.ask("Go.", seconds=0.2)

        assert (answer.status, outcomes(answer)) == ("limited", ["cancelled"])
        assert answer.limit is not None
        assert (answer.limit.limit, answer.limit.value) == ("seconds", 0.2)
        await goes_on(session, "limited")


async def test_a_deadline_of_its_own_is_never_wider_than_the_limit() -> None:
    limits = Limits(seconds=0.2)
    async with Session(model=model(), tools=[Waiting().tool()], limits=limits) as session:
        with anyio.fail_after(20):
            answer = await session.ask("Go.", seconds=900)
        assert answer.limit is not None
        assert (answer.status, answer.limit.value) == ("limited", 0.2)


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
async def test_a_deadline_that_cannot_be_is_refused(seconds: float) -> None:
    async with Session(model=model(), tools=[Waiting().tool()]) as session:
        with pytest.raises(ConfigError, match="seconds must be greater than 0"):
            await session.ask("Go.", seconds=seconds)
        assert session.transcript == []
        assert (await session.ask("Go.", seconds=0.1)).status == "limited"


async def test_a_tool_stops_its_own_turn() -> None:
    ran = False

    @tool(trusted=True)
    async def wait() -> str:
        nonlocal ran
        session.cancel("the tool has seen enough")
        await anyio.lowlevel.checkpoint()  # it is stopped where it waits next
        ran = True
        return "no"

    async with Session(model=model(), tools=[wait]) as session:
        answer = await session.ask("Go.")

        assert (answer.status, answer.reason) == ("cancelled", "the tool has seen enough")
        assert (outcomes(answer), ran) == (["cancelled"], False)
        await goes_on(session)


def until_cancelled(context: CallContext) -> None:
    while not context.cancelled:
        threading.Event().wait(0.01)  # as a function would that computes


async def test_a_tool_in_a_thread_stops_its_own_turn_and_sees_that_it_was() -> None:
    seen = threading.Event()

    @tool(trusted=True)
    def wait(context: CallContext) -> str:
        before = context.cancelled
        session.cancel("from a thread")
        until_cancelled(context)
        if not before:
            seen.set()
        return "no"

    async with Session(model=model(), tools=[wait]) as session:
        with anyio.fail_after(20):
            answer = await session.ask("Go.")
            assert (answer.status, answer.reason) == ("cancelled", "from a thread")
            assert outcomes(answer) == ["cancelled"]
            assert await anyio.to_thread.run_sync(partial(seen.wait, 20))
        await goes_on(session)


async def test_a_tool_that_ran_out_of_time_sees_that_nobody_waits() -> None:
    seen = threading.Event()

    @tool(trusted=True, timeout=0.1)
    def wait(context: CallContext) -> None:
        until_cancelled(context)
        seen.set()

    async with Session(model=model(), tools=[wait]) as session:
        answer = await session.ask("Go.")
        assert outcomes(answer) == ["timeout"]
        assert await anyio.to_thread.run_sync(partial(seen.wait, 20))


async def test_the_first_to_stop_a_turn_says_how_it_ends() -> None:
    waiting = Waiting()
    answers: list[Answer] = []
    async with Session(model=model(), tools=[waiting.tool()]) as session:

        async def ask() -> None:
            answers.append(await session.ask("Go."))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await waiting.event.wait()
            session.cancel("the first")
            session.cancel("the second")
            session._running.time_is_up()
        assert (answers[0].status, answers[0].reason) == ("cancelled", "the first")


async def test_siblings_that_finished_keep_their_results() -> None:
    waiting = Waiting()

    @tool(trusted=True)
    async def quick() -> str:
        return "quick"

    made = ScriptedModel(calls(call("quick"), call("wait"), call("quick")), say("Done."), "Hello.")
    async with Session(model=made, tools=[quick, waiting.tool()]) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(session.ask, "Go.")
            await waiting.event.wait()
            while len(session.state.results) < 2:
                await anyio.lowlevel.checkpoint()
            session.cancel()
        results = list(session.state.turn_results.values())
        assert sorted(each.outcome for each in results) == ["cancelled", "ok", "ok"]
        answer = await session.go_on()
        assert outcomes(answer) == ["ok", "cancelled", "ok"]
        assert_whole(session)


async def test_the_runtime_stops_a_session_by_its_name() -> None:
    waiting = Waiting()
    async with Runtime(model=model(), tools=[waiting.tool()], tenant="acme") as runtime:
        async with runtime.session("42") as session, anyio.create_task_group() as group:
            assert await runtime.cancel("42", tenant="other") is False
            group.start_soon(session.ask, "Go.")
            await waiting.event.wait()
            assert await runtime.cancel("another") is False
            assert await runtime.cancel("42", tenant="other") is False
            assert session._running.parking.asked is False
            assert await runtime.cancel("42", tenant="acme", reason="the user left")
        finished = session.state.finished
        assert finished is not None
        assert (finished.status, finished.reason) == ("cancelled", "the user left")
        assert await runtime.cancel("42") is False


def test_a_token_stops_turns_of_a_loop_that_anyio_did_not_start() -> None:
    """As a service does under uvicorn: in a callback anyio does not know which loop runs."""

    async def main() -> Answer:
        token, waiting = CancelToken(), Waiting()
        async with Session(model=model(), tools=[waiting.tool()]) as session:
            turn = asyncio.ensure_future(session.ask("Go.", cancel=token))
            await waiting.event.wait()
            from_a_thread(token)
            answer = await turn
            await goes_on(session)
            return answer

    answer = asyncio.run(main())
    assert (answer.status, answer.reason) == ("cancelled", "enough")


def test_a_callback_of_asyncio_can_say_which_loop_it_is_on() -> None:
    """Nothing of anyio is known there: such as where a store tells of a request to stop."""

    async def main() -> bool:
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        context = contextvars.Context()
        loop.call_soon(lambda: poster()(told.set), context=context)
        await asyncio.wait_for(told.wait(), 20)
        return told.is_set()

    assert asyncio.run(main())
