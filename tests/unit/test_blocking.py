"""Does a session without an event loop do the same, and can it be interrupted?"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.rig.mock import Call, MockServer, Step
from tests.unit.test_turn import TOOLS, call, results, sends
from toolrun import Approve, ConfigError, ServerStatus, Session, TextDelta, TurnFinished, tool

if TYPE_CHECKING:
    from toolrun.blocking import BlockingSession


def blocking(mock: MockServer, **options: Any) -> BlockingSession:
    return Session.sync(**{"model": mock.model, "base_url": mock.url, "tools": TOOLS, **options})


def test_asking(mock: MockServer) -> None:
    mock.script(Step("Why.", tool_calls=(call("echo", text="a"),)), Step(content="Done."))
    with blocking(mock) as chat:
        answer = chat.ask("Go.")
        assert [each["role"] for each in chat.messages()] == [
            *("user", "assistant", "tool", "assistant")
        ]
        assert len(chat.transcript) == 4

    assert (answer.text, results(answer)) == ("Done.", ["a"])


def test_deciding_and_going_on(mock: MockServer) -> None:
    mock.script(Step(tool_calls=sends("Ann")), Step(content="Done."))
    with blocking(mock) as chat:
        assert chat.ask("Go.").status == "parked"
        chat.decide("s0", Approve())
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
        import anyio

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
