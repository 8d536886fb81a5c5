"""Can a call wait for its decision anywhere, and for how long?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.unit.test_turn import assert_whole, outcomes, results
from toolrun import (
    ApprovalDecided,
    Approvals,
    Approve,
    ConfigError,
    Deny,
    Edit,
    Rule,
    Runtime,
    Session,
    SessionBusy,
    ToolCall,
    TurnFinished,
    tool,
)
from toolrun.store.contract import Query
from toolrun.testing import ScriptedModel, call, calls, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun import Answer, Decision


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class Sent:
    """A tool that asks for approval, and keeps what it did."""

    def __init__(self) -> None:
        self.to: list[str] = []

    def tool(self) -> Callable[..., Any]:
        @tool(trusted=True, approve=True)
        async def send(to: str) -> str:
            """Send something."""
            self.to.append(to)
            return f"sent to {to}"

        return send


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.load)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


def model() -> ScriptedModel:
    return ScriptedModel(
        call("send", {"to": "Ann"}), say("Done."), call("send", {"to": "Eve"}), "!"
    )


def process(url: str, sent: Sent, **options: Any) -> Runtime:
    """What a process has: a runtime of its own."""
    return Runtime(**{"model": model(), "tools": [sent.tool()], "store": url, **options})


async def parked(url: str, sent: Sent, name: str = "42", **options: Any) -> str:
    """A session that waits for a decision, in no process; the id of the call."""
    async with process(url, sent, **options) as runtime, runtime.session(name) as session:
        answer = await session.ask("Go.")
        assert answer.status == "parked"
        return answer.pending[0].call_id


async def gone_on(url: str, sent: Sent, **options: Any) -> Answer:
    async with process(url, sent, **options) as runtime, runtime.resume("42") as session:
        answer = await session.go_on()
        assert_whole(session)
        return answer


@pytest.mark.parametrize(
    ("decision", "result", "to"),
    [
        (Approve(), "sent to Ann", ["Ann"]),
        (Deny("not Ann"), "send was not run: the user denied it: not Ann", []),
        (Edit({"to": "Bob"}), "sent to Bob", ["Bob"]),
    ],
)
async def test_one_process_parks_another_decides_a_third_goes_on(
    url: str, decision: Decision, result: str, to: list[str]
) -> None:
    sent = Sent()
    call_id = await parked(url, sent, tenant="acme")
    async with process(url, sent) as runtime:
        (info,) = await (await runtime.store()).sessions(Query(status=("parked",)))
        (waits,) = await runtime.pending("42", tenant="acme")
        assert (info.id, waits.call_id, waits.arguments) == ("42", call_id, {"to": "Ann"})
        await runtime.decide("42", call_id, decision, tenant="acme")
        assert await runtime.pending("42") == ()
        assert not sent.to
    answer = await gone_on(url, sent)
    assert (answer.status, answer.text) == ("finished", "Done.")
    assert (results(answer), sent.to) == ([result], to)


async def test_what_cannot_be_decided_so_is_refused_and_nothing_is_recorded(url: str) -> None:
    sent = Sent()
    call_id = await parked(url, sent, tenant="acme")
    async with process(url, sent) as runtime:
        store = await runtime.store()
        before = await store.read("42")
        with pytest.raises(ConfigError, match="no session '43'"):
            await runtime.decide("43", call_id, Approve())
        with pytest.raises(ConfigError, match="no session '42'"):
            await runtime.decide("42", call_id, Approve(), tenant="other")
        with pytest.raises(ConfigError, match="no session '42'"):
            await runtime.pending("42", tenant="other")
        with pytest.raises(ConfigError, match=f"no call 'x' waits.*waiting: {call_id}"):
            await runtime.decide("42", "x", Approve())
        with pytest.raises(ConfigError, match=r"(?s)send.*to"):
            await runtime.decide("42", call_id, Edit({"to": 7}))
        assert await store.read("42") == before
        await runtime.decide("42", call_id, Deny())
        with pytest.raises(ConfigError, match="waiting: none"):
            await runtime.decide("42", call_id, Approve())


async def test_a_decision_is_checked_again_where_the_call_runs(tmp_path: Path) -> None:
    url, sent = f"sqlite:///{tmp_path}/sessions.db", Sent()
    call_id = await parked(url, sent)
    async with process(url, sent) as runtime:
        await runtime.decide("42", call_id, Edit({"to": "Bob"}))

    @tool(trusted=True, approve=True)
    async def send(to: int) -> str:
        raise AssertionError(to)

    async with (
        process(url, sent, tools=[send]) as runtime,
        runtime.resume("42", adopt=True) as session,
    ):
        answer = await session.go_on()
    assert outcomes(answer) == ["invalid"]


async def test_the_process_that_has_it_open_decides_itself_and_others_are_told(url: str) -> None:
    sent = Sent()
    async with process(url, sent) as runtime, runtime.session("42") as session:
        answer = await session.ask("Go.")
        call_id = answer.pending[0].call_id
        async with process(url, sent) as other:
            with pytest.raises(SessionBusy):
                await other.decide("42", call_id, Approve())
        await runtime.decide("42", call_id, Approve())
        assert (await session.go_on()).text == "Done."
        assert sent.to == ["Ann"]


@pytest.mark.parametrize("scope", ["session", Rule("send", {"to": "?*"})])
async def test_a_standing_approval_outlives_the_process(url: str, scope: Any) -> None:
    sent = Sent()
    call_id = await parked(url, sent)
    async with process(url, sent) as runtime:
        await runtime.decide("42", call_id, Approve(scope=scope))
    await gone_on(url, sent)
    async with process(url, sent) as runtime, runtime.resume("42") as session:
        answer = await session.ask("And Eve.")
    assert (answer.status, answer.text, sent.to) == ("finished", "!", ["Ann", "Eve"])


async def test_what_was_approved_of_a_tool_is_not_approved_of_another_of_its_name(
    tmp_path: Path,
) -> None:
    url, sent = f"sqlite:///{tmp_path}/sessions.db", Sent()
    call_id = await parked(url, sent)
    async with process(url, sent) as runtime:
        await runtime.decide("42", call_id, Approve(scope=Rule("s*")))

    @tool(trusted=True, approve=True)
    async def send(to: str, copies: int = 1000) -> str:
        """Send more of it."""
        sent.to.append(to)
        return f"sent {copies} to {to}"

    async with (
        process(url, sent, tools=[send]) as runtime,
        runtime.resume("42", adopt=True) as session,
    ):
        answer = await session.go_on()
        assert (answer.status, sent.to) == ("parked", [])
        await session.decide(call_id, Approve(scope="session"))
        assert (await session.go_on()).text == "Done."
        # Of this one everything is approved from now on.
        assert (await session.ask("And Eve.")).status == "finished"
    assert sent.to == ["Ann", "Eve"]


async def test_a_decision_that_does_not_come_in_time_is_a_denial(url: str) -> None:
    sent, clock = Sent(), Clock()
    waits: dict[str, Any] = {"approvals": Approvals(seconds=60), "clock": clock}
    call_id = await parked(url, sent, **waits)
    clock.now += 61
    async with process(url, sent, clock=clock) as runtime:
        with pytest.raises(ConfigError, match=r"approvals\.seconds = 60"):
            await runtime.decide("42", call_id, Approve())
    # What was pinned holds, whatever the process that resumes says of others.
    answer = await gone_on(url, sent, clock=clock)
    assert (answer.status, answer.text, sent.to) == ("finished", "Done.", [])
    assert outcomes(answer) == ["denied"]
    assert "nobody decided within 60 s" in results(answer)[0]


async def test_calls_that_wait_too_long_are_swept(url: str) -> None:
    sent, clock = Sent(), Clock()
    waits: dict[str, Any] = {"approvals": Approvals(seconds=60), "clock": clock}
    for name in ("old", "other"):
        await parked(url, sent, name, tenant=name, **waits)
    await parked(url, sent, "patient", clock=clock)
    clock.now += 30
    await parked(url, sent, "new", **waits)
    async with process(url, sent, clock=clock) as runtime:
        assert await runtime.expire_approvals() == []
        clock.now += 40
        assert await runtime.expire_approvals(tenant="old") == ["old"]
        assert await runtime.expire_approvals() == ["other"]
        assert await runtime.expire_approvals() == []
        last = (await (await runtime.store()).read("old"))[-1]
        assert isinstance(last, ApprovalDecided)
        assert (last.decision, last.reason) == ("deny", "nobody decided within 60 s")
        assert len(await runtime.pending("patient")) == len(await runtime.pending("new")) == 1
        async with runtime.resume("old") as session:
            assert outcomes(await session.go_on()) == ["denied"]


async def test_an_approver_that_hangs_leaves_the_call_waiting() -> None:
    sent = Sent()

    async def hang(_: ToolCall) -> Decision:
        await anyio.sleep_forever()
        raise AssertionError

    approvals = Approvals(approver_seconds=0.05)
    async with Session(
        model=model(), tools=[sent.tool()], approve=hang, approvals=approvals
    ) as session:
        answer = await session.ask("Go.")
        assert (answer.status, answer.reason) == ("parked", "")
        await session.decide(answer.pending[0].call_id, Approve())
        assert (await session.go_on()).text == "Done."
        assert sent.to == ["Ann"]


async def test_an_approver_that_takes_longer_than_a_decision_may_denies() -> None:
    sent, asked = Sent(), 0

    async def hang(_: ToolCall) -> Decision:
        nonlocal asked
        asked += 1
        await anyio.sleep_forever()
        raise AssertionError

    approvals = Approvals(seconds=0.1)
    made = ScriptedModel(calls(call("send", {"to": "a"}), call("send", {"to": "b"})), "Done.")
    async with Session(
        model=made, tools=[sent.tool()], approve=hang, approvals=approvals
    ) as session:
        answer = await session.ask("Go.")
    assert (answer.text, outcomes(answer), asked) == ("Done.", ["denied", "denied"], 2)
    assert not sent.to


async def test_draining_waits_for_no_person_and_the_call_waits_on() -> None:
    sent, asked = Sent(), anyio.Event()
    answers: list[Answer] = []

    async def hang(_: ToolCall) -> Decision:
        asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def ask(session: Session) -> None:
        answers.append(await session.ask("Go."))

    async with (
        Runtime(model=model(), tools=[sent.tool()], approve=hang) as runtime,
        runtime.session() as session,
        anyio.create_task_group() as group,
    ):
        group.start_soon(ask, session)
        await asked.wait()
        with anyio.fail_after(20):
            await runtime.drain(600)
    assert answers[0].status == "parked"
    assert len(answers[0].pending) == 1
    assert isinstance(session.state.finished, TurnFinished)


@pytest.mark.parametrize("seconds", [0, -1.0])
@pytest.mark.parametrize("name", ["seconds", "approver_seconds"])
def test_times_that_cannot_be_are_refused(name: str, seconds: float) -> None:
    with pytest.raises(ConfigError, match=f"approvals.{name} must be greater than 0"):
        Approvals(**{name: seconds})
