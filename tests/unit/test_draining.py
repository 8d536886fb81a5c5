"""Does a runtime that drains take nothing new, and leave whole what it had?"""

from __future__ import annotations

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
    CancelToken,
    ConfigError,
    Draining,
    Runtime,
    Session,
    SessionBusy,
    TurnParked,
    draining,
    tool,
)
from toolrun.testing import ScriptedModel, call, calls
from toolrun.tools.runners import abandoned_threads

if TYPE_CHECKING:
    from collections.abc import Callable


class Work:
    """A tool that says that it runs, and ends when it is let go."""

    def __init__(self) -> None:
        self.runs, self.go = anyio.Event(), anyio.Event()

    def tool(self) -> Callable[..., Any]:
        @tool(trusted=True)
        async def work() -> str:
            """Work."""
            self.runs.set()
            await self.go.wait()
            return "worked"

        return work


def model() -> ScriptedModel:
    return ScriptedModel(calls(call("work"), call("work")), "Done.")


async def test_a_turn_ends_where_its_step_does_and_nothing_new_begins() -> None:
    work, made = Work(), model()
    answers: list[Answer] = []
    async with Runtime(model=made, tools=[work.tool()]) as runtime:
        idle = await runtime.session().__aenter__()
        session = await runtime.session().__aenter__()

        async def ask() -> None:
            answers.append(await session.ask("Go."))

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await work.runs.wait()
                group.start_soon(partial(runtime.drain, 600, reason="a new version"))
                while not runtime.draining:
                    await anyio.lowlevel.checkpoint()
                with pytest.raises(Draining, match="about to end"):
                    await idle.ask("Hello?")
                with pytest.raises(SessionBusy):
                    await session.ask("Hello?")
                with pytest.raises(Draining, match=r"runtime\.resume"):
                    await runtime.session().__aenter__()
                work.go.set()
        (answer,) = answers
        assert (answer.status, answer.reason) == ("parked", "a new version")
        assert outcomes(answer) == ["ok", "ok"]
        assert len(made.requests) == 1
        assert_whole(session)
        with pytest.raises(TurnParked, match="a new version"):
            answer.raise_for_status()
        assert session._closed
        assert idle._closed
        with pytest.raises(ConfigError, match="closed"):
            await idle.ask("Hello?")
        await runtime.drain(0)  # once more is fine


async def test_a_turn_that_is_about_to_end_ends_by_itself() -> None:
    reached, go = anyio.Event(), anyio.Event()

    async def late(_: Any) -> str:
        reached.set()
        await go.wait()
        return "Done."

    answers: list[Answer] = []
    async with Runtime(model=ScriptedModel(late)) as runtime:
        session = await runtime.session().__aenter__()

        async def ask() -> None:
            answers.append(await session.ask("Go."))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await reached.wait()
            group.start_soon(runtime.drain, 600)
            while not runtime.draining:
                await anyio.lowlevel.checkpoint()
            go.set()
    assert (answers[0].status, answers[0].text) == ("finished", "Done.")


async def test_without_a_store_what_is_cut_off_keeps_a_whole_transcript() -> None:
    work = Work()
    answers: list[Answer] = []
    async with Runtime(model=model(), tools=[work.tool()]) as runtime:
        session = await runtime.session().__aenter__()

        async def ask() -> None:
            answers.append(await session.ask("Go."))

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await work.runs.wait()
                await runtime.drain(0.05, reason="a new version")
    (answer,) = answers
    assert (answer.status, answer.reason) == ("cancelled", "a new version")
    assert outcomes(answer) == ["cancelled", "cancelled"]
    assert_whole(session)
    messages = session.messages()
    async with Session(model=ScriptedModel("Hello again."), messages=messages) as another:
        assert (await another.ask("And now?")).text == "Hello again."


async def test_the_context_is_left_once_a_signal_has_drained_it() -> None:
    ended = False
    before = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)
    two = (signal.SIGUSR1, signal.SIGUSR2)
    with anyio.fail_after(20):
        async with Runtime(model=model()) as runtime:
            async with draining(runtime, signals=two) as stopping:
                signal.raise_signal(signal.SIGUSR2)
                await anyio.sleep_forever()
            ended = True
            assert runtime.draining
            assert stopping.signal is signal.SIGUSR2
    assert ended
    assert before == (signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2))


async def test_a_context_that_ends_by_itself_or_by_an_error_drains_nothing() -> None:
    async with Runtime(model=model()) as runtime:
        async with draining(runtime, signals=[signal.SIGUSR1]):
            pass
        with pytest.raises(ZeroDivisionError):
            async with draining(runtime, signals=[signal.SIGUSR1]):
                raise ZeroDivisionError
        with anyio.move_on_after(0.05) as scope:
            async with draining(runtime, signals=[signal.SIGUSR1]):
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert not runtime.draining


async def test_a_server_hears_of_the_signal_too_and_ends_the_context_itself() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        async with Runtime(model=model()) as runtime:
            async with draining(runtime, signals=[signal.SIGUSR1], pass_on=True):
                signal.raise_signal(signal.SIGUSR1)
                with anyio.fail_after(20):
                    while not runtime.draining:
                        await anyio.lowlevel.checkpoint()
                await anyio.sleep(0.05)  # nobody cancels it
            assert heard == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_signals_are_of_the_main_thread() -> None:
    async def enter() -> None:
        async with Runtime(model=model()) as runtime, draining(runtime):
            raise AssertionError

    raised: list[BaseException] = []

    def run() -> None:
        try:
            anyio.run(enter)
        except ConfigError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0])


async def test_a_thread_that_cannot_be_stopped_is_counted_and_logged_with_its_session(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs, release = threading.Event(), threading.Event()

    @tool(trusted=True)
    def work() -> None:
        runs.set()
        release.wait(30)

    async with Runtime(model=model(), tools=[work]) as runtime:
        try:
            async with runtime.session("42") as session:
                async with anyio.create_task_group() as group:
                    group.start_soon(session.ask, "Go.")
                    await anyio.to_thread.run_sync(runs.wait)
                    session.cancel()
                assert runtime.counts["ThreadLeftBehind"] == abandoned_threads() >= 1
        finally:
            release.set()
    with anyio.fail_after(20):
        while abandoned_threads():  # noqa: ASYNC110 - threads tell nobody that they end
            await anyio.sleep(0.01)
    logged = capsys.readouterr().out
    assert "tool left behind in its thread" in logged
    for part in ("session=42", "tool=work", "call="):
        assert part in logged


def test_a_blocking_session_takes_a_token_and_a_deadline() -> None:
    runs, release, token = threading.Event(), threading.Event(), CancelToken()

    @tool(trusted=True)
    async def work() -> None:
        runs.set()
        await anyio.sleep_forever()

    def cancel() -> None:
        runs.wait(30)
        token.cancel("enough")
        release.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    with Session.sync(model=model(), tools=[work]) as session:
        answer = session.ask("Go.", cancel=token)
        assert (answer.status, answer.reason) == ("cancelled", "enough")
        assert session.go_on().text == "Done."
        with session.stream("Again.", seconds=60, cancel=token) as events:
            assert type(list(events)[-1]).__name__ == "TurnFinished"
    with Session.sync(model=model(), tools=[work]) as session:
        assert session.ask("Go.", seconds=0.1).status == "limited"
    thread.join()
