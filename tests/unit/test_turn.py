"""Do calls run at once, do limits end a turn, and does every call have its result?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.rig.mock import Call, MockServer, Step
from toolrun import (
    Answer,
    Approve,
    AssistantMessage,
    Deny,
    Edit,
    Event,
    Limits,
    ReasoningDelta,
    Retries,
    SandboxUnavailable,
    Session,
    TextDelta,
    ToolCall,
    ToolCallFinished,
    ToolCallStarted,
    ToolMessage,
    tool,
)

if TYPE_CHECKING:
    from toolrun.decisions import Decision


@tool(trusted=True)
async def echo(text: str) -> str:
    """Say it again."""
    return text


@tool(trusted=True)
async def hang() -> None:
    """Never return."""
    await anyio.sleep_forever()


@tool(trusted=True, approve=True)
async def send(to: str) -> str:
    """Send something."""
    return f"sent to {to}"


TOOLS = [echo, hang, send]


SOON = Retries(first_wait=0.01)


def session(mock: MockServer, **options: Any) -> Session:
    mine = {"model": mock.model, "base_url": mock.url, "tools": TOOLS, "retries": SOON}
    return Session(**{**mine, **options})


def call(name: str, call_id: str | None = None, /, **arguments: Any) -> Call:
    return Call(name, json.dumps(arguments), call_id)


def results(answer: Answer) -> list[str]:
    return [each.result.content for each in answer.tool_calls if each.result]


def outcomes(answer: Answer) -> list[str | None]:
    return [each.result.outcome if each.result else None for each in answer.tool_calls]


def assert_whole(session: Session) -> None:
    """Every call in the transcript has its result, right behind it and in order."""
    messages = session.transcript
    for index, message in enumerate(messages):
        if isinstance(message, AssistantMessage):
            behind = messages[index + 1 : index + 1 + len(message.tool_calls)]
            assert [each.call_id for each in behind if isinstance(each, ToolMessage)] == [
                each.id for each in message.tool_calls
            ]


# ---- steps and calls ----


async def test_reasoning_and_results_go_back(mock: MockServer) -> None:
    mock.script(
        Step("I echo.", "One moment.", (call("echo", "a", text="hi"),)), Step("Ok.", "Done.")
    )
    async with session(mock) as chat:
        answer = await chat.ask("Go.")
    _, second = mock.bodies()

    assert (answer.text, answer.status) == ("Done.", "finished")
    assert answer.reasoning == "I echo.\n\nOk."
    said, result = second["messages"][1:]
    assert said["reasoning"] == "I echo."
    assert said["content"] == "One moment."
    assert result == {"role": "tool", "tool_call_id": "a", "name": "echo", "content": "hi"}


async def test_calls_of_one_message_run_at_once_and_their_results_keep_the_order(
    mock: MockServer,
) -> None:
    began = [anyio.Event() for _ in range(3)]

    @tool(trusted=True, timeout=10)
    async def meet(number: int) -> int:
        """Return once every later call has begun, the last call first."""
        began[number].set()
        for event in began:
            await event.wait()
        await finished_after(number)
        done[number].set()
        return number

    done = [anyio.Event() for _ in range(3)]

    async def finished_after(number: int) -> None:
        if number < 2:
            await done[number + 1].wait()

    mock.script(Step(tool_calls=tuple(call("meet", number=n) for n in range(3))), Step(content="."))
    async with session(mock, tools=[meet]) as chat:
        with anyio.fail_after(8):
            answer = await chat.ask("Go.")
    sent = [each["content"] for each in mock.bodies()[1]["messages"] if each["role"] == "tool"]

    assert results(answer) == ["0", "1", "2"]
    assert sent == ["0", "1", "2"]
    finished = [each.name for each in answer.tool_calls]
    assert finished == ["meet"] * 3


async def test_what_cannot_run_is_answered_beside_what_can(mock: MockServer) -> None:
    calls = (
        Call("echo", '{"text":'),
        call("echo", text=7),
        call("launch"),
        call("echo", text="ok"),
    )
    mock.script(Step(tool_calls=calls), Step(content="I see."))
    async with session(mock) as chat:
        answer = await chat.ask("Go.")

    assert outcomes(answer) == ["invalid", "invalid", "invalid", "ok"]
    assert answer.text == "I see."


async def test_the_intent_is_recorded_before_the_call_runs(mock: MockServer) -> None:
    heard: list[Event] = []
    seen: list[list[str]] = []

    @tool(trusted=True)
    async def look() -> None:
        seen.append([type(each).__name__ for each in heard if each.durable])

    class Listener:
        observes = False

        def observe(self, event: Event) -> None: ...

        async def record(self, event: Any) -> None:
            heard.append(event)

    mock.script(Step(tool_calls=(call("look"),)), Step(content="."))
    async with session(mock, tools=[look]) as chat:
        chat._journal.add(Listener())
        await chat.ask("Go.")

    assert seen == [["UserMessage", "AssistantMessage", "ToolCallStarted"]]
    started, finished = (
        each for each in heard if isinstance(each, ToolCallStarted | ToolCallFinished)
    )
    assert started.seq + 1 == finished.seq
    assert [type(each).__name__ for each in heard][-2:] == ["AssistantMessage", "TurnFinished"]


async def test_deltas_carry_the_step_that_is_sampled(mock: MockServer) -> None:
    mock.script(Step("Why.", "I look.", (call("echo", text="x"),)), Step("So.", "Done."))
    async with session(mock) as chat, chat.stream("Go.") as events:
        heard = [event async for event in events]
    deltas = [each for each in heard if isinstance(each, TextDelta | ReasoningDelta)]
    places = [(each.turn, each.step) for each in deltas]

    assert sorted(set(places)) == [(1, 1), (1, 2)]
    assert places == sorted(places)


async def test_a_sandbox_that_fails_in_two_calls_at_once_is_one_error(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock.script(Step(tool_calls=(call("echo", text="a"), call("echo", text="b"))))

    async def run(*arguments: Any) -> Any:
        raise SandboxUnavailable("it holds no more")

    async with session(mock) as chat:
        monkeypatch.setattr(chat._parts.toolbox._trusted, "run", run)
        with pytest.raises(SandboxUnavailable, match="it holds no more"):
            await chat.ask("Go.")

        assert chat.state.finished is not None
        assert chat.state.finished.status == "failed"
        assert_whole(chat)


# ---- limits ----


async def test_the_limit_of_steps(mock: MockServer) -> None:
    mock.script(Step(tool_calls=(call("echo", text="a"),)), Step(content="Done."))
    async with session(mock, limits=Limits(steps=1)) as chat:
        limited = await chat.ask("Go.")
        assert (limited.status, limited.text) == ("limited", "")
        assert limited.limit is not None
        assert (limited.limit.limit, limited.limit.value) == ("steps", 1)
        assert results(limited) == ["a"]
        assert_whole(chat)

        answer = await chat.go_on()
        assert (answer.status, answer.text) == ("finished", "Done.")
        assert len(answer.steps) == 2
        assert answer.limit is None


async def test_the_limit_of_calls(mock: MockServer) -> None:
    calls = tuple(call("echo", text=str(number)) for number in range(4))
    mock.script(Step(tool_calls=calls), Step(content="Done."))
    async with session(mock, limits=Limits(tool_calls=2)) as chat:
        limited = await chat.ask("Go.")
        assert limited.status == "limited"
        assert sorted(outcomes(limited), key=str) == ["denied", "denied", "ok", "ok"]
        assert "the turn has no calls left" in "".join(results(limited))
        assert limited.limit is not None
        assert limited.limit.limit == "tool_calls"
        assert_whole(chat)

        assert (await chat.go_on()).text == "Done."


def let_time_run_out(chat: Session) -> None:
    """Make now the moment at which the seconds of the turn are over."""
    assert chat._running._scope is not None
    left = chat._running._scope.deadline - anyio.current_time()
    assert 0 < left <= 60
    chat._running._scope.deadline = anyio.current_time()


async def test_the_limit_of_seconds_stops_a_tool(mock: MockServer) -> None:
    echoed = anyio.Event()

    @tool(trusted=True)
    async def quick() -> str:
        echoed.set()
        return "a"

    @tool(trusted=True)
    async def slow() -> None:
        await echoed.wait()
        await anyio.wait_all_tasks_blocked()
        let_time_run_out(chat)
        await anyio.sleep_forever()

    mock.script(Step(tool_calls=(call("quick"), call("slow"))), Step(content="Done."))
    async with session(mock, tools=[quick, slow], limits=Limits(seconds=60)) as chat:
        with anyio.fail_after(10):
            limited = await chat.ask("Go.")
        assert limited.status == "limited"
        assert limited.limit is not None
        assert (limited.limit.limit, limited.limit.value) == ("seconds", 60)
        assert outcomes(limited) == ["ok", "cancelled"]
        assert "slow gave no result" in results(limited)[1]
        assert_whole(chat)

        assert (await chat.go_on()).text == "Done."


async def test_the_limit_of_seconds_stops_the_sampling(mock: MockServer) -> None:
    mock.script(Step(content="Late.", fault="hang_early"))
    answers: list[Answer] = []
    async with session(mock, limits=Limits(seconds=60)) as chat:

        async def ask() -> None:
            answers.append(await chat.ask("Go."))

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                while not mock.running():  # noqa: ASYNC110 - another process
                    await anyio.sleep(0.01)
                let_time_run_out(chat)

        assert [each.status for each in answers] == ["limited"]
        assert len(chat.transcript) == 1


async def test_an_answer_that_was_cut_off_is_no_answer(mock: MockServer) -> None:
    mock.script(Step(content="It is", finish_reason="length"))
    async with session(mock) as chat:
        answer = await chat.ask("Go.")

    assert (answer.status, answer.text) == ("limited", "It is")
    assert answer.limit is not None
    assert answer.limit.limit == "max_tokens"


# ---- approval ----


def sends(*to: str) -> tuple[Call, ...]:
    return tuple(call("send", f"s{number}", to=each) for number, each in enumerate(to))


async def test_a_call_that_asks_parks_the_turn(mock: MockServer) -> None:
    mock.script(Step(tool_calls=(*sends("Ann"), call("echo", text="a"))), Step(content="All done."))
    async with session(mock) as chat:
        parked = await chat.ask("Go.")
        assert parked.status == "parked"
        assert [(each.call_id, each.arguments) for each in parked.pending] == [
            ("s0", {"to": "Ann"})
        ]
        assert outcomes(parked) == [None, "ok"]  # what needs no decision has run

        again = await chat.go_on()  # nothing was decided
        assert again.status == "parked"
        assert len(mock.bodies()) == 1

        await chat.decide("s0", Approve())
        answer = await chat.go_on()
        assert (answer.status, answer.text) == ("finished", "All done.")
        assert results(answer) == ["sent to Ann", "a"]
        assert_whole(chat)


@pytest.mark.parametrize(
    ("decision", "result"),
    [
        (Approve(), "sent to Ann"),
        (Edit({"to": "Bob"}), "sent to Bob"),
        (Deny("not today"), "send was not run: the user denied it: not today"),
        (Deny(), "send was not run: the user denied it"),
    ],
)
async def test_what_is_decided_happens(mock: MockServer, decision: Decision, result: str) -> None:
    mock.script(Step(tool_calls=sends("Ann")), Step(content="Done."))
    async with session(mock) as chat:
        await chat.ask("Go.")
        await chat.decide("s0", decision)
        later = await chat.go_on()
    asked: list[ToolCall] = []

    async def approver(call: ToolCall) -> Decision:
        asked.append(call)
        return decision

    async with session(mock, approve=approver) as chat:
        at_once = await chat.ask("Go.")

    assert results(later) == results(at_once) == [result]
    assert [(each.id, each.name) for each in asked] == [("s0", "send")]


async def test_an_edit_of_the_approvers_is_validated(mock: MockServer) -> None:
    async def approver(call: ToolCall) -> Decision:
        return Edit({"to": 7})

    mock.script(Step(tool_calls=sends("Ann")), Step(content="Done."))
    async with session(mock, approve=approver) as chat:
        answer = await chat.ask("Go.")

    assert outcomes(answer) == ["invalid"]
    assert "$.to" in results(answer)[0]


async def test_an_approver_that_raises_denies(mock: MockServer) -> None:
    async def approver(call: ToolCall) -> Decision:
        raise RuntimeError("no connection to the approvers")

    mock.script(Step(tool_calls=sends("Ann")), Step(content="Done."))
    async with session(mock, approve=approver) as chat:
        answer = await chat.ask("Go.")

    assert (answer.status, outcomes(answer)) == ("finished", ["denied"])


@pytest.mark.parametrize("scope", ["call", "session"])
async def test_how_long_an_approval_holds(mock: MockServer, scope: Any) -> None:
    asked: list[str] = []

    async def approver(call: ToolCall) -> Decision:
        asked.append(call.id)
        return Approve(scope)

    first, second = Call("functions.send", '{"to":"Ann"}', "s0"), call("send", "s1", to="Bob")
    mock.script(Step(tool_calls=(first,)), Step(tool_calls=(second,)), Step(content="Done."))
    async with session(mock, approve=approver) as chat:
        answer = await chat.ask("Go.")

    assert results(answer) == ["sent to Ann", "sent to Bob"]
    assert asked == (["s0"] if scope == "session" else ["s0", "s1"])
