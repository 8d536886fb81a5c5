"""What does a turn do by itself, between a model that says what it is told to and its journal?"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest
import structlog.contextvars
from msgspec import structs

from tests.unit.test_journal import Listener
from toolrun import (
    Approve,
    AssistantMessage,
    Deny,
    Limits,
    OutputInvalid,
    SandboxUnavailable,
    SessionOpened,
    ToolCall,
    ToolResult,
    Usage,
    UserMessage,
    tool,
)
from toolrun.approvals import Approvals
from toolrun.errors import MalformedOutput
from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    LimitReached,
    ToolCallFinished,
    ToolCallStarted,
    ToolOutput,
    TurnFinished,
    Warned,
)
from toolrun.journal import Journal
from toolrun.limits import Budget
from toolrun.models.model import Request
from toolrun.output import Output
from toolrun.shortening import RECALL
from toolrun.spending import Teller
from toolrun.tools.checked import Ready
from toolrun.tools.context import CallContext  # noqa: TC001 - tools are made of annotations
from toolrun.tools.kept import Kept
from toolrun.tools.runners import TrustedRunner
from toolrun.tools.secrets import Secrets
from toolrun.tools.toolbox import Toolbox
from toolrun.turn import Turn, run_turn

REQUEST = Request("m", [], tools=({"type": "function"},), extra={"seed": 7})
SHAPE = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


class Scripted:
    """A sampler: says one message after the other; an error among them is raised."""

    def __init__(self, *says: AssistantMessage | Exception) -> None:
        self.clock = SimpleNamespace(time=lambda: 1000.0)
        self.summaries = 0
        self.fitted: list[tuple[Any, Any]] = []
        self.asked: list[Request] = []
        self.meters: list[Any] = []
        self._says = list(says)

    async def fit(self, journal: Journal, request: Request, meter: Any) -> bool:
        self.fitted.append((request, meter))
        self.summaries -= 1
        return self.summaries >= 0

    async def sample(
        self, journal: Journal, request: Request, meter: Any, fits: Any = None
    ) -> AssistantMessage:
        self.asked.append(request)
        self.meters.append(meter)
        said = self._says.pop(0)
        if isinstance(said, Exception):
            raise said
        if fits is not None:
            fits(said)
        await journal.record(said)
        return said


class Account:
    """Is told of each step, and forbids what it is told to forbid."""

    def __init__(self, *limits: LimitReached | None) -> None:
        self.told: list[tuple[str, int]] = []
        self._limits = list(limits)

    async def reached(self, spending: Any) -> LimitReached | None:
        return self._limits.pop(0) if self._limits else None

    async def spent(self, spending: Any) -> None:
        self.told.append((spending.key, spending.usage.completion_tokens))


@tool(trusted=True)
async def echo(text: str) -> str:
    """Say it again."""
    return text


@tool(trusted=True, on_crash="rerun")
async def again(text: str) -> str:
    """Say it again, whatever happens."""
    return text


@tool(trusted=True, on_crash="never")
async def once(text: str) -> str:
    """Say it once."""
    return text


@tool(trusted=True, approve=True)
async def send(to: str) -> str:
    """Send something."""
    return f"sent to {to}"


def says(content: str = "Done.", **more: Any) -> AssistantMessage:
    return AssistantMessage(content, usage=Usage(3, 2), **more)


def calls(*named: tuple[str, str, Any], **more: Any) -> AssistantMessage:
    made = (ToolCall(id_, name, json.dumps(given)) for id_, name, given in named)
    return AssistantMessage(tool_calls=tuple(made), usage=Usage(3, 2), **more)


def echoes(*ids: str, text: str = "hi") -> AssistantMessage:
    return calls(*((each, "echo", {"text": text}) for each in ids))


class Stage:
    """A turn and all that it works with."""

    def __init__(
        self, *said: AssistantMessage | Exception, limits: Limits | None = None, **options: Any
    ) -> None:
        self.sink = Listener()
        self.journal = Journal("s", [self.sink])
        self.sampler = Scripted(*said)
        self.now = 0.0
        tools = options.pop("tools", [echo, again, once, send])
        self.toolbox = Toolbox(tools, trusted=TrustedRunner(), sandboxed=TrustedRunner())
        self.meter = (limits or Limits()).meter(lambda: self.now)
        self.turn = Turn(
            self.journal,
            cast("Any", self.sampler),
            self.toolbox,
            self.meter,
            REQUEST,
            **options,
        )

    async def go(self) -> list[Any]:
        """Run the turn from a message of the user's on; what happened since."""
        if not self.sink.events:
            await self.journal.record(SessionOpened("1", "2026-01-01", {}))
            await self.journal.record(UserMessage("go"))
        known = len(self.sink.events)
        await run_turn(self.turn)
        return self.sink.events[known:]


def kinds(events: list[Any]) -> list[str]:
    return [type(each).__name__ for each in events]


def of(events: list[Any], kind: type[Any]) -> list[Any]:
    return [each for each in events if isinstance(each, kind)]


def end(events: list[Any]) -> tuple[str, str]:
    assert isinstance(events[-1], TurnFinished)
    return events[-1].status, events[-1].reason


def results(events: list[Any]) -> list[tuple[str, str, str]]:
    finished = of(events, ToolCallFinished)
    return [(each.call_id, each.result.outcome, each.result.content) for each in finished]


# ---- steps ----


async def test_steps_are_sampled_until_a_message_without_calls() -> None:
    stage = Stage(echoes("a"), says())
    events = await stage.go()

    assert kinds(events) == [
        "AssistantMessage",
        "ToolCallStarted",
        "ToolCallFinished",
        "AssistantMessage",
        "TurnFinished",
    ]
    assert end(events) == ("finished", "")
    assert (stage.meter.steps, stage.meter.tool_calls) == (2, 1)
    assert stage.sampler.asked == [REQUEST, REQUEST]
    assert stage.sampler.meters == [stage.meter] * 2
    assert stage.sampler.fitted == [(REQUEST, stage.meter)] * 2


async def test_after_a_summary_limits_are_looked_at_again() -> None:
    account = Account(None, LimitReached("tokens", 7))
    stage = Stage(says(), teller=Teller(account, None, "m"))
    stage.sampler.summaries = 1
    events = await stage.go()

    assert kinds(events) == ["LimitReached", "TurnFinished"]
    assert end(events) == ("limited", "")


async def test_an_account_is_asked_before_each_step_and_told_after_it() -> None:
    account = Account(None, LimitReached("tokens", 7))
    stage = Stage(echoes("a"), says(), teller=Teller(account, None, "m"))
    events = await stage.go()

    assert account.told == [("s.3", 2)]
    [limit] = of(events, LimitReached)
    assert (limit.limit, limit.value) == ("tokens", 7)
    assert end(events) == ("limited", "")
    assert len(stage.sampler.asked) == 1


@pytest.mark.parametrize(
    ("limits", "budget", "reached"),
    [
        (Limits(steps=1), Budget(), ("steps", 1)),
        (Limits(), Budget(tokens=5), ("budget.tokens", 5)),
    ],
)
async def test_no_step_is_sampled_beyond_a_limit(
    limits: Limits, budget: Budget, reached: tuple[str, int]
) -> None:
    stage = Stage(echoes("a"), says(), limits=limits, budget=budget)
    events = await stage.go()

    [limit] = of(events, LimitReached)
    assert (limit.limit, limit.value) == reached
    assert end(events) == ("limited", "")
    assert len(stage.sampler.asked) == 1


async def test_a_turn_that_is_to_end_early_ends_where_its_step_does() -> None:
    stage = Stage(echoes("a"), says())
    original = echo_that(lambda: stage.turn.parking.ask("a new version"))
    stage.toolbox = Toolbox([original], trusted=TrustedRunner(), sandboxed=TrustedRunner())
    stage.turn = structs.replace(stage.turn, toolbox=stage.toolbox)
    events = await stage.go()

    assert results(events) == [("a", "ok", "hi")]
    assert end(events) == ("parked", "a new version")


def echo_that(does: Any) -> Any:
    @tool(trusted=True)
    async def echo(text: str) -> str:
        does()
        return text

    return echo


# ---- answers ----


@pytest.mark.parametrize("made", [(), (("a", "echo", {"text": "hi"}),)])
async def test_a_message_that_was_cut_off_ends_the_turn_where_it_lacks_something(
    made: tuple[Any, ...],
) -> None:
    stage = Stage(calls(*made, finish_reason="length"), says())
    events = await stage.go()

    if made:  # the call is whole
        assert end(events) == ("finished", "")
        assert results(events) == [("a", "ok", "hi")]
    else:
        [limit] = of(events, LimitReached)
        assert (limit.limit, limit.value) == ("max_tokens", 2)
        assert end(events) == ("limited", "")


@pytest.mark.parametrize("arguments", ["", '{"text":'])
async def test_a_call_that_was_cut_off_is_not_run(arguments: str) -> None:
    whole = ToolCall("a", "echo", '{"text":"hi"}')
    cut = ToolCall("b", "echo", arguments)
    message = AssistantMessage(tool_calls=(whole, cut), finish_reason="length")
    events = await Stage(message).go()

    assert end(events) == ("limited", "")
    assert {each.result.outcome for each in of(events, ToolCallFinished)} == {"cancelled"}
    assert of(events, ToolCallStarted) == []


@pytest.mark.parametrize("reason", ["stop", None])
async def test_an_answer_that_was_not_cut_off_is_one(reason: str | None) -> None:
    assert end(await Stage(says(finish_reason=reason)).go()) == ("finished", "")


async def test_an_answer_that_fits_its_type_is_not_asked_for_again() -> None:
    stage = Stage(says('{"n": 1}'), output=Output(SHAPE))

    assert end(await stage.go()) == ("finished", "")
    assert len(stage.sampler.asked) == 1


@pytest.mark.parametrize("first", ["seven", '{"n": "x"}', ""])
async def test_an_answer_that_does_not_fit_is_said_once_more_without_tools(first: str) -> None:
    account, output = Account(), Output(SHAPE)
    stage = Stage(says(first), says('{"n": 1}'), output=output, teller=Teller(account, None, "m"))
    events = await stage.go()

    assert end(events) == ("finished", "")
    once_more = stage.sampler.asked[1]
    assert (once_more.tools, once_more.nudge) == ((), output.nudge)
    assert once_more.response_format == output.response_format
    assert (once_more.model, once_more.extra) == (REQUEST.model, REQUEST.extra)
    assert stage.sampler.meters == [stage.meter] * 2
    assert stage.meter.steps == 2
    assert account.told == [("s.3", 2), ("s.4", 2)]


async def test_an_answer_that_never_fits_is_an_error_that_says_where() -> None:
    stage = Stage(says("seven"), says('{"n": "x"}'), output=Output(SHAPE))
    with pytest.raises(OutputInvalid, match=r"^the answer does not fit:\n- \$\.n") as raised:
        await stage.go()

    assert isinstance(raised.value.__cause__, MalformedOutput)
    assert raised.value.__cause__.code == "output-invalid"
    assert isinstance(raised.value.__cause__.__cause__, OutputInvalid)


async def test_what_goes_wrong_otherwise_is_no_matter_of_the_answers_type() -> None:
    broken = MalformedOutput("the stream broke", "broken-stream")
    stage = Stage(says("seven"), broken, output=Output(SHAPE))
    with pytest.raises(MalformedOutput) as raised:
        await stage.go()

    assert raised.value is broken


# ---- calls ----


async def test_a_call_is_told_where_it_stands() -> None:
    seen: list[tuple[CallContext, dict[str, Any]]] = []
    mine, kept = object(), Kept()

    @tool(trusted=True, secrets=["TOKEN"])
    async def look(context: CallContext) -> str:
        seen.append((context, dict(structlog.contextvars.get_contextvars())))
        return "seen"

    stage = Stage(
        calls(("a", "look", {})),
        says(),
        tools=[look],
        tenant="acme",
        context=mine,
        secrets=Secrets({"TOKEN": "0123456789", "OTHER": "9876543210"}),
        kept=kept,
        limits=Limits(seconds=60),
    )
    stage.now = 20.0
    events = await stage.go()

    [(context, logged)] = seen
    assert (context.session, context.tenant, context.call_id) == ("s", "acme", "a")
    assert context.idempotency_key == "s.1.1.a"
    assert context.deadline == 1040.0
    assert context.context is mine
    assert context.secrets == {"TOKEN": "0123456789"}
    assert logged == {"step": 1, "call": "a"}
    [started] = of(events, ToolCallStarted)
    assert (started.call_id, started.name, started.arguments) == ("a", "look", {})
    assert started.profile is None


async def test_a_turn_without_an_end_gives_its_calls_none() -> None:
    seen: list[float | None] = []

    @tool(trusted=True)
    async def look(context: CallContext) -> None:
        seen.append(context.deadline)

    await Stage(calls(("a", "look", {})), says(), tools=[look], limits=Limits(seconds=None)).go()

    assert seen == [None]


async def test_what_goes_on_between_calls_and_who_hears_are_the_sessions() -> None:
    given: list[tuple[Any, ...]] = []

    class Runs:
        async def run(self, *arguments: Any) -> ToolResult:
            given.append(arguments)
            return ToolResult("1")

    stage = Stage(echoes("a"), says(), kept=Kept())
    runner = Runs()
    stage.toolbox._trusted = cast("Any", runner)
    await stage.go()

    [(definition, call, arguments, context, listener)] = given
    assert (definition.name, call.id, arguments) == ("echo", "a", {"text": "hi"})
    assert context.call_id == "a"
    listener.output("stdout", "x")
    [printed] = of(stage.sink.events, ToolOutput)
    assert (printed.call_id, printed.text) == ("a", "x")


async def test_a_call_gets_what_the_sessions_tools_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    async def run(ready: Ready, context: Any, listener: Any, kept: Any = None) -> ToolResult:
        given.append(kept)
        return ToolResult("1")

    monkeypatch.setattr(Ready, "run", run)
    kept = Kept()
    await Stage(echoes("a"), says(), kept=kept).go()

    assert len(given) == 1
    assert given[0] is kept


async def test_scopes_have_the_name_and_the_id_of_a_call() -> None:
    stage = Stage(calls(("a", "functions.echo", {"text": "hi"}), ("b", "none", {})), says())
    scopes: list[tuple[str, str, str]] = []

    class Entered:
        def __init__(self, scope: Any) -> None:
            scopes.append((scope.kind, scope.name, scope.call_id))

        def __enter__(self) -> str:
            return ""

        def __exit__(self, *error: object) -> None: ...

    stage.sink.within = Entered  # type: ignore[attr-defined]
    stage.journal.remove(stage.sink)
    stage.journal.add(stage.sink)
    await stage.go()

    assert sorted(scopes) == [("call", "", "b"), ("call", "echo", "a")]


async def test_a_call_that_cannot_run_has_its_result_under_its_own_name() -> None:
    events = await Stage(calls(("a", "functions.none", {})), says()).go()

    [finished] = of(events, ToolCallFinished)
    assert (finished.call_id, finished.name) == ("a", "functions.none")
    assert finished.result.outcome == "invalid"
    assert of(events, ToolCallStarted) == []


async def test_the_first_error_of_calls_at_once_is_the_turns() -> None:
    stage = Stage(echoes("a", "b"))

    class Fails:
        async def run(self, *given: Any) -> ToolResult:
            raise SandboxUnavailable("it holds no more")

    stage.toolbox._trusted = cast("Any", Fails())
    with pytest.raises(SandboxUnavailable, match="it holds no more") as raised:
        await stage.go()

    assert raised.value.__suppress_context__


async def test_calls_beyond_the_limit_are_denied_in_their_order() -> None:
    stage = Stage(
        calls(*((name, "echo", {"text": name}) for name in "abc")),
        says(),
        limits=Limits(tool_calls=2),
    )
    events = await stage.go()

    denied = "echo was not run: the turn has no calls left."
    assert sorted(results(events)) == [
        ("a", "ok", "a"),
        ("b", "ok", "b"),
        ("c", "denied", denied),
    ]
    assert stage.meter.tool_calls == 2
    assert end(events) == ("limited", "")


async def test_the_same_call_again_and_again_is_remarked_upon_and_then_ends_the_turn() -> None:
    stage = Stage(*(echoes(each) for each in "abcde"), says(), limits=Limits(repeats=4))
    events = await stage.go()

    finished = of(events, ToolCallFinished)
    assert [each.note[:24] for each in finished] == ["", "", "[This is the 3rd time th", ""]
    assert "the turn ends with the 4th" in finished[2].note
    refused = "echo was not run: this is the same call for the 4th time."
    assert results(events)[-1] == ("d", "denied", refused)
    [limit] = of(events, LimitReached)
    assert (limit.limit, limit.value) == ("repeats", 4)
    assert end(events) == ("limited", "")
    assert [each.code for each in of(events, Warned)] == ["repeated-call"] * 2


# ---- decisions ----


async def test_a_call_that_waits_parks_the_turn_and_is_asked_for_once() -> None:
    stage = Stage(calls(("a", "send", {"to": "Ann"}), ("b", "echo", {"text": "hi"})), says())
    events = await stage.go()
    more = await stage.go()

    [request] = of(events, ApprovalRequested)
    assert (request.call_id, request.name) == ("a", "send")
    assert request.arguments == {"to": "Ann"}
    assert request.reason == "send asks for approval"
    assert end(events) == ("parked", "")
    assert results(events) == [("b", "ok", "hi")]
    assert kinds(more) == ["TurnFinished"]


@pytest.mark.parametrize("approved", [True, False])
async def test_what_is_decided_is_recorded_and_happens(*, approved: bool) -> None:
    asked: list[ToolCall] = []

    async def approver(call: ToolCall) -> Approve | Deny:
        asked.append(call)
        return Approve() if approved else Deny("not today")

    stage = Stage(calls(("a", "send", {"to": "Ann"})), says(), approver=approver)
    events = await stage.go()

    assert [each.id for each in asked] == ["a"]
    [decided] = of(events, ApprovalDecided)
    assert (decided.call_id, decided.decision) == ("a", "approve" if approved else "deny")
    said = "sent to Ann" if approved else "send was not run: the user denied it: not today"
    assert results(events) == [("a", "ok" if approved else "denied", said)]


async def test_a_call_that_nobody_decided_on_in_time_is_denied() -> None:
    stage = Stage(calls(("a", "send", {"to": "Ann"})), says(), approvals=Approvals(seconds=10))
    stage.journal.clock = lambda: stage.now
    await stage.go()
    stage.now = 11.0
    events = await stage.go()

    assert results(events) == [
        ("a", "denied", "send was not run: the user denied it: nobody decided within 10 s")
    ]


# ---- going on after a crash ----


async def cut_off(stage: Stage, *made: tuple[str, str]) -> None:
    """What a process left that died while these calls ran."""
    journal = stage.journal
    await journal.record(SessionOpened("1", "2026-01-01", {}))
    await journal.record(UserMessage("go"))
    await journal.record(calls(*((id_, name, {"text": id_}) for id_, name in made)))
    for id_, name in made:
        await journal.record(ToolCallStarted(id_, name, {"text": id_}))
    journal.take_up(journal.state, journal.seq)


async def test_a_call_that_was_cut_off_does_what_its_tool_says() -> None:
    stage = Stage(says())
    await cut_off(stage, ("a", "again"), ("b", "once"), ("c", "echo"))
    events = await stage.go()

    assert [each.call_id for each in of(events, ToolCallStarted)] == ["a"]
    assert ("a", "ok", "a") in results(events)
    assert [each[:2] for each in results(events) if each[0] == "b"] == [("b", "unknown")]
    [request] = of(events, ApprovalRequested)
    assert request.call_id == "c"
    assert "it may or may not have happened" in request.reason
    assert end(events) == ("parked", "")
    assert stage.meter.steps == 1
    assert stage.meter.tool_calls == 1
    assert "a" not in stage.journal.cut_off


async def test_what_reads_trimmed_results_runs_again_unasked() -> None:
    stage = Stage(says())
    await cut_off(stage, ("a", RECALL))
    events = await stage.go()

    assert of(events, ApprovalRequested) == []
    assert end(events) == ("finished", "")


async def test_an_answer_that_was_there_is_not_sampled_again() -> None:
    stage = Stage()
    for event in (SessionOpened("1", "2026-01-01", {}), UserMessage("go"), says()):
        await stage.journal.record(event)
    events = await stage.go()

    assert kinds(events) == ["TurnFinished"]
    assert end(events) == ("finished", "")


async def test_a_turn_that_had_reached_a_limit_ends_so() -> None:
    stage = Stage()
    for event in (UserMessage("go"), echoes("a"), LimitReached("steps", 1)):
        await stage.journal.record(event)
    events = await stage.go()

    assert kinds(events) == ["ToolCallFinished", "TurnFinished"]
    assert end(events) == ("limited", "")
    assert results(events)[0][1] == "cancelled"


async def test_what_a_turn_has_taken_stays_taken() -> None:
    stage = Stage(says(), limits=Limits(steps=2))
    for event in (
        UserMessage("go"),
        echoes("a"),
        ToolCallStarted("a", "echo", {"text": "hi"}),
        ToolCallFinished("a", "echo", ToolResult("hi")),
        echoes("b"),
    ):
        await stage.journal.record(event)
    events = await stage.go()

    assert results(events) == [("b", "ok", "hi")]
    [limit] = of(events, LimitReached)
    assert (limit.limit, limit.value) == ("steps", 2)
    assert (stage.meter.steps, stage.meter.tool_calls) == (2, 2)


async def test_a_parked_turn_is_gone_on_with_where_it_was() -> None:
    stage = Stage(calls(("a", "send", {"to": "Ann"})), says())
    await stage.go()
    await stage.journal.record(ApprovalDecided("a", "approve"))
    before = stage.meter.steps
    with anyio.fail_after(10):
        events = await stage.go()

    assert results(events) == [("a", "ok", "sent to Ann")]
    assert end(events) == ("finished", "")
    assert stage.meter.steps == before + 1
