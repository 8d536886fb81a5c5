"""Can a session always go on: after a cancelled, parked, failed or abandoned turn?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import anyio.lowlevel
import pytest

from tests.rig.mock import Call, MockServer, Step
from tests.unit.test_turn import assert_whole, call, outcomes, results, sends, session
from toolrun import (
    Answer,
    Approve,
    AssistantMessage,
    ConfigError,
    Edit,
    Event,
    SandboxUnavailable,
    ServerStatus,
    Session,
    SessionBusy,
    TextDelta,
    ToolCall,
    ToolrunError,
    TurnFinished,
    UserMessage,
    tool,
)
from toolrun.testing import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.decisions import Decision


class Reached:
    """A tool and an approver that say when they are reached, and then never return."""

    def __init__(self) -> None:
        self.event = anyio.Event()

    def tool(self) -> Callable[..., Any]:
        @tool(trusted=True)
        async def wait() -> None:
            self.event.set()
            await anyio.sleep_forever()

        return wait

    async def approver(self, call: ToolCall) -> Decision:
        self.event.set()
        await anyio.sleep_forever()
        raise AssertionError


STATES = ["sampling", "streaming", "tool", "tools", "approval"]


async def reach(mock: MockServer, state: str, reached: Reached) -> Session:
    """A session whose next turn gets as far as a state, and stays there."""
    steps = {
        "sampling": Step(fault="hang_early"),
        "streaming": Step(content="word " * 50, fault="hang_midway"),
        "tool": Step(tool_calls=(Call("wait"),)),
        "tools": Step(tool_calls=(Call("wait"), call("echo", text="a"), Call("wait"))),
        "approval": Step(tool_calls=sends("Ann")),
    }
    mock.script(steps[state], Step(content="Done."))
    mock.script(Step(content="Hello again."), name="later")
    from tests.unit.test_turn import TOOLS

    return session(mock, tools=[*TOOLS, reached.tool()], approve=reached.approver)


async def until_sampled(mock: MockServer) -> None:
    while not mock.running():  # noqa: ASYNC110 - another process: there is no event to wait for
        await anyio.sleep(0.01)


async def watched(chat: Session, reached: Reached, state: str) -> Answer | None:
    """Ask, streamed where the state needs it."""
    if state != "streaming":
        return await chat.ask("Go.")
    async with chat.stream("Go.") as events:
        async for event in events:
            if isinstance(event, TextDelta):
                reached.event.set()
    return events.answer


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("by", ["cancel", "the caller"])
async def test_a_turn_is_cancelled_in_any_state_and_the_session_goes_on(
    mock: MockServer, state: str, by: str
) -> None:
    reached = Reached()
    answers: list[Answer | None] = []
    async with await reach(mock, state, reached) as chat:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:

                async def ask() -> None:
                    answers.append(await watched(chat, reached, state))

                group.start_soon(ask)
                await (until_sampled(mock) if state == "sampling" else reached.event.wait())
                if by == "cancel":
                    chat.cancel()
                else:
                    group.cancel_scope.cancel()
        finished = chat.state.finished
        assert finished is not None
        assert finished.status == "cancelled"
        if by == "cancel":
            (answer,) = answers
            assert answer is not None
            assert answer.status == "cancelled"
            if state in ("tool", "tools"):
                assert set(outcomes(answer)) <= {"cancelled", "ok"}
                assert "wait gave no result: it was stopped" in results(answer)[0]
        else:
            assert answers == []
        assert_whole(chat)
        assert not chat.state.pending

        later = await chat.ask("[[script:later]]")
        assert (later.status, later.text) == ("finished", "Hello again.")
        assert_whole(chat)


async def test_a_cancelled_turn_goes_on_where_it_was(mock: MockServer) -> None:
    reached = Reached()
    async with await reach(mock, "tool", reached) as chat:
        async with anyio.create_task_group() as group:
            group.start_soon(chat.ask, "Go.")
            await reached.event.wait()
            chat.cancel()
        answer = await chat.go_on()

    assert (answer.status, answer.text) == ("finished", "Done.")
    assert outcomes(answer) == ["cancelled"]


async def test_cancelling_what_does_not_run_does_nothing(mock: MockServer) -> None:
    async with session(mock) as chat:
        chat.cancel()
        assert (await chat.ask("Go.")).status == "finished"
        chat.cancel()
        assert (await chat.ask("Go.")).status == "finished"


async def test_one_turn_at_a_time(mock: MockServer) -> None:
    reached = Reached()
    async with await reach(mock, "tool", reached) as chat, anyio.create_task_group() as group:
        group.start_soon(chat.ask, "Go.")
        await reached.event.wait()
        for second in (chat.ask("More."), chat.go_on(), chat.decide("s0", Approve())):
            with pytest.raises(SessionBusy, match="one at a time"):
                await second
        async with chat.stream("More.") as events:
            with pytest.raises(SessionBusy):
                await until_the_end(events)
        chat.cancel()
    assert len([each for each in chat.transcript if isinstance(each, UserMessage)]) == 1


async def until_the_end(events: Any) -> None:
    async for _ in events:
        pass


async def test_asking_something_else_answers_the_call_that_waits(mock: MockServer) -> None:
    mock.script(Step(tool_calls=sends("Ann")))
    mock.script(Step(content="Another matter."), name="other")
    async with session(mock) as chat:
        assert (await chat.ask("Go.")).status == "parked"
        answer = await chat.ask("Never mind. [[script:other]]")
        assert answer.status == "finished"
        assert answer.tool_calls == ()
        assert not chat.state.pending
        assert_whole(chat)
        with pytest.raises(ConfigError, match="no call 's0' waits for a decision; waiting: none"):
            await chat.decide("s0", Approve())
    (result,) = [each for each in mock.bodies()[-1]["messages"] if each["role"] == "tool"]
    assert result["content"] == "send was not run: the user went on without it"


async def test_only_what_waits_is_decided_and_only_as_it_fits(mock: MockServer) -> None:
    mock.script(Step(tool_calls=(Call("functions.send", '{"to":"Ann"}', "s0"),)), Step(content="."))
    async with session(mock) as chat:
        await chat.ask("Go.")
        with pytest.raises(ConfigError, match="no call 'x' waits for a decision; waiting: s0"):
            await chat.decide("x", Approve())
        with pytest.raises(ConfigError, match=r"\$\.to"):
            await chat.decide("s0", Edit({"to": 7}))
        await chat.decide("s0", Edit({"to": "Bob"}))
        with pytest.raises(ConfigError, match="waiting: none"):
            await chat.decide("s0", Approve())
        assert results(await chat.go_on()) == ["sent to Bob"]


async def test_a_failed_turn_goes_on(mock: MockServer) -> None:
    mock.script(Step(tool_calls=(call("echo", text="a"),)), Step(fault="http_429"))
    async with session(mock) as chat:
        with pytest.raises(ServerStatus):
            await chat.ask("Go.")
        finished = chat.state.finished
        assert finished is not None
        assert finished.status == "failed"
        assert finished.error is not None
        assert finished.error.startswith("ServerStatus: ")
        assert_whole(chat)
        before = len(chat.transcript)

        mock.script(Step(tool_calls=(call("echo", text="a"),)), Step(content="Done."))
        answer = await chat.go_on()
        assert (answer.status, answer.text) == ("finished", "Done.")
        assert results(answer) == ["a"]  # it was not run again
        assert len(chat.transcript) == before + 1


async def test_there_must_be_something_to_go_on_with(mock: MockServer) -> None:
    async with session(mock) as chat:
        with pytest.raises(ConfigError, match="no turn to go on with"):
            await chat.go_on()
        await chat.ask("Go.")
        finished = chat.state.finished
        with pytest.raises(ConfigError, match="no turn to go on with"):
            await chat.go_on()
        assert chat.state.finished is finished  # the turn before is not touched


async def test_a_session_must_be_open(mock: MockServer) -> None:
    chat = session(mock)
    for wrong in (chat.ask("Go."), chat.go_on(), chat.decide("a", Approve())):
        with pytest.raises(ConfigError, match="is not open; use it in `async with`"):
            await wrong
    await chat.aclose()


async def test_a_session_that_was_closed_stays_so_and_another_goes_on(mock: MockServer) -> None:
    async with session(mock) as chat:
        await chat.ask("[[script:final]]")
    for wrong in (chat.ask("Go."), chat.go_on(), chat.undo(), chat.__aenter__()):
        with pytest.raises(ConfigError, match="is closed; another can go on from its messages"):
            await wrong
    assert not chat._runtime._models  # no connection was opened again
    async with session(mock, messages=chat.messages()) as again:
        assert len(again.transcript) == len(chat.transcript) > 0


async def test_a_session_without_a_sandbox_refuses_to_open_and_leaves_nothing(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    def boxed(x: int) -> int:
        return x

    async def none(self: object, tool: object) -> NoReturn:
        raise SandboxUnavailable("none holds")

    from toolrun.tools.sandboxed import SandboxRunner

    monkeypatch.setattr(SandboxRunner, "prepare", none)
    chat = session(mock, tools=[tool(trusted=True)(boxed), _in_a_box])
    private = chat._private
    assert private is not None
    whole = private.aclose

    async def aclose() -> None:
        closed.append("runtime")
        await whole()

    monkeypatch.setattr(private, "aclose", aclose)
    with pytest.raises(SandboxUnavailable):
        async with chat:
            raise AssertionError
    assert closed == ["runtime"]
    assert mock.bodies() == []


def _in_a_box(x: int) -> int:
    return x


async def test_closing_waits_for_the_turn_that_it_cancels(mock: MockServer) -> None:
    reached = Reached()
    chat = await reach(mock, "tool", reached)
    statuses: list[str] = []

    class Slow:
        """A sink that takes its time; the end of the turn must get through it."""

        observes = False

        def observe(self, event: Event) -> None: ...

        async def record(self, event: Event) -> None:
            await anyio.sleep(0.02)
            if isinstance(event, TurnFinished):
                statuses.append(event.status)

    async with anyio.create_task_group() as group:
        async with chat:
            chat._journal.add(Slow())
            group.start_soon(chat.ask, "Go.")
            await reached.event.wait()
        assert statuses == ["cancelled"]


class Stopping:
    """A model that waits until it is stopped, and says so in its own way."""

    def __init__(self, raised: Callable[[BaseException], BaseException]) -> None:
        self.waits = anyio.Event()
        self._raised = raised

    async def sample(self, request: object, observe: object = None) -> AssistantMessage:
        if self.waits.is_set():
            return AssistantMessage(content="Done.")
        self.waits.set()
        try:
            with anyio.fail_after(10):
                await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class() as error:
            raise self._raised(error) from None
        raise AssertionError

    async def aclose(self) -> None: ...


async def test_a_cancellation_that_comes_in_a_group_is_one() -> None:
    """As trio's nurseries raise it."""
    model = Stopping(lambda error: BaseExceptionGroup("", [error]))
    answers: list[Answer] = []
    async with Session(model=model) as chat:

        async def ask() -> None:
            answers.append(await chat.ask("Go."))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await model.waits.wait()
            chat.cancel()
        assert [answer.status for answer in answers] == ["cancelled"]
        assert (await chat.go_on()).text == "Done."


async def test_a_turn_has_an_end_whatever_is_raised() -> None:
    class Odd(BaseException):
        pass

    def odd(_: object) -> NoReturn:
        raise Odd("as no library should")

    async with Session(model=ScriptedModel(odd)) as chat:
        with pytest.raises(Odd):
            await chat.ask("Go.")
        assert chat.state.finished is not None
        assert chat.state.finished.status == "failed"
        assert chat.state.finished.error == "Odd: as no library should"


async def test_a_turn_that_was_done_as_it_was_cancelled_ends_once(mock: MockServer) -> None:
    ends: list[TurnFinished] = []

    class Cancels:
        """A sink that stops the turn in the very moment of its end."""

        observes = False

        def observe(self, event: Event) -> None: ...

        async def record(self, event: Event) -> None:
            if isinstance(event, TurnFinished):
                ends.append(event)
                chat.cancel()
                await anyio.lowlevel.checkpoint()

    async with session(mock) as chat:
        chat._journal.add(Cancels())
        answer = await chat.ask("Go.")

    assert [each.status for each in ends] == ["finished"]
    assert answer.status == "finished"


async def test_a_transcript_begins_a_session(mock: MockServer) -> None:
    mock.script(Step("Why.", tool_calls=(call("echo", "a", text="x"),)), Step("So.", "Done."))
    async with session(mock, instructions="Be kind.") as chat:
        await chat.ask("Go.")
        kept = chat.messages()
    async with session(mock, messages=kept) as chat:
        assert chat.messages() == kept
        await chat.ask("[[script:final]]")
    messages = mock.bodies()[-1]["messages"]

    assert messages[0] == {"role": "system", "content": "Be kind."}
    assert [each["role"] for each in messages[1:]] == [
        *("user", "assistant", "tool", "assistant", "user")
    ]
    assert not any("reasoning" in each for each in messages)  # it belonged to a turn that is over


async def test_a_transcript_that_does_not_fit_is_refused(mock: MockServer) -> None:
    with pytest.raises(ToolrunError, match=r"messages\[0\]"):
        session(mock, messages=[{"role": "critic"}])
