"""Does a session do what its API promises: repeated calls, approvals, budget, context, sinks?"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from toolrun import (
    Approve,
    AssistantMessage,
    Budget,
    CallContext,
    ConfigError,
    Event,
    Limits,
    Prices,
    Rule,
    Rules,
    Runtime,
    ServerStatus,
    Session,
    SessionBusy,
    ToolMessage,
    Usage,
    UserMessage,
    Warned,
    tool,
)
from toolrun.testing import Events, ScriptedModel, call, calls, say

if TYPE_CHECKING:
    from pathlib import Path

ran: list[str] = []


@tool(trusted=True)
async def echo(text: str) -> str:
    """Say it again."""
    ran.append(text)
    return text


@tool(trusted=True, repeatable=True)
async def poll() -> str:
    """Say whether it is done."""
    return "not yet"


@tool(trusted=True, approve=True)
async def send(to: str) -> str:
    """Send something."""
    return f"sent to {to}"


TOOLS: list[Any] = [echo, poll, send]


def session(*steps: Any, **options: Any) -> Session:
    return Session(**{"model": ScriptedModel(*steps), "tools": TOOLS, **options})


def outcomes(answer: Any) -> list[str]:
    return [each.result.outcome for each in answer.tool_calls]


# ---- the same call again ----


SAME = call("echo", {"text": "x"})


async def test_the_same_call_again_and_again_is_warned_of_and_then_stopped() -> None:
    ran.clear()
    events = Events()
    async with session(SAME, SAME, SAME, SAME, SAME, "Never.", sinks=[events]) as chat:
        answer = await chat.ask("Go.")
        heard = [each.content for each in chat.transcript if isinstance(each, ToolMessage)]

    assert (answer.status, answer.limit and answer.limit.limit) == ("limited", "repeats")
    assert ran == ["x"] * 4
    assert outcomes(answer) == ["ok"] * 4 + ["denied"]
    assert heard[:2] == ["x", "x"]
    assert "3th time" not in heard[2]
    assert "the 3rd time that you make the same call" in heard[2]
    assert "the 4th time" in heard[3]
    assert "for the 5th time" in heard[4]
    assert [each.code for each in events.of(Warned)] == ["repeated-call"] * 3


async def test_the_same_wrong_call_again_gets_a_sharper_message_and_then_stops_the_turn() -> None:
    wrong = call("echo", {"txt": "x"})
    async with session(*[wrong] * 5, "Never.") as chat:
        answer = await chat.ask("Go.")

    first, second, *_ = [each.result.content for each in answer.tool_calls if each.result]
    assert second != first
    assert len(second) > len(first)
    assert (answer.status, answer.limit and answer.limit.limit) == ("limited", "repeats")


async def test_a_repeatable_tool_may_be_called_again_and_again() -> None:
    async with session(*[call("poll")] * 9, "Done.") as chat:
        answer = await chat.ask("Wait for it.")

    assert (answer.status, len(answer.tool_calls)) == ("finished", 9)


async def test_the_same_call_in_another_turn_is_another_call() -> None:
    async with session(SAME, SAME, "One.", SAME, SAME, "Two.") as chat:
        await chat.ask("Go.")
        answer = await chat.ask("Again.")

    assert [each.result and each.result.outcome for each in answer.tool_calls] == ["ok", "ok"]
    assert all(
        "same call" not in (each.result.content if each.result else "")
        for each in answer.tool_calls
    )


async def test_which_of_parallel_calls_a_limit_meets_is_always_the_same() -> None:
    for _ in range(10):
        five = calls(*(call("echo", {"text": str(number)}) for number in range(5)))
        async with session(five, limits=Limits(tool_calls=3)) as chat:
            answer = await chat.ask("Go.")
        assert outcomes(answer) == ["ok", "ok", "ok", "denied", "denied"]


# ---- approvals by rule ----


async def test_an_approval_by_rule_holds_for_the_calls_that_it_means() -> None:
    steps = [call("send", {"to": each}) for each in ("a@acme.com", "b@acme.com", "c@other.org")]
    async with session(*steps, "Sent.") as chat:
        await chat.ask("Send all.")
        (waiting,) = chat.state.pending
        await chat.decide(waiting, Approve(Rule("send", {"to": "*@acme.com"})))
        answer = await chat.go_on()

    assert answer.status == "parked"
    assert answer.pending[0].arguments == {"to": "c@other.org"}


async def test_rules_decide_and_what_they_have_no_opinion_on_waits() -> None:
    rules = Rules(allow=[Rule("send", {"to": "a@*"})], deny=[Rule("send", {"to": "b@*"})])
    steps = calls(*(call("send", {"to": each}) for each in ("a@x", "b@x", "c@x")))
    async with session(steps, approve=rules) as chat:
        answer = await chat.ask("Send all.")

    assert answer.status == "parked"
    assert [each.result and each.result.outcome for each in answer.tool_calls] == [
        *("ok", "denied"),
        None,
    ]


# ---- budget, context, sinks ----


async def test_a_budget_holds_for_all_turns_together() -> None:
    steps = [say(text, usage=Usage(50, 10)) for text in ("One.", "Two.", "Three.")]
    async with session(*steps, budget=Budget(tokens=100)) as chat:
        assert (await chat.ask("1")).status == "finished"
        assert (await chat.ask("2")).status == "finished"
        answer = await chat.ask("3")
    assert answer.limit is not None
    assert (answer.status, answer.limit.limit) == ("limited", "budget.tokens")

    prices = Prices(prompt=1_000_000, completion=1_000_000)
    async with session(*steps, budget=Budget(cost=60, prices=prices)) as chat:
        await chat.ask("1")
        assert (await chat.ask("2")).status == "limited"


async def test_a_tool_knows_whom_it_serves() -> None:
    seen: list[CallContext] = []

    @tool(trusted=True)
    async def who(context: CallContext) -> str:
        """Say who asks."""
        seen.append(context)
        return context.tenant or "nobody"

    mine = object()
    async with session(
        call("who"), "You.", call("who"), "You.", tools=[who], tenant="acme", context=mine
    ) as chat:
        await chat.ask("Who?")
        await chat.ask("Who?")
        first, second = seen
        ids = [
            each.tool_calls[0].id
            for each in chat.transcript
            if isinstance(each, AssistantMessage) and each.tool_calls
        ]

    assert (first.session, first.tenant, first.context) == (chat.id, "acme", mine)
    assert [first.call_id, second.call_id] == ids
    assert first.idempotency_key != second.idempotency_key
    assert first.deadline is not None
    assert 0 < first.deadline - time.time() <= 900


async def test_a_tools_own_limit_holds_over_all_sessions_of_a_runtime() -> None:
    now, most = 0, 0

    @tool(trusted=True, concurrency=2)
    async def narrow() -> str:
        """Let few in at once."""
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.sleep(0.01)
        now -= 1
        return "through"

    async def one() -> None:
        async with runtime.session() as chat:
            assert (await chat.ask("Go.")).text == "Done."

    async with (
        Runtime(model=ScriptedModel(call("narrow"), "Done."), tools=[narrow]) as runtime,
        anyio.create_task_group() as group,
    ):
        for _ in range(8):
            group.start_soon(one)
    assert most == 2


async def test_a_manifest_is_a_tool(tmp_path: Path) -> None:
    manifest = tmp_path / "tools.toml"
    manifest.write_text(
        'name = "shout"\ndescription = "Say it loudly."\ncommand = ["echo", "{text}!"]\n'
        '[parameters]\ntype = "object"\nrequired = ["text"]\n'
        '[parameters.properties.text]\ntype = "string"\n'
    )
    async with session(call("shout", {"text": "hi"}), "Done.", tools=[echo, manifest]) as chat:
        answer = await chat.ask("Go.")

    result = answer.tool_calls[0].result
    assert result is not None
    assert (result.outcome, result.content.strip()) == ("ok", "hi!")


class Audit:
    """A sink that does not want to hear of everything, and that may fail."""

    observes = False

    def __init__(self, *, fails_at: type[Event] | None = None) -> None:
        self.events: list[Event] = []
        self.fails_at = fails_at

    def observe(self, event: Event) -> None:
        raise AssertionError("not asked for")

    async def record(self, event: Event) -> None:
        if self.fails_at is not None and isinstance(event, self.fails_at):
            raise OSError("the disk is full")
        self.events.append(event)


async def test_a_sink_hears_of_all_sessions_of_a_runtime() -> None:
    audit, events = Audit(), Events()
    model = ScriptedModel("Hello.")
    async with Runtime(model=model, sinks=[audit, events]) as runtime:
        for name in ("a", "b"):
            async with runtime.session(name) as chat:
                await chat.ask("Hi.")
        counts = runtime.counts

    for heard in (audit.events, events):
        assert [(each.session, type(each).__name__) for each in heard if each.durable] == [
            (name, kind)
            for name in ("a", "b")
            for kind in ("SessionOpened", "UserMessage", "AssistantMessage", "TurnFinished")
        ]
    assert len(events) > len(audit.events)
    assert counts["TurnFinished.finished"] == counts["SessionOpened"] == 2


async def test_nothing_goes_on_that_could_not_be_recorded() -> None:
    from toolrun import ToolCallStarted

    ran.clear()
    audit = Audit(fails_at=ToolCallStarted)
    async with session(call("echo", {"text": "x"}), "Done.", sinks=[audit]) as chat:
        with pytest.raises(OSError, match="the disk is full"):
            await chat.ask("Go.")
        assert ran == []
        audit.fails_at = None
        assert (await chat.go_on()).text == "Done."

    kinds = [type(each).__name__ for each in audit.events]
    assert kinds[-5:] == [
        *("AssistantMessage", "ToolCallFinished", "TurnFinished"),
        *("AssistantMessage", "TurnFinished"),
    ]


# ---- what cannot be ----


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"verify_reasoning": 1.5}, "verify_reasoning is a share"),
        ({"max_in_flight": 3}, "max_in_flight holds for all sessions together"),
        ({"clock": 1}, "clock holds for all sessions together"),
        ({"bugdet": 1}, "did you mean 'budget'"),
    ],
)
async def test_options_that_cannot_be(options: Any, said: str) -> None:
    async with Runtime(model=ScriptedModel()) as runtime:
        with pytest.raises(ConfigError, match=said):
            runtime.session(**options)


def test_a_cap_that_lets_nothing_through_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_in_flight must be 1 or more"):
        Runtime(max_in_flight=0)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", None, b"bytes"])
async def test_what_cannot_be_sent_is_refused_and_the_session_goes_on(text: Any) -> None:
    async with session("Hello.") as chat:
        with pytest.raises(ConfigError, match=r"lone surrogate|not (NoneType|bytes)"):
            await chat.ask(text)
        with pytest.raises(ConfigError, match=r"lone surrogate|not (NoneType|bytes)"):
            chat.stream(text)
        assert chat.transcript == []
        assert (await chat.ask("Hi.\0")).text == "Hello."


class Markup(str):
    """A text as template engines make it."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


async def test_a_text_of_a_kind_of_its_own_is_a_text() -> None:
    @tool(trusted=True)
    async def mark() -> str:
        """Give such a text."""
        return Markup("marked")

    model = ScriptedModel(call("mark"), "Done.")
    async with Session(model=model, tools=[mark]) as chat:
        answer = await chat.ask(Markup("Go."))

    assert answer.text == "Done."
    assert [each.content for each in model.requests[1].messages if each.content] == [
        "Go.",
        "marked",
    ]


async def test_one_turn_at_a_time_also_for_undo_and_fork() -> None:
    reached = anyio.Event()

    @tool(trusted=True)
    async def wait() -> None:
        """Never return."""
        reached.set()
        await anyio.sleep_forever()

    async with session(call("wait"), tools=[wait]) as chat, anyio.create_task_group() as group:
        group.start_soon(chat.ask, "Go.")
        await reached.wait()
        with pytest.raises(SessionBusy):
            await chat.undo()
        with pytest.raises(SessionBusy):
            chat.fork()
        chat.cancel()


async def test_a_session_that_nobody_closed_is_named() -> None:
    chat = session("Hello.")
    await chat.__aenter__()
    await chat.ask("Hi.")
    with pytest.warns(ResourceWarning, match=f"session {chat.id} was never closed"):  # noqa: PT031
        del chat
        gc.collect()


async def test_a_session_that_was_never_opened_is_nothing_to_warn_of() -> None:
    chat = session("Hello.")
    del chat
    gc.collect()


async def test_a_fork_that_nobody_opens_holds_nothing_up() -> None:
    async with session("Hello.") as chat:
        other = chat.fork()
        runtime = other._runtime
        del other
        gc.collect()
        assert runtime._held == 1
    assert runtime._held == 0


async def test_a_failed_step_leaves_the_users_words() -> None:
    async with session(ServerStatus("no", 400), "Hello.") as chat:
        with pytest.raises(ServerStatus):
            await chat.ask("Hi.")
        assert [type(each) for each in chat.transcript] == [UserMessage]
        assert (await chat.go_on()).text == "Hello."
