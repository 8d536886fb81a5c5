"""Does whoever watches a turn hear all of it, and get errors as they are?"""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.rig.mock import MockServer, Step
from tests.unit.test_turn import assert_whole, call, sends, session
from toolrun import (
    Approve,
    ReasoningDelta,
    RequestSent,
    Session,
    StepFinished,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFinished,
    UserMessage,
)
from toolrun.errors import ServerStatus

if TYPE_CHECKING:
    from toolrun import Event
    from toolrun.runs import Run
    from toolrun.stream import EventStream


async def test_the_events_of_a_turn_in_order(mock: MockServer) -> None:
    mock.script(Step("Why.", tool_calls=(call("echo", text="a"),)), Step("So.", "Done."))
    async with session(mock) as chat, chat.stream("Go.") as events:
        heard = [event async for event in events]

    kinds = [type(each).__name__ for each in heard if not isinstance(each, TextDelta)]
    kinds = [kind for kind in kinds if kind != "ReasoningDelta"]
    step = ["RequestSent", "StepFinished", "AssistantMessage"]
    calls = ["ToolCallStarted", "ToolCallFinished"]
    assert kinds == ["UserMessage", *step, *calls, *step, "TurnFinished"]
    places = [(each.seq, each.sub) for each in heard]
    assert places == sorted(set(places))
    assert "".join(each.text for each in heard if isinstance(each, ReasoningDelta)) == "Why.So."
    last = heard[-1]
    assert isinstance(last, TurnFinished)
    assert last.answer == events.answer
    assert events.answer is not None
    assert events.answer.text == "Done."


async def test_a_stream_is_sampled_as_a_stream_and_an_answer_whole(mock: MockServer) -> None:
    async with session(mock) as chat:
        await chat.ask("Go.")
        async with chat.stream("Go.") as events:
            async for _ in events:
                pass

    assert [body.get("stream", False) for body in mock.bodies()] == [False, True]


async def test_after_its_end_nobody_listens(mock: MockServer) -> None:
    async with session(mock) as chat:
        async with chat.stream("Go.") as events:
            heard = [event async for event in events]
        assert not chat._journal.listening
        await chat.ask("More.")

    assert len([each for each in heard if isinstance(each, UserMessage)]) == 1


async def test_an_error_of_the_turn_is_raised_after_the_last_event(mock: MockServer) -> None:
    mock.script(Step(fault="http_429"))
    heard: list[Event] = []
    async with session(mock) as chat, chat.stream("Go.") as events:
        with pytest.raises(ServerStatus, match="The mock says 429"):
            await kept(events, heard)

    last = heard[-1]
    assert isinstance(last, TurnFinished)
    assert last.status == "failed"
    assert last.answer.status == "failed"
    assert events.answer is None


class Ear:
    """A listener."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.runs = 0

    def tell(self, event: Event) -> None:
        self.heard.append(event)

    def tell_run(self, run: Run) -> None:
        self.runs += 1
        self.heard += run.events()


def placed(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(type(each).__name__, each.seq, each.sub) for each in events]


async def test_a_listener_hears_what_an_iterator_brings(mock: MockServer) -> None:
    mock.script(Step("Why.", tool_calls=(call("echo", text="a"),)), Step("So.", "Done."))
    async with session(mock) as chat, chat.stream("Go.") as events:
        iterated = [event async for event in events]
    ear = Ear()
    async with session(mock) as chat:
        stream = chat.stream("Go.")
        answer = await stream.into(ear)
        assert not chat._journal.listening

    assert placed(ear.heard) == placed(iterated)
    assert ear.runs > 0
    last = ear.heard[-1]
    assert isinstance(last, TurnFinished)
    assert last.answer == answer == stream.answer
    assert answer.text == "Done."


async def test_a_listener_hears_how_a_turn_failed_before_the_error_is_raised(
    mock: MockServer,
) -> None:
    mock.script(Step(fault="http_429"))
    ear = Ear()
    async with session(mock) as chat:
        with pytest.raises(ServerStatus, match="The mock says 429"):
            await chat.stream("Go.").into(ear)

    last = ear.heard[-1]
    assert isinstance(last, TurnFinished)
    assert last.status == "failed"


async def kept(events: EventStream, heard: list[Event]) -> None:
    async for event in events:
        heard.append(event)  # noqa: PERF401 - what came before an error is wanted


async def broken_off(chat: Session, after: type) -> None:
    async with chat.stream("Go.") as events:
        async for event in events:
            if isinstance(event, after):
                raise Mine


class Mine(Exception):
    """An error of the caller's own."""


@pytest.mark.parametrize("after", [RequestSent, TextDelta, TurnFinished])
async def test_an_error_in_the_body_is_raised_as_itself(mock: MockServer, after: type) -> None:
    mock.script(Step("Why.", "word " * 50, chunk_delay_s=0.002, chunks_per_write=1))
    mock.script(Step(content="Hello again."), name="later")
    async with session(mock) as chat:
        with pytest.raises(Mine):
            await broken_off(chat, after)
        finished = chat.state.finished
        assert finished is not None
        assert finished.status == ("finished" if after is TurnFinished else "cancelled")
        assert (await chat.ask("[[script:later]]")).text == "Hello again."


async def left(events: EventStream, after: type) -> None:
    async for event in events:
        if isinstance(event, after):
            return


@pytest.mark.parametrize("after", [UserMessage, TextDelta, ToolCallStarted, ToolCallFinished])
async def test_leaving_early_cancels_the_turn(mock: MockServer, after: type) -> None:
    slow = Step("Why.", "word " * 50, (call("hang"),), chunk_delay_s=0.002, chunks_per_write=1)
    if after is ToolCallFinished:
        slow = Step(tool_calls=(call("echo", text="a"), call("hang")))
    mock.script(slow)
    async with session(mock) as chat:
        with anyio.fail_after(10):
            async with chat.stream("Go.") as events:
                await left(events, after)
        finished = chat.state.finished
        assert finished is not None
        assert finished.status == "cancelled"
        assert_whole(chat)
        with anyio.fail_after(5):
            while mock.running():  # noqa: ASYNC110 - another process
                await anyio.sleep(0.01)


async def test_leaving_at_once_leaves_a_session_that_goes_on(mock: MockServer) -> None:
    async with session(mock) as chat:
        async with chat.stream("Go."):
            pass
        assert (await chat.ask("More.")).status == "finished"


async def test_a_stream_that_is_never_entered_does_and_leaves_nothing(mock: MockServer) -> None:
    async with session(mock) as chat:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            chat.stream("Go.")
            gc.collect()
        assert chat.state.turn == 0
    assert mock.bodies() == []


async def test_a_cancelled_reader_leaves_a_session_that_goes_on(mock: MockServer) -> None:
    mock.script(Step(tool_calls=(call("hang"),)))
    mock.script(Step(content="Hello again."), name="later")
    started = anyio.Event()

    async def read(chat: Session) -> None:
        async with chat.stream("Go.") as events:
            async for event in events:
                if isinstance(event, ToolCallStarted):
                    started.set()

    async with session(mock) as chat:
        async with anyio.create_task_group() as group:
            group.start_soon(read, chat)
            await started.wait()
            group.cancel_scope.cancel()
        assert (await chat.ask("[[script:later]]")).text == "Hello again."
        assert_whole(chat)


async def test_going_on_may_be_watched(mock: MockServer) -> None:
    mock.script(Step(tool_calls=sends("Ann")), Step(content="Done."))
    async with session(mock) as chat:
        await chat.ask("Go.")
        await chat.decide("s0", Approve())
        async with chat.stream_on() as events:
            heard = [event async for event in events]

    assert isinstance(heard[0], ToolCallStarted)
    assert events.answer is not None
    assert events.answer.text == "Done."


async def test_a_step_tells_when_its_first_token_came(mock: MockServer) -> None:
    async with session(mock) as chat, chat.stream("Go.") as events:
        (finished,) = [each async for each in events if isinstance(each, StepFinished)]

    assert finished.first_token is not None
    assert 0 < finished.first_token <= finished.seconds
