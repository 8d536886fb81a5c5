"""Does a session without an event loop do the same, and can it be interrupted?"""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.rig.mock import Call, MockServer, Step
from tests.unit.test_turn import SOON, TOOLS, results
from toolrun import (
    Approve,
    ConfigError,
    ServerStatus,
    Session,
    SessionBusy,
    TextDelta,
    TurnFinished,
    tool,
)
from toolrun.testing import ScriptedModel
from toolrun.testing import call as call_tool

if TYPE_CHECKING:
    from toolrun import Request
    from toolrun.blocking import BlockingSession


def blocking(mock: MockServer, **options: Any) -> BlockingSession:
    mine = {"model": mock.model, "base_url": mock.url, "tools": TOOLS, "retries": SOON}
    return Session.sync(**{**mine, **options})


def scripted(*steps: Any) -> BlockingSession:
    tools: Any = TOOLS
    return Session.sync(model=ScriptedModel(*steps), tools=tools)


def test_asking() -> None:
    with scripted(call_tool("echo", {"text": "a"}, reasoning="Why."), "Done.") as chat:
        answer = chat.ask("Go.")
        assert [each["role"] for each in chat.messages()] == [
            *("user", "assistant", "tool", "assistant")
        ]
        assert len(chat.transcript) == 4

    assert (answer.text, results(answer)) == ("Done.", ["a"])


def test_deciding_and_going_on() -> None:
    with scripted(call_tool("send", {"to": "Ann"}), "Done.") as chat:
        assert chat.ask("Go.").status == "parked"
        chat.decide("call_1_1", Approve())
        assert chat.go_on().text == "Done."


def test_watching(mock: MockServer) -> None:
    with blocking(mock) as chat, chat.stream("Go.") as events:
        heard = list(events)

    assert "".join(e.text for e in heard if isinstance(e, TextDelta)) == "Hello there, friend!"
    assert isinstance(heard[-1], TurnFinished)


def test_leaving_early_cancels(mock: MockServer) -> None:
    mock.script(Step(content="word " * 50, chunk_delay_s=0.005, chunks_per_write=1))
    with blocking(mock) as chat:
        with chat.stream("Go.") as events:
            next(each for each in events if isinstance(each, TextDelta))
        finished = chat._session.state.finished

    assert finished is not None
    assert finished.status == "cancelled"


class Mine(Exception):
    """An error of the caller's own."""


def test_an_error_in_the_body_is_raised_as_itself(mock: MockServer) -> None:
    with blocking(mock) as chat:
        with pytest.raises(Mine), chat.stream("Go."):
            raise Mine
        with pytest.raises(Mine), blocking(mock):
            raise Mine
        assert chat.ask("More.").status == "finished"


def test_an_error_of_the_turn_is_raised(mock: MockServer) -> None:
    mock.script(Step(fault="http_429"))
    with blocking(mock) as chat, pytest.raises(ServerStatus):
        chat.ask("Go.")


def test_an_interruption_cancels_the_turn_and_the_session_goes_on(mock: MockServer) -> None:
    @tool(trusted=True)
    async def interrupt() -> None:
        """Be the person at the keyboard, then hang."""
        os.kill(os.getpid(), signal.SIGINT)
        await anyio.sleep_forever()

    mock.script(Step(tool_calls=(Call("interrupt"),)))
    mock.script(Step(content="Hello again."), name="later")
    with blocking(mock, tools=[interrupt]) as chat:
        with pytest.raises(KeyboardInterrupt):
            chat.ask("Go.")
        finished = chat._session.state.finished
        assert finished is not None
        assert finished.status == "cancelled"
        assert chat.ask("[[script:later]]").text == "Hello again."


def test_it_must_be_open(mock: MockServer) -> None:
    chat = blocking(mock)
    with pytest.raises(ConfigError, match="use it in a with statement"):
        chat.ask("Go.")
    with chat:
        pass
    with pytest.raises(ConfigError, match="use it in a with statement"):
        chat.ask("Go.")


async def test_it_refuses_to_block_a_running_loop(mock: MockServer, anyio_backend: str) -> None:
    with (
        pytest.raises(ConfigError, match=rf"{anyio_backend} loop; use `async with Session"),
        blocking(mock),
    ):
        raise AssertionError


def test_each_thread_may_have_a_session_of_its_own() -> None:
    def talk(_: int) -> list[str]:
        with scripted(call_tool("echo", {"text": "a"}), "first", "second") as chat:
            return [chat.ask("a").text, chat.ask("b").text]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(talk, range(8))) == [["first", "second"]] * 8


def test_threads_may_share_a_session_one_turn_at_a_time() -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def wait(request: Request) -> str:
        begun.set()
        await anyio.to_thread.run_sync(go_on.wait)
        return "slow"

    with (
        scripted(wait, "quick") as chat,
        ThreadPoolExecutor(1) as threads,
    ):
        slow = threads.submit(chat.ask, "a")
        assert begun.wait(20)
        with pytest.raises(SessionBusy):
            chat.ask("b")
        go_on.set()
        assert slow.result(20).text == "slow"
        assert chat.ask("b").text == "quick"


def test_another_thread_may_cancel_a_turn() -> None:
    begun = threading.Event()

    async def hang(request: Request) -> str:
        begun.set()
        await anyio.sleep_forever()
        raise AssertionError

    with scripted(hang) as chat, ThreadPoolExecutor(1) as threads:
        turn = threads.submit(chat.ask, "a")
        assert begun.wait(20)
        chat.cancel()
        assert turn.result(20).status == "cancelled"


def test_undoing_and_streaming_on() -> None:
    with scripted(call_tool("send", {"to": "Ann"}), "Done.", "Otherwise.") as chat:
        assert chat.ask("Go.").status == "parked"
        chat.decide("call_1_1", Approve())
        with chat.stream_on() as events:
            assert isinstance(list(events)[-1], TurnFinished)
        assert chat.undo() == "Go."
        assert chat.transcript == []
        assert chat.ask("Go.").text == "Otherwise."


def test_an_answer_of_a_type() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    with scripted('{"name": "Ann"}', '{"name": "Bob"}') as chat:
        assert chat.ask("Who?", output=schema).output == {"name": "Ann"}
        with chat.stream("And?", output=schema) as events:
            *_, last = events
    assert isinstance(last, TurnFinished)
    assert last.answer.output == {"name": "Bob"}


def test_a_fork_goes_its_own_way_in_the_same_thread() -> None:
    with Session.sync(model=ScriptedModel("One.", "Two.", "Three.")) as chat:
        chat.ask("First.")
        threads = threading.active_count()
        with chat.fork(effort="high") as other:
            assert other.ask("Other.").text == "Two."
            assert threading.active_count() <= threads
        assert chat.ask("Mine.").text == "Two."

    assert [each.content for each in other.transcript[::2]] == ["First.", "Other."]


def test_an_interruption_while_a_turn_is_started_cancels_it_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hang(request: Any) -> str:
        await anyio.sleep(60)
        raise AssertionError

    with Session.sync(model=ScriptedModel(hang, "Hello.")) as chat:
        start = chat._thread().start_task_soon

        def interrupted(*arguments: Any) -> None:
            start(*arguments)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(chat._thread(), "start_task_soon", interrupted)
            with pytest.raises(KeyboardInterrupt):
                chat.ask("Go.")
        assert chat.ask("Still there?").text == "Hello."
