"""Does any session, however it went, happen again from its trace?"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.unit.trace.journals import ONE_CALL, OPENED, write
from toolrun import Approve, Deny, Edit, Limits, MalformedOutput, ServerStatus, Session, tool
from toolrun.errors import ReplayMismatch, ServerError, ToolrunError, TraceError
from toolrun.events import (
    ApprovalDecided,
    ApprovalRequested,
    AssistantMessage,
    Event,
    LimitReached,
    ReasoningDelta,
    RequestSent,
    SettingsChanged,
    StepFinished,
    TextDelta,
    ToolCallFinished,
    TurnFinished,
    UserMessage,
)
from toolrun.models.chat_body import encode_body
from toolrun.models.dialects import vllm
from toolrun.models.sent import added_messages
from toolrun.state import fold
from toolrun.testing.replay import replay_trace
from toolrun.trace.plan import Decide, Plan, Stop, Turn
from toolrun.trace.reader import Trace, read_trace
from toolrun.trace.replay import failure
from toolrun.trace.shown import difference
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from toolrun import Decision
    from toolrun.events import Durable
    from toolrun.models.model import Observe, Request

DIALECT = vllm("0.32.0")


@tool(trusted=True)
async def echo(text: str) -> str:
    """Say it again."""
    await anyio.sleep(len(text) / 1000)
    return text


@tool(trusted=True)
async def fail(text: str) -> str:
    """Go wrong."""
    raise ValueError(text)


@tool(trusted=True, approve=True)
async def send(text: str) -> str:
    """Be asked about."""
    await anyio.lowlevel.checkpoint()
    return f"sent {text}"


class Scripted:
    """A model that says what a test wants, and tells of it as the real one does."""

    def __init__(self, steps: list[AssistantMessage | Exception]) -> None:
        self.steps = steps

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        body = encode_body(request, DIALECT)
        assert observe is not None
        digest = hashlib.sha256(body).hexdigest()
        adds = added_messages(request)
        observe(RequestSent(digest, len(body), adds, DIALECT.name, request.stream))
        await anyio.lowlevel.checkpoint()
        step = self.steps.pop(0) if self.steps else AssistantMessage("The end.")
        if isinstance(step, Exception):
            raise step
        if step.reasoning:
            observe(ReasoningDelta(step.reasoning))
            await anyio.lowlevel.checkpoint()
        observe(TextDelta(step.content or ""))
        observe(StepFinished(0.5))
        return step

    async def aclose(self) -> None:
        pass


class StopAt:
    """A sink that cancels at the event of a number, from within."""

    observes = True

    def __init__(self, session: Session, number: int) -> None:
        self.session = session
        self.left = number

    def observe(self, event: Event) -> None:
        self.left -= 1
        if self.left == 0:
            self.session.cancel()

    async def record(self, event: Durable) -> None:
        self.observe(event)


TEXT = st.text("abé\n", max_size=6)
ARGUMENTS = st.one_of(
    TEXT.map(lambda text: json.dumps({"text": text})), st.sampled_from(["{", "{}", '{"text": 1}'])
)
CALL = st.tuples(st.sampled_from(["echo", "echo", "fail", "send", "nothing"]), ARGUMENTS)
MESSAGE = st.builds(
    AssistantMessage,
    content=st.none() | TEXT,
    reasoning=st.none() | TEXT,
    tool_calls=st.lists(CALL, max_size=3).map(
        lambda calls: tuple(ToolCall(f"c{i}", name, text) for i, (name, text) in enumerate(calls))
    ),
    finish_reason=st.sampled_from(["stop", "length"]),
)
STEP = st.one_of(
    MESSAGE,
    MESSAGE,
    MESSAGE,
    st.just(MalformedOutput("not a reply")),
    st.just(ServerStatus("busy", 503)),
    st.just(ServerStatus("refused: why", 400)),
    st.just(RuntimeError("a bug: of a model")),
)
DECISION: st.SearchStrategy[Decision] = st.sampled_from(
    [Approve(), Approve("session"), Deny("no"), Edit({"text": "new"})]
)
ACT = st.sampled_from(["ask", "ask", "stream", "go_on", "decide"])


async def record(path: Path, data: st.DataObject) -> None:
    """Any session, into a trace."""
    decisions = data.draw(st.none() | st.lists(DECISION, min_size=1, max_size=3), "approver")

    async def approve(call: ToolCall) -> Decision:
        assert decisions is not None
        await anyio.sleep(0.001 * (ord(call.id[1]) % 2))
        return decisions[ord(call.id[1]) % len(decisions)]

    session = Session(
        model=Scripted(data.draw(st.lists(STEP, max_size=8), "steps")),
        tools=[echo, fail, send],
        limits=Limits(steps=3, tool_calls=5),
        approve=approve if decisions is not None else None,
        trace=path,
    )
    async with session:
        session._journal.add(StopAt(session, data.draw(st.integers(0, 40), "cancelled at")))
        for act in data.draw(st.lists(ACT, min_size=1, max_size=5), "acts"):
            await perform(session, act, data)


async def perform(session: Session, act: str, data: st.DataObject) -> None:
    try:
        if act == "ask":
            await session.ask("Say it.")
        elif act == "stream":
            async with session.stream("Say it.") as events:
                async for _ in events:
                    pass
        elif act == "go_on":
            await session.go_on()
        elif session.state.pending:
            await session.decide(next(iter(session.state.pending)), data.draw(DECISION, "decision"))
    except (ToolrunError, RuntimeError):
        pass  # refused, or a turn that failed: what is recorded of it is what is tested


@pytest.mark.load
@settings(max_examples=30, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_any_session_happens_again(data: st.DataObject, backend: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        with capture_logs():
            anyio.run(record, path, data, backend=backend)
        lines = [msgspec.json.encode(event) for event in read_trace(path).events]
        seen: list[bytes] = []

        async def replay() -> None:
            with anyio.fail_after(4):
                await replay_trace(
                    path, on_event=lambda event: seen.append(msgspec.json.encode(event))
                )

        anyio.run(replay, backend=backend)
    assert [json.loads(line) for line in seen] == [json.loads(line) for line in lines]


def _plan(*events: Event) -> Plan:
    from toolrun.trace.header import TraceHeader

    header = TraceHeader(format=1, toolrun="1", session="s", created=0.0)
    return Plan.from_trace(Trace(header, [OPENED, *events]))


CANCELLED = ToolCallFinished("c", "f", ToolResult("stopped", "cancelled"))
PARKED = (
    UserMessage("a"),
    AssistantMessage(tool_calls=(ToolCall("c", "f", "{}"),)),
    ApprovalRequested("c", "f", {}, "asks"),
    TurnFinished("parked"),
)


def _turn(
    text: str | None, status: Any, stop: Stop | None, end: int, *, stream: bool = False
) -> Turn:
    return Turn(text, stream, status, stop, end)


@pytest.mark.parametrize(
    ("events", "acts"),
    [
        ((), []),
        ((UserMessage("a"), TurnFinished("finished")), [_turn("a", "finished", None, 3)]),
        ((UserMessage("a"),), [_turn("a", None, Stop(2, "end"), 2)]),
        (
            (UserMessage("a"), CANCELLED, TurnFinished("cancelled"), TurnFinished("cancelled")),
            [
                _turn("a", "cancelled", Stop(2, "cancelled"), 4),
                _turn(None, "cancelled", Stop(4, "cancelled"), 5),
            ],
        ),
        (
            (UserMessage("a"), LimitReached("seconds", 1), CANCELLED, TurnFinished("limited")),
            [_turn("a", "limited", Stop(2, "seconds"), 5)],
        ),
        (
            (UserMessage("a"), LimitReached("steps", 1), TurnFinished("limited")),
            [_turn("a", "limited", None, 4)],
        ),
        (
            (UserMessage("a"), TurnFinished("failed", "X: y")),
            [_turn("a", "failed", Stop(2, "failed", "X: y"), 3)],
        ),
        (
            (*PARKED, ApprovalDecided("c", "deny", reason="no")),
            [_turn("a", "parked", None, 5), Decide("c", Deny("no"))],
        ),
        (
            (*PARKED, ApprovalDecided("c", "approve"), CANCELLED, TurnFinished("finished")),
            [
                _turn("a", "parked", None, 5),
                Decide("c", Approve()),
                _turn(None, "finished", None, 8),
            ],
        ),
        (
            (*PARKED, CANCELLED, UserMessage("b"), TextDelta("x"), TurnFinished("finished")),
            [_turn("a", "parked", None, 5), _turn("b", "finished", None, 9, stream=True)],
        ),
    ],
)
def test_what_the_user_did_follows_from_the_events(
    events: tuple[Event, ...], acts: list[Any]
) -> None:
    assert _plan(*events).acts == acts


def test_what_a_session_began_with_is_told_from_its_turns() -> None:
    plan = _plan(
        UserMessage("old"), AssistantMessage("answer"), UserMessage("new"), TurnFinished("finished")
    )
    assert [message.content for message in fold(plan.history).transcript] == ["old", "answer"]
    assert [act.text for act in plan.acts if isinstance(act, Turn)] == ["new"]


def test_a_session_whose_settings_changed_is_not_replayed() -> None:
    with pytest.raises(TraceError, match="settings changed") as caught:
        _plan(SettingsChanged({"effort": "low"}))
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ServerUnreachable: no server: at x", ServerError),
        ("ServerStatus: busy", ServerStatus),
        ("ServerTimeout: nothing came", ServerError),
        ("MalformedOutput: ", MalformedOutput),
        ("KeyError: 'a: b'", Exception),
    ],
)
def test_a_failure_is_raised_as_it_was_recorded(text: str, kind: type[Exception]) -> None:
    error = failure(text)
    assert isinstance(error, kind)
    assert f"{type(error).__name__}: {error}" == text


async def test_a_journal_that_no_session_writes_is_no_replay(tmp_path: Path) -> None:
    await write(tmp_path / "t.jsonl", ONE_CALL)
    with pytest.raises(ReplayMismatch, match=r"line 4 \(ReasoningDelta.*: step: .*nothing, seen 1"):
        await replay_trace(tmp_path / "t.jsonl")
    assert len(read_trace(tmp_path / "t.jsonl").events) == len(ONE_CALL)


@pytest.mark.parametrize(
    ("expected", "seen", "named"),
    [
        (UserMessage("a", seq=1), UserMessage("b", seq=2), ("content", "'a'", "'b'")),
        (UserMessage("a", seq=1), UserMessage("a", seq=2), ("seq", "1", "2")),
        (UserMessage("a", time=1.5), UserMessage("a"), ("time", "1.5", "nothing")),
        (UserMessage("a"), TurnFinished("failed"), ("type", "'UserMessage'", "'TurnFinished'")),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("a[1].b", "2", "3")),
        ({"a": [1]}, {"a": [1, 2]}, ("a[1]", "nothing", "2")),
        ({"a": 1}, {"a": 1.0}, ("a", "1", "1.0")),
        ({"a": True}, {"a": 1}, ("a", "true", "1")),
    ],
)
def test_the_first_difference_is_named(expected: Any, seen: Any, named: tuple[str, ...]) -> None:
    assert difference(expected, seen) == named


def test_of_long_texts_the_place_where_they_part_is_shown() -> None:
    where, before, after = difference({"a": "x" * 5000 + "1"}, {"a": "x" * 5000 + "2"})
    assert where == "a"
    assert before.endswith("x1'")
    assert after.endswith("x2'")
    assert len(before) < 200
