"""Is there a span for each turn, step and call, in the right place, and does none stay open?"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from tests.rig.mock import MockServer, Step
from tests.unit.otel.collector import Collector, context_of, happened, is_in, same, told
from tests.unit.test_session import STATES, Reached, reach, until_sampled, watched
from tests.unit.test_turn import TOOLS, call, sends, session
from toolrun import Approve, Limits, Retries, Runtime, ServerStatus, Session, tool
from toolrun.events import RequestSent, SessionOpened, Warned
from toolrun.integrations.otel import OpenTelemetry
from toolrun.journal import Journal
from toolrun.testing import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Generator

    from toolrun import AssistantMessage, Request
    from toolrun.decisions import Decision
    from toolrun.models.model import Observe
    from toolrun.values import ToolCall


@pytest.fixture
def collector() -> Collector:
    return Collector()


ECHOES = (
    Step("I must echo.", tool_calls=(call("echo", text="a word"),)),
    Step("Echoed.", "It said a word."),
)


async def test_a_turn_is_a_span_with_its_steps_and_calls_below_what_asked(
    mock: MockServer, collector: Collector
) -> None:
    mock.script(*ECHOES)
    async with session(mock, sinks=[collector.sink(agent="parrot")]) as chat:
        with collector.tracer.start_as_current_span("request"):
            await chat.ask("Say it.")

    collector.assert_all_ended()
    turn, outer = collector.one("invoke_agent"), collector.one("request")
    first, second = collector.named("chat")
    made = collector.one("execute_tool")
    assert is_in(turn, outer)
    assert all(is_in(each, turn) for each in (first, second, made))
    assert turn.name == "invoke_agent parrot"
    assert first.name == f"chat {mock.model}"
    assert made.name == "execute_tool echo"
    assert [each.kind for each in (turn, first, made)] == [
        SpanKind.INTERNAL,
        SpanKind.CLIENT,
        SpanKind.INTERNAL,
    ]
    assert told(turn) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": mock.model,
        "gen_ai.agent.name": "parrot",
        "gen_ai.conversation.id": chat.id,
        "gen_ai.usage.input_tokens": 200,
        "gen_ai.usage.output_tokens": told(turn)["gen_ai.usage.output_tokens"],
        "toolrun.turn": 1,
        "toolrun.turn.status": "finished",
    }
    step = told(first)
    assert step["gen_ai.usage.output_tokens"] > 0
    assert step["gen_ai.response.id"].startswith("chatcmpl-")
    assert {name: step[name] for name in step if "response.id" not in name} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": mock.model,
        "gen_ai.request.stream": False,
        "gen_ai.conversation.id": chat.id,
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": step["gen_ai.usage.output_tokens"],
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "server.address": "127.0.0.1",
        "server.port": int(mock.root.rpartition(":")[2]),
        "toolrun.step": 1,
        "toolrun.turn": 1,
        "toolrun.via": "chat",
    }
    assert told(second)["toolrun.step"] == 2
    outcome = told(made)
    assert outcome.pop("toolrun.tool.seconds") >= 0
    assert outcome.pop("gen_ai.tool.call.id")
    assert outcome == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
        "gen_ai.tool.type": "function",
        "gen_ai.conversation.id": chat.id,
        "toolrun.step": 1,
        "toolrun.tool.outcome": "ok",
        "toolrun.tool.profile": "trusted",
        "toolrun.turn": 1,
    }


async def test_nothing_that_was_said_is_told_unless_asked_for(
    mock: MockServer, collector: Collector
) -> None:
    mock.script(
        Step("hidden thought", tool_calls=(call("echo", text="hidden words"),)),
        Step("hidden thought", "hidden answer"),
    )
    refused = mock.script(Step(fault="http_400"), name="refused")
    async with session(mock, instructions="hidden orders", sinks=[collector.sink()]) as chat:
        await chat.ask("hidden question")
        with pytest.raises(ServerStatus):
            await chat.ask(f"hidden question {refused}")

    assert len(collector.ended) > 4
    assert all("hidden" not in span.to_json() for span in collector.ended)


async def test_content_is_told_in_the_form_of_the_conventions_without_secrets(
    mock: MockServer, collector: Collector
) -> None:
    key = "sk-" + "a1B2" * 10
    mock.script(
        Step("A thought.", "Listen:", tool_calls=(call("echo", "c1", text=f"psst {key}"),)),
        Step("", "It said the WORD."),
    )
    sink = collector.sink(content=True, secrets=["WORD"])
    async with session(mock, instructions="Be kind.", sinks=[sink]) as chat:
        await chat.ask("Say it.")

    first, second = (told(each) for each in collector.named("chat"))
    assert told(collector.one("invoke_agent"))["gen_ai.system_instructions"] == (
        '[{"type":"text","content":"Be kind."}]'
    )
    assert first["gen_ai.input.messages"] == (
        '[{"role":"user","parts":[{"type":"text","content":"Say it."}]}]'
    )
    assert first["gen_ai.output.messages"] == (
        '[{"role":"assistant","parts":['
        '{"type":"reasoning","content":"A thought."},{"type":"text","content":"Listen:"},'
        '{"type":"tool_call","id":"c1","name":"echo","arguments":{"text":"psst [redacted]"}}],'
        '"finish_reason":"tool_calls"}]'
    )
    assert (
        '"tool_call_response","id":"c1","response":"psst [redacted]"'
        in (second["gen_ai.input.messages"])
    )
    assert "It said the [redacted]." in second["gen_ai.output.messages"]
    made = told(collector.one("execute_tool"))
    assert made["gen_ai.tool.call.arguments"] == '{"text":"psst [redacted]"}'
    assert made["gen_ai.tool.call.result"] == "psst [redacted]"
    assert all(key not in span.to_json() for span in collector.ended)


async def test_a_trusted_tool_runs_in_the_span_of_its_call(
    mock: MockServer, collector: Collector
) -> None:
    seen: dict[str, Any] = {}

    @tool(trusted=True)
    async def here() -> None:
        seen["here"] = trace.get_current_span()

    @tool(trusted=True)
    def in_a_thread() -> None:
        seen["in_a_thread"] = trace.get_current_span()
        seen["thread"] = threading.current_thread()

    mock.script(Step(tool_calls=(call("here"), call("in_a_thread"))), Step("", "Done."))
    async with session(mock, tools=[here, in_a_thread], sinks=[collector.sink()]) as chat:
        await chat.ask("Look around.")
        assert trace.get_current_span() is trace.INVALID_SPAN

    assert seen["thread"] is not threading.current_thread()
    for name in ("here", "in_a_thread"):
        assert seen[name] is collector.one(f"execute_tool {name}")


async def asked_key() -> str:
    return "secret"


@pytest.mark.parametrize("key", ["plain", asked_key])
async def test_a_request_carries_the_span_of_its_step(
    mock: MockServer, collector: Collector, key: Any
) -> None:
    mock.script(Step("", "One."), Step("", "Two."))
    async with Runtime(model=mock.model, base_url=mock.url, api_key=key) as runtime:
        async with runtime.session(sinks=[collector.sink()]) as chat:
            await chat.ask("Hello.")
        async with runtime.session() as plain:
            await plain.ask("Hello.")

    traced, untraced = (request.headers for request in mock.requests())
    step = context_of(collector.one("chat"))
    begin, flags = traced["traceparent"][:-2], int(traced["traceparent"][-2:], 16)
    assert begin == f"00-{step.trace_id:032x}-{step.span_id:016x}-"
    assert flags & 1, "sampled"
    assert traced["authorization"].startswith("Bearer ")
    assert "traceparent" not in untraced
    assert "baggage" not in traced


async def test_retries_are_events_of_the_step_and_it_fails_by_its_code(
    mock: MockServer, collector: Collector
) -> None:
    mock.script(Step("", "Hello.", fault="http_503", fault_times=1))
    down = mock.script(Step(fault="http_500"), name="down")
    retries = Retries(attempts=2, first_wait=0.01)
    async with session(mock, sinks=[collector.sink()], retries=retries) as chat:
        await chat.ask("Hello.")
        with pytest.raises(ServerStatus):
            await chat.ask(down)

    collector.assert_all_ended()
    good, bad = collector.named("chat")
    ((name, attributes),) = happened(good)
    assert name == "toolrun.retried"
    assert attributes["error.type"] == "http-503"
    assert attributes["toolrun.wait"] > 0
    assert told(good)["toolrun.retries"] == 1
    assert good.status.status_code is StatusCode.UNSET
    assert told(bad)["error.type"] == "http-500"
    assert bad.status.status_code is StatusCode.ERROR
    turn = collector.named("invoke_agent")[1]
    assert (told(turn)["toolrun.turn.status"], told(turn)["error.type"]) == ("failed", "http-500")
    assert turn.status.status_code is StatusCode.ERROR


async def test_calls_at_once_each_have_their_span_and_outcome(
    mock: MockServer, collector: Collector
) -> None:
    @tool(trusted=True, timeout=0.05)
    async def slow() -> None:
        await anyio.sleep_forever()

    @tool(trusted=True)
    async def broken() -> None:
        raise ValueError

    @tool(trusted=True)
    async def good(n: int) -> int:
        return n

    names = ("slow", "broken", "good", "made_up_by_the_model")
    calls = (*(call(name) for name in names[:2]), call("good", n=1), call("good"), call(names[3]))
    mock.script(Step(tool_calls=calls), Step("", "Done."))
    async with session(mock, tools=[slow, broken, good], sinks=[collector.sink()]) as chat:
        await chat.ask("All of them.")

    collector.assert_all_ended()
    spans = collector.named("execute_tool")
    assert {
        (
            each.name,
            told(each)["toolrun.tool.outcome"],
            told(each).get("error.type"),
            each.status.status_code is StatusCode.ERROR,
        )
        for each in spans
    } == {
        ("execute_tool slow", "timeout", "timeout", True),
        ("execute_tool broken", "error", "error", True),
        ("execute_tool good", "ok", None, False),
        ("execute_tool good", "invalid", "invalid", True),
        ("execute_tool", "invalid", "invalid", True),
    }
    (unknown,) = (each for each in spans if each.name == "execute_tool")
    assert told(unknown)["gen_ai.tool.name"] == "_OTHER"
    assert all(is_in(each, collector.one("invoke_agent")) for each in spans)
    assert collector.by("toolrun.tool.calls", "toolrun.tool.outcome") == {
        "timeout": 1,
        "error": 1,
        "ok": 1,
        "invalid": 2,
    }
    # What did not run took no time.
    assert sum(count for count, _ in collector.points("gen_ai.execute_tool.duration").values()) == 3


async def test_a_turn_that_goes_on_links_to_where_it_was_parked(
    mock: MockServer, collector: Collector
) -> None:
    mock.script(Step(tool_calls=sends("Ann")), Step("", "Sent."))
    async with session(mock, sinks=[collector.sink()]) as chat:
        await chat.ask("Write to Ann.")
        (waiting,) = chat.state.pending
        await chat.decide(waiting, Approve())
        await chat.go_on()

    collector.assert_all_ended()
    parked, gone_on = collector.named("invoke_agent")
    assert told(parked)["toolrun.turn.status"] == "parked"
    assert parked.links == ()
    (link,) = gone_on.links
    assert same(link.context, context_of(parked))
    assert told(gone_on)["toolrun.turn"] == told(parked)["toolrun.turn"] == 1
    before, after = collector.named("execute_tool")
    assert is_in(before, parked)
    assert is_in(after, gone_on)
    assert happened(before) == [("toolrun.approval.requested", {})]
    assert told(before)["toolrun.tool.outcome"] == "parked"
    assert told(after)["toolrun.tool.outcome"] == "ok"
    assert collector.by("toolrun.approvals", "toolrun.decision") == {"approve": 1}


async def test_an_approver_is_waited_for_within_the_span_of_the_call(
    mock: MockServer, collector: Collector
) -> None:
    async def approver(_: ToolCall) -> Decision:
        return Approve()

    mock.script(Step(tool_calls=sends("Ann")), Step("", "Sent."))
    async with session(mock, sinks=[collector.sink()], approve=approver) as chat:
        await chat.ask("Write to Ann.")

    assert happened(collector.one("execute_tool")) == [
        ("toolrun.approval.requested", {}),
        ("toolrun.approval.decided", {"toolrun.decision": "approve"}),
    ]


async def test_a_session_that_another_process_resumes_links_to_the_turn_before(
    mock: MockServer, collector: Collector, tmp_path: Any
) -> None:
    mock.script(Step(tool_calls=sends("Ann")), Step("", "Sent."))
    kept: dict[str, Any] = {
        "store": f"sqlite:///{tmp_path}/sessions.db",
        "sinks": [collector.sink()],
        "model": mock.model,
        "base_url": mock.url,
        "tools": TOOLS,
    }
    async with Runtime(**kept) as runtime, runtime.session("42") as chat:
        await chat.ask("Write to Ann.")
    async with Runtime(**kept) as another, await another.resume("42") as again:
        (waiting,) = again.state.pending
        await again.decide(waiting, Approve())
        answer = await again.go_on()

    assert answer.text == "Sent."
    collector.assert_all_ended()
    parked, gone_on = collector.named("invoke_agent")
    (link,) = gone_on.links
    assert same(link.context, context_of(parked))
    assert link.context.is_remote


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("by", ["cancel", "close", "the caller"])
async def test_no_span_stays_open_whatever_ends_a_session(
    mock: MockServer, collector: Collector, state: str, by: str
) -> None:
    reached = Reached()
    async with await reach(mock, state, reached) as chat:
        chat._journal.add(collector.sink())
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:

                async def ask() -> None:
                    await watched(chat, reached, state)

                group.start_soon(ask)
                await (until_sampled(mock) if state == "sampling" else reached.event.wait())
                assert collector.named("invoke_agent")
                assert not [each for each in collector.ended if each.name == "invoke_agent"]
                match by:
                    case "cancel":
                        chat.cancel()
                    case "close":
                        await chat.aclose()
                    case _:
                        group.cancel_scope.cancel()

    collector.assert_all_ended()
    assert told(collector.one("invoke_agent"))["toolrun.turn.status"] == "cancelled"
    assert trace.get_current_span() is trace.INVALID_SPAN
    for each in collector.named("execute_tool wait"):
        assert told(each)["toolrun.tool.outcome"] == "cancelled"
    if state in ("sampling", "streaming"):
        assert told(collector.one("chat"))["error.type"] == "cancelled"


def test_a_turn_that_is_thrown_away_ends_its_spans(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine that nobody awaits any more is closed in another context than its own."""

    class Never:
        def __await__(self) -> Generator[None, None, None]:
            yield

    async def turn() -> None:
        journal = Journal("42", [collector.sink()])
        with journal.within("turn"), journal.within("step"), journal.within("call", call_id="c"):
            await Never()

    coroutine = turn()
    contextvars.Context().run(coroutine.send, None)
    assert len(collector.begun) == 3
    coroutine.close()

    collector.assert_all_ended()
    assert caplog.records == []


class Bare(ScriptedModel):
    """Says nothing of its replies: no id, no tokens."""

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        return structs.replace(await super().sample(request, observe), response_id=None)


async def test_what_a_model_does_not_say_of_a_step_is_in_no_attribute(collector: Collector) -> None:
    async with Session(model=Bare("Hello."), sinks=[collector.sink(content=True)]) as chat:
        await chat.ask("Hello!")

    step = told(collector.one("chat"))
    assert step["gen_ai.response.finish_reasons"] == ("stop",)
    assert "Hello." in step["gen_ai.output.messages"]
    assert [name for name in step if "usage" in name or name == "gen_ai.response.id"] == []
    assert "gen_ai.usage.input_tokens" not in told(collector.one("invoke_agent"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ZeroDivisionError("a bug"), "ZeroDivisionError"),
        (ExceptionGroup("two", [ValueError("a"), OSError("b")]), "ExceptionGroup"),
    ],
)
async def test_an_error_of_no_server_is_named_by_its_type(
    collector: Collector, error: Exception, kind: str
) -> None:
    async with Session(model=ScriptedModel(error), sinks=[collector.sink()]) as chat:
        with pytest.raises(type(error)):
            await chat.ask("Hello!")

    collector.assert_all_ended()
    for name in ("invoke_agent", "chat"):
        assert told(collector.one(name))["error.type"] == kind


async def test_what_is_warned_of_between_turns_is_in_no_span(collector: Collector) -> None:
    async with Session(model=ScriptedModel("Hello."), sinks=[collector.sink()]) as chat:
        await chat.ask("Hello!")
        chat._journal.report(Warned("not-restored", "notes.txt"))

    collector.assert_all_ended()
    assert [each.events for each in collector.ended] == [(), ()]


async def test_what_kind_of_server_answered_is_known_at_the_next_session(
    collector: Collector,
) -> None:
    sink = collector.sink()
    opened = SessionOpened("1", "2026-01-02", {"model": "m", "base_url": "http://o/v1"}, [])
    for name in ("first", "second"):
        journal = Journal(name, [sink])
        await journal.record(opened)
        with journal.within("turn"), journal.within("step"):
            journal.observe(RequestSent("d", 1, [], "ollama 0.12.3"))

    turns = [told(each)["gen_ai.provider.name"] for each in collector.named("invoke_agent")]
    assert turns == ["vllm", "ollama"]
    steps = [told(each)["gen_ai.provider.name"] for each in collector.named("chat")]
    assert steps == ["ollama", "ollama"]


async def test_a_limited_turn_says_which_limit(mock: MockServer, collector: Collector) -> None:
    mock.script(*ECHOES)
    async with session(mock, sinks=[collector.sink()], limits=Limits(steps=1)) as chat:
        await chat.ask("Say it.")

    turn = told(collector.one("invoke_agent"))
    assert (turn["toolrun.turn.status"], turn["toolrun.limit"]) == ("limited", "steps")
    assert "error.type" not in turn


async def test_a_stream_tells_when_its_first_token_came(
    mock: MockServer, collector: Collector
) -> None:
    mock.script(Step("Think.", "Many words come here."))
    async with (
        session(mock, sinks=[collector.sink()]) as chat,
        chat.stream("Go.") as events,
    ):
        with collector.tracer.start_as_current_span("reader"):
            async for _ in events:
                pass

    step = told(collector.one("chat"))
    assert step["gen_ai.request.stream"] is True
    assert step["gen_ai.response.time_to_first_chunk"] > 0
    ((count, total),) = collector.points("gen_ai.client.operation.time_to_first_chunk").values()
    assert (count, total) == (1, step["gen_ai.response.time_to_first_chunk"])
    assert collector.one("invoke_agent").parent is None


async def test_what_is_not_sampled_is_measured_all_the_same(mock: MockServer) -> None:
    collector = Collector(ALWAYS_OFF)
    mock.script(*ECHOES)
    async with session(mock, sinks=[collector.sink(content=True)]) as chat:
        await chat.ask("Say it.")

    assert collector.ended == []
    assert collector.by("toolrun.turns", "toolrun.turn.status") == {"finished": 1}
    flags = mock.requests()[0].headers["traceparent"][-2:]
    assert not int(flags, 16) & 1, "not sampled"


async def test_without_an_sdk_nothing_is_made_and_nothing_is_sent(mock: MockServer) -> None:
    mock.script(*ECHOES)
    sink = OpenTelemetry()
    async with session(mock, sinks=[sink]) as chat:
        answer = await chat.ask("Say it.")
        assert not chat._journal.listening, "telling of steps costs"

    assert answer.text == "It said a word."
    assert "traceparent" not in mock.requests()[0].headers


def test_a_blocking_session_is_below_the_span_of_its_thread(
    mock: MockServer, collector: Collector
) -> None:
    mock.script(Step("", "Hello."))
    with (
        collector.tracer.start_as_current_span("request") as outer,
        Session.sync(model=mock.model, base_url=mock.url, sinks=[collector.sink()]) as chat,
    ):
        chat.ask("Hello.")

    turn = collector.one("invoke_agent")
    assert turn.parent is not None
    assert turn.parent.span_id == outer.get_span_context().span_id
