"""Does a session go on in another process as if nothing had happened, wherever the first one died?

What a process that dies at a boundary leaves behind is the events before it, and so each boundary
of an undisturbed run is resumed from. Processes that are really killed: tests/integration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs

from tests.rig.mock import Call, MockServer, Step
from tests.unit.test_turn import SOON, call
from toolrun import (
    Approve,
    AssistantMessage,
    ConfigError,
    Deny,
    Edit,
    LeaseLost,
    Limits,
    Runtime,
    Sampling,
    Session,
    SessionBusy,
    SettingsChanged,
    ToolCallFinished,
    ToolCallStarted,
    ToolMessage,
    ToolsChanged,
    TurnFinished,
    UserMessage,
    tool,
)
from toolrun.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from toolrun.events import Durable
    from toolrun.store.contract import Store
    from toolrun.tools.context import CallContext


class Ledger:
    """Tools that write down what they did, under the idempotency key of each call."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def tools(self, **options: Any) -> list[Callable[..., Any]]:
        @tool(trusted=True, **options)
        async def pay(amount: int, context: CallContext) -> str:
            """Pay something."""
            self.done.append(context.idempotency_key)
            return f"paid {amount}"

        @tool(trusted=True, approve=True, **options)
        async def send(to: str, context: CallContext) -> str:
            """Send something."""
            self.done.append(context.idempotency_key)
            return f"sent to {to}"

        return [pay, send]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sessions.db"


def runtime(mock: MockServer, url: str, tools: Sequence[Any], **options: Any) -> Runtime:
    mine = {"model": mock.model, "base_url": mock.url, "tools": tools, "retries": SOON}
    return Runtime(**{**mine, "store": url, **options})


async def left_behind(url: str, session: str, events: Sequence[Durable]) -> None:
    """What a process leaves that dies once these events are stored."""
    store = open_store(url)
    await store.open()
    await put(store, session, events)
    await store.aclose()


async def put(store: Store, session: str, events: Sequence[Durable]) -> None:
    lease = await store.create(session)
    if events:
        await store.append(lease, [structs.replace(event, session=session) for event in events])
    await store.release(lease)


async def stored(url: str, session: str) -> list[Durable]:
    store = open_store(url)
    await store.open()
    events = await store.read(session)
    await store.aclose()
    return events


def up_to(events: Sequence[Durable], kind: type, number: int = 1) -> list[Durable]:
    """The events up to the n-th of a kind."""
    found = [index for index, event in enumerate(events) if isinstance(event, kind)]
    return list(events[: found[number - 1] + 1])


PAYS = Step("I pay both.", tool_calls=(call("pay", "a", amount=1), call("pay", "b", amount=2)))


async def test_from_every_boundary_the_transcript_and_the_requests_are_those_of_an_undisturbed_run(
    mock: MockServer, url: str
) -> None:
    mock.script(
        PAYS,
        Step("Now I send.", tool_calls=(call("pay", "c", amount=3),)),
        Step("Done, then.", content="All paid."),
        Step("He thanks.", content="You are welcome."),
    )
    ledger = Ledger()
    async with runtime(mock, url, ledger.tools(on_crash="key")) as shared:
        async with shared.session("whole") as chat:
            await chat.ask("Pay.")
            await chat.ask("Thanks.")
            transcript = chat.messages()
        store = await shared.store()
        events = await store.read("whole")
        bodies = [request.body for request in mock.requests()]
        for count in range(1, len(events)):
            session = f"cut-{count}"
            await put(store, session, events[:count])
            before = len(mock.requests())
            async with shared.resume(session) as chat:
                if chat.state.running:
                    await chat.go_on()
                while chat.state.turn < 2:
                    await chat.ask("Pay." if chat.state.turn == 0 else "Thanks.")
                assert chat.messages() == transcript, count
            sent = [request.body for request in mock.requests()[before:]]
            assert sent == bodies[len(bodies) - len(sent) :], count


# ---- calls that were cut off ----


async def cut_in_the_call(mock: MockServer, url: str, session: str, tools: list[Any]) -> None:
    """Leave a session whose process died with `pay b` begun, and its sibling done."""
    mock.script(PAYS, Step("So.", content="All paid."))
    async with runtime(mock, url, tools) as shared, shared.session(f"{session}-whole") as chat:
        await chat.ask("Pay.")
    events = await stored(url, f"{session}-whole")
    ended = next(e for e in events if isinstance(e, ToolCallFinished) and e.call_id == "b")
    rest = [
        event
        for event in events
        if event.seq <= ended.seq + 1 and event is not ended and event.step == 1
    ]
    opening = [event for event in events if event.step == 0]
    kept = [e for e in [*opening, *rest] if isinstance(e, ToolCallStarted) or _keeps(e)]
    await left_behind(url, session, [structs.replace(e, seq=n) for n, e in enumerate(kept, 1)])


def _keeps(event: Durable) -> bool:
    return not (isinstance(event, ToolCallFinished) and event.call_id == "b")


@pytest.mark.parametrize("policy", ["rerun", "key"])
async def test_a_call_that_was_cut_off_runs_again_with_its_key_and_its_sibling_does_not(
    mock: MockServer, sqlite: str, policy: str
) -> None:
    ledger = Ledger()
    tools = ledger.tools(on_crash=policy)
    await cut_in_the_call(mock, sqlite, "s", tools)
    ledger.done.clear()
    async with runtime(mock, sqlite, tools) as shared, shared.resume("s") as chat:
        answer = await chat.go_on()
    assert answer.status == "finished"
    assert ledger.done == ["s.1.1.b"]
    assert [each.content for each in chat.transcript if isinstance(each, ToolMessage)] == [
        "paid 1",
        "paid 2",
    ]


async def test_what_may_never_run_twice_is_unknown_to_the_model(
    mock: MockServer, sqlite: str
) -> None:
    ledger = Ledger()
    tools = ledger.tools(on_crash="never")
    await cut_in_the_call(mock, sqlite, "s", tools)
    ledger.done.clear()
    async with runtime(mock, sqlite, tools) as shared, shared.resume("s") as chat:
        answer = await chat.go_on()
    assert ledger.done == []
    outcomes = [each.result and each.result.outcome for each in answer.tool_calls]
    assert outcomes == ["ok", "unknown"]
    told = mock.bodies()[-1]["messages"][-1]["content"]
    assert "Its outcome is unknown" in told
    assert "Look before you do it again" in told


async def test_somebody_decides_on_what_may_have_happened(mock: MockServer, sqlite: str) -> None:
    ledger = Ledger()
    tools = ledger.tools()  # trusted: "ask"
    await cut_in_the_call(mock, sqlite, "s", tools)
    ledger.done.clear()
    async with runtime(mock, sqlite, tools) as shared:
        async with shared.resume("s") as chat:
            answer = await chat.go_on()
            assert answer.status == "parked"
            (pending,) = answer.pending
            assert "it may or may not have happened" in pending.reason
        async with shared.resume("s") as chat:  # and it waits wherever it goes
            assert list(chat.state.pending) == ["b"]
            assert (await chat.go_on()).status == "parked"
            await chat.decide("b", Approve())
        async with shared.resume("s") as chat:
            answer = await chat.go_on()
    assert answer.status == "finished"
    assert ledger.done == ["s.1.1.b"]


@pytest.mark.parametrize("how", ["edited", "denied"])
async def test_a_call_that_is_not_to_run_again_or_with_other_arguments(
    mock: MockServer, sqlite: str, how: str
) -> None:
    ledger = Ledger()
    tools = ledger.tools()
    await cut_in_the_call(mock, sqlite, "s", tools)
    ledger.done.clear()
    async with runtime(mock, sqlite, tools) as shared, shared.resume("s") as chat:
        await chat.go_on()
        denied = Deny("I looked: it is paid")
        await chat.decide("b", Edit({"amount": 7}) if how == "edited" else denied)
        answer = await chat.go_on()
    second = answer.tool_calls[1].result
    assert second is not None
    if how == "edited":
        assert (second.content, ledger.done) == ("paid 7", ["s.1.1.b"])
    else:
        assert (second.outcome, ledger.done) == ("unknown", [])
        assert second.content.endswith("denied that it be run again: I looked: it is paid")


async def test_saying_something_else_ends_the_turn_that_was_cut_off(
    mock: MockServer, sqlite: str
) -> None:
    ledger = Ledger()
    tools = ledger.tools(on_crash="rerun")
    await cut_in_the_call(mock, sqlite, "s", tools)
    ledger.done.clear()
    mock.script(Step(content="Never mind."))
    async with runtime(mock, sqlite, tools) as shared, shared.resume("s") as chat:
        answer = await chat.ask("Never mind.")
    assert answer.status == "finished"
    assert ledger.done == []
    events = await stored(sqlite, "s")
    ended = [event for event in events if isinstance(event, TurnFinished)]
    assert [event.status for event in ended] == ["cancelled", "finished"]
    cut = next(e for e in events if isinstance(e, ToolCallFinished) and e.call_id == "b")
    assert cut.result.outcome == "unknown"


async def test_a_tool_of_ones_own_keeps_its_word_under_the_name_of_one_of_toolruns(
    mock: MockServer, sqlite: str
) -> None:
    done: list[int] = []

    @tool(trusted=True, name="recall_result", on_crash="never")
    async def recall(number: int) -> str:
        """Call a product back."""
        done.append(number)
        return "called back"

    mock.script(
        Step("I do.", tool_calls=(call("recall_result", "a", number=1),)), Step(content="So.")
    )
    async with runtime(mock, sqlite, [recall]) as shared:
        async with shared.session("whole") as chat:
            await chat.ask("Go.")
        await left_behind(sqlite, "s", up_to(await stored(sqlite, "whole"), ToolCallStarted))
        async with shared.resume("s") as chat:
            answer = await chat.go_on()
    assert done == [1]
    assert [each.result and each.result.outcome for each in answer.tool_calls] == ["unknown"]


async def test_a_tool_that_is_gone_leaves_its_call_unknown(mock: MockServer, sqlite: str) -> None:
    ledger = Ledger()
    await cut_in_the_call(mock, sqlite, "s", ledger.tools(on_crash="rerun"))
    async with runtime(mock, sqlite, []) as shared, shared.resume("s", adopt=True) as chat:
        answer = await chat.go_on()
    outcomes = [each.result and each.result.outcome for each in answer.tool_calls]
    assert outcomes == ["ok", "unknown"]


# ---- what is pinned ----


async def test_settings_hold_wherever_a_session_goes_on(mock: MockServer, sqlite: str) -> None:
    mock.script(Step(content="One."), Step(content="Two."))
    async with (
        runtime(mock, sqlite, []) as shared,
        shared.session(
            "s",
            instructions="Be brief.",
            effort="low",
            sampling=Sampling(temperature=0.5, seed=7),
            limits=Limits(steps=3),
            extra_body={"top_k": 3},
        ) as chat,
    ):
        await chat.ask("One?")
        date = chat.state.opened.date if chat.state.opened else ""
    other = runtime(mock, sqlite, [], instructions="Be long.", effort="high")
    async with other, other.resume("s") as chat:
        assert chat.state.settings["instructions"] == "Be brief."
        await chat.ask("Two?")
        assert chat.state.opened is not None
        assert chat.state.opened.date == date
    first, second = mock.bodies()
    assert {**second, "messages": []} == {**first, "messages": []}
    assert second["messages"][0] == first["messages"][0]
    assert not [e for e in await stored(sqlite, "s") if isinstance(e, SettingsChanged)]


async def test_what_is_given_anew_is_recorded_and_holds_from_then_on(
    mock: MockServer, sqlite: str
) -> None:
    async with runtime(mock, sqlite, []) as shared:
        async with shared.session("s", effort="low"):
            pass
        async with shared.resume("s", effort="high", limits=Limits(steps=9)) as chat:
            assert chat.state.settings["effort"] == "high"
        async with shared.resume("s") as chat:
            assert chat.state.settings["effort"] == "high"
            assert chat._parts.settings.limits == Limits(steps=9)
    changed = [e for e in await stored(sqlite, "s") if isinstance(e, SettingsChanged)]
    assert [set(event.settings) for event in changed] == [{"effort", "limits"}]


async def test_other_tools_are_refused_unless_they_are_adopted(
    mock: MockServer, sqlite: str
) -> None:
    @tool(trusted=True)
    def look(place: str) -> str:
        """Look somewhere."""
        return place

    @tool(trusted=True, name="look")
    def look_again(place: str, closely: int = 0) -> str:
        """Look somewhere, better."""
        return place

    @tool(trusted=True)
    def walk() -> None:
        """Walk."""

    async with runtime(mock, sqlite, [look]) as shared, shared.session("s"):
        pass
    async with runtime(mock, sqlite, [look_again, walk]) as other:
        with pytest.raises(ToolsChanged) as raised:
            await other.resume("s")
        assert "walk is new" in str(raised.value)
        assert "look has another description and other parameters" in str(raised.value)
        async with other.resume("s", adopt=True) as chat:
            assert [each["function"]["name"] for each in chat.state.tools] == ["look", "walk"]
        async with other.resume("s"):
            pass
    never = tool(trusted=True, name="look", on_crash="never")(look_again)
    async with runtime(mock, sqlite, [never, walk]) as third:
        with pytest.raises(ToolsChanged, match="on_crash of look was 'ask' and is 'never'"):
            await third.resume("s")


# ---- who may drive ----


async def test_a_session_is_unknown_to_another_tenant(mock: MockServer, sqlite: str) -> None:
    async with runtime(mock, sqlite, []) as shared:
        async with shared.session("s", tenant="acme"):
            pass
        for tenant in ("other", ""):
            with pytest.raises(ConfigError, match="there is no session 's'"):
                await shared.resume("s", tenant=tenant)
        with pytest.raises(ConfigError, match="there is no session 't'"):
            await shared.resume("t")
        async with shared.resume("s", tenant="acme") as chat:
            assert chat.state.settings["tenant"] == "acme"
        with pytest.raises(ConfigError, match="there is a session 's' already"):
            async with shared.session("s"):
                pass


async def test_a_session_stays_its_tenants_whoever_resumes_it(
    mock: MockServer, sqlite: str
) -> None:
    async with runtime(mock, sqlite, []) as shared:
        async with shared.session("s", tenant="acme"):
            pass
        async with shared.resume("s", tenant=None) as chat:
            assert chat.tenant == "acme"


async def test_a_runtime_of_a_tenant_reaches_no_other_tenants_sessions(
    mock: MockServer, sqlite: str
) -> None:
    ledger = Ledger()
    async with runtime(mock, sqlite, ledger.tools()) as shared:
        mock.script(Step("I ask.", tool_calls=(call("send", to="Ann"),)))
        async with shared.session("s", tenant="acme") as chat:
            waits = (await chat.ask("Go.")).pending[0].call_id
        async with runtime(mock, sqlite, [], tenant="other") as other:
            for attempt in (
                other.decide("s", waits, Approve()),
                other.pending("s"),
                other.cancel("s"),
            ):
                with pytest.raises(ConfigError, match="there is no session 's'"):
                    await attempt
            with pytest.raises(ConfigError, match="there is no session 's'"):
                await other.resume("s")


async def test_one_drives_a_session_and_another_may_wait_for_it(
    mock: MockServer, sqlite: str
) -> None:
    async with runtime(mock, sqlite, []) as one, runtime(mock, sqlite, []) as other:
        first = one.session("s")
        async with first:
            with pytest.raises(SessionBusy):
                await other.resume("s")
            with pytest.raises(SessionBusy):
                await other.resume("s", wait=0.3)
            async with anyio.create_task_group() as group:

                async def waits() -> None:
                    async with other.resume("s", wait=30) as chat:
                        assert chat.id == "s"

                group.start_soon(waits)
                await anyio.sleep(0.05)  # it is refused at least once
                await first.aclose()


async def test_of_two_resumers_one_wins(mock: MockServer, url: str) -> None:
    async with runtime(mock, url, []) as one, runtime(mock, url, []) as other:
        async with one.session("s"):
            pass
        came: list[str] = []
        refused = anyio.Event()

        async def resumes(shared: Runtime) -> None:
            try:
                async with shared.resume("s"):
                    came.append("in")
                    with anyio.fail_after(20):
                        await refused.wait()
            except SessionBusy:
                came.append("busy")
                refused.set()

        async with anyio.create_task_group() as group:
            group.start_soon(resumes, one)
            group.start_soon(resumes, other)
        assert sorted(came) == ["busy", "in"]


async def test_a_zombie_writes_nothing_more_and_its_tools_are_killed(
    mock: MockServer, sqlite: str
) -> None:
    reached, ended = anyio.Event(), anyio.Event()

    @tool(trusted=True)
    async def linger() -> None:
        """Take long."""
        reached.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    mock.script(Step(tool_calls=(Call("linger"), Call("nothing"))))
    later = mock.script(Step(content="Done."), name="later")
    zombie, other = (runtime(mock, sqlite, [linger]) for _ in range(2))
    async with zombie, other, zombie.session("s") as chat:
        errors: list[Exception] = []

        async def asks() -> None:
            try:
                await chat.ask("Go.")
            except LeaseLost as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(asks)
            await reached.wait()
            steal(sqlite, "s")
            async with other.resume("s") as taken:
                await taken.ask(f"Go on without it. {later}")
                seen = taken.state.turn
            chat.cancel()
        (error,) = errors
        assert "another process" in str(error)
        assert ended.is_set()
        for again in (chat.ask("Hello?"), chat.go_on(), chat.undo(), chat.decide("a", Deny())):
            with pytest.raises(LeaseLost):
                await again
    events = await stored(sqlite, "s")
    assert seen == 2
    assert [e.seq for e in events] == list(range(1, len(events) + 1))


def steal(url: str, session: str) -> None:
    """Have the lease of a session run out, as if its holder had stood still."""
    import sqlite3

    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE leases SET until = 0 WHERE session = ?", (session,))
    connection.close()


# ---- beginnings and ends ----


async def test_a_session_that_never_opened_is_opened_by_either_way(
    mock: MockServer, sqlite: str
) -> None:
    await left_behind(sqlite, "s", [])
    await left_behind(sqlite, "t", [])
    mock.script(Step(content="Hello."))
    async with runtime(mock, sqlite, []) as shared:
        async with shared.resume("s", effort="low") as chat:
            assert (await chat.ask("Hello?")).text == "Hello."
            assert chat.state.settings["effort"] == "low"
        async with shared.session("t") as chat:
            assert (await chat.ask("Hello?")).text == "Hello."


async def test_what_a_session_begins_with_is_stored_whole(mock: MockServer, sqlite: str) -> None:
    said = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello."},
    ]
    mock.script(Step(content="Fine."))
    async with runtime(mock, sqlite, []) as shared:
        async with shared.session("s", messages=said) as chat:
            first = chat.messages()
        async with shared.resume("s") as chat:
            assert chat.messages() == first
            assert (await chat.ask("How are you?")).text == "Fine."
            async with chat.fork("f") as fork:
                whole = fork.messages()
                assert fork.messages() == chat.messages()
        async with shared.resume("f") as fork:
            assert fork.messages() == whole
            assert await fork.undo() == "How are you?"
    assert [e.session for e in await stored(sqlite, "f")] == ["f"] * len(await stored(sqlite, "f"))


async def test_a_session_that_is_awaited_is_open_and_may_be_entered(
    mock: MockServer, sqlite: str
) -> None:
    mock.script(Step(content="Hello."))
    async with runtime(mock, sqlite, []) as shared:
        async with shared.session("s"):
            pass
        chat = await shared.resume("s")
        async with chat:
            assert (await chat.ask("Hello?")).text == "Hello."
        with pytest.raises(ConfigError, match="closed"):
            await chat.ask("Still there?")
        async with shared.resume("s"):
            pass


async def test_options_that_make_no_sense_are_refused(mock: MockServer, sqlite: str) -> None:
    async with runtime(mock, sqlite, []) as shared:
        with pytest.raises(ConfigError, match="has its own; leave them out"):
            shared.resume("s", messages=[])
        with pytest.raises(ConfigError, match="printable"):
            shared.resume("a\nb")
    async with Runtime(model="m") as bare:
        with pytest.raises(ConfigError, match="there is no store"):
            await bare.resume("s")


@pytest.mark.parametrize("id_", ["", "a\0b", "a\nb", "x" * 201, "\ud800", 7])
def test_ids_that_can_be_none(id_: Any) -> None:
    with pytest.raises(ConfigError, match="1 to 200 printable characters"):
        Session(id=id_)


async def test_limits_hold_for_a_turn_that_is_gone_on_with(mock: MockServer, sqlite: str) -> None:
    ledger = Ledger()
    mock.script(
        *[Step(tool_calls=(call("pay", f"c{number}", amount=number),)) for number in range(9)]
    )
    async with runtime(mock, sqlite, ledger.tools(), limits=Limits(steps=3)) as shared:
        async with shared.session("whole") as chat:
            whole = await chat.ask("Pay.")
            transcript = chat.messages()
        events = await stored(sqlite, "whole")
        await left_behind(sqlite, "s", up_to(events, AssistantMessage, 2))
        async with shared.resume("s") as chat:
            answer = await chat.go_on()
            assert chat.messages() == transcript
    assert (answer.status, whole.status) == ("limited", "limited")


async def test_an_answer_that_was_there_is_not_sampled_again(mock: MockServer, sqlite: str) -> None:
    mock.script(Step("Hm.", content="Yes."))
    async with runtime(mock, sqlite, []) as shared:
        async with shared.session("whole") as chat:
            await chat.ask("Well?")
        events = await stored(sqlite, "whole")
        await left_behind(sqlite, "s", up_to(events, AssistantMessage))
        async with shared.resume("s") as chat:
            answer = await chat.go_on()
    assert (answer.text, answer.status) == ("Yes.", "finished")
    assert len(mock.bodies()) == 1
    assert isinstance(events[1], UserMessage)


def test_code_without_a_loop_resumes_too(mock: MockServer, sqlite: str) -> None:
    options: Any = {"model": mock.model, "base_url": mock.url, "store": sqlite}
    mock.script(Step("Hm.", content="Hello."))
    with Session.sync("s", **options) as chat:
        chat.ask("Hello?")
        first = chat.messages()
    again = Session.sync(resume="s", **options)
    with pytest.raises(ConfigError, match="not open"):
        again.messages()
    with again as chat:
        assert (chat.id, chat.messages()) == ("s", first)
        assert chat.ask("Still there?").text == "Hello."
        assert chat.undo() == "Still there?"
    with (
        pytest.raises(ConfigError, match="there is no session 't'"),
        Session.sync(resume="t", **options),
    ):
        pass
    with pytest.raises(ConfigError, match="give resume alone"):
        Session.sync("s", resume="s", **options)
