"""Which sessions can there be? Any: drawn first, and then driven, as often as is wanted."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio
import anyio.lowlevel
from hypothesis import strategies as st
from msgspec import Struct

from toolrun import Approve, Deny, Edit, Limits, MalformedOutput, ServerStatus, Session, tool
from toolrun.events import AssistantMessage, ReasoningDelta, RequestSent, StepFinished, TextDelta
from toolrun.models.chat_body import encode_body
from toolrun.models.dialects import vllm
from toolrun.models.sent import added_messages
from toolrun.values import ToolCall

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun import Decision
    from toolrun.events import Durable, Event
    from toolrun.models.model import Observe, Request

DIALECT: Final = vllm("0.32.0")
KEY: Final = "the-key-of-the-server"
SECRET: Final = "sk-abcdefghij0123456789"
"""A key of the session, and what looks like one: neither is to reach the disk."""


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

    def __init__(self, steps: tuple[AssistantMessage | Exception, ...]) -> None:
        self.steps = list(steps)

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
            for piece in (step.reasoning[:2], step.reasoning[2:]):
                observe(ReasoningDelta(piece))
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


class Act(Struct, frozen=True):
    """Something that the user does."""

    what: Literal["ask", "stream", "go_on", "decide", "undo"]
    text: str = ""
    decision: Any = None


class AnySession(Struct, frozen=True):
    """A session.

    Attributes:
        steps: that the model says, or fails with.
        acts: of the user, in order.
        decisions: of an approver, by the number of the call; None where there is no approver.
        stop: the number of the event at which the turn is cancelled; 0 for none.
    """

    steps: tuple[Any, ...]
    acts: tuple[Act, ...]
    decisions: tuple[Any, ...] | None = None
    stop: int = 0

    async def approve(self, call: ToolCall) -> Decision:
        """Decide, sooner or later."""
        assert self.decisions
        number = ord(call.id[1])
        await anyio.sleep(0.001 * (number % 2))
        decision: Decision = self.decisions[number % len(self.decisions)]
        return decision

    async def drive(self, stop: int = 0, **options: Any) -> None:
        """Have the session, and do all that the user does, whatever comes of it."""
        session = Session(
            model=Scripted(self.steps),
            api_key=KEY,
            tools=[echo, fail, send],
            limits=Limits(steps=3, tool_calls=5),
            approve=None if self.decisions is None else self.approve,
            **options,
        )
        async with session:
            session._journal.add(StopAt(session, stop))
            for act in self.acts:
                await _perform(session, act)

    async def record(self, path: Path) -> None:
        """The same, into a trace."""
        await self.drive(self.stop, trace=path)


async def _perform(session: Session, act: Act) -> None:
    try:
        if act.what == "ask":
            await session.ask(act.text)
        elif act.what == "stream":
            async with session.stream(act.text) as events:
                async for _ in events:
                    pass
        elif act.what == "go_on":
            await session.go_on()
        elif act.what == "undo":
            await session.undo()
        elif session.state.pending:
            await session.decide(next(iter(session.state.pending)), act.decision)
    except Exception:  # noqa: BLE001 - the model's, and what stands for it in a replay
        pass  # refused, or a turn that failed: what is recorded of it is what is tested


TEXT: Final = st.one_of(
    st.text("abé\n😀\u2028\0", max_size=6),
    st.sampled_from([SECRET, f"Use {KEY}!", f"{SECRET[:4]}", "[redacted]", '\\u0000 {"a": 1}']),
)
WRITTEN: Final = st.one_of(TEXT, st.sampled_from(["half \ud800", "\udfff"]))
ARGUMENTS: Final = st.one_of(
    WRITTEN.map(lambda text: json.dumps({"text": text})),
    st.sampled_from(["{", "{}", '{"text": 1}', '{"text": "a"', '{"text":"\ud83d"}']),
)
NAMES: Final = ("echo", "echo", "fail", "send", "nothing", "functions.echo")
MESSAGE: Final = st.builds(
    AssistantMessage,
    content=st.none() | TEXT,
    reasoning=st.none() | TEXT,
    tool_calls=st.lists(st.tuples(st.sampled_from(NAMES), ARGUMENTS), max_size=3).map(
        lambda calls: tuple(ToolCall(f"c{i}", name, text) for i, (name, text) in enumerate(calls))
    ),
    finish_reason=st.sampled_from(["stop", "length"]),
)
STEP: Final = st.one_of(
    MESSAGE,
    MESSAGE,
    MESSAGE,
    st.just(MalformedOutput("not a reply")),
    st.just(ServerStatus("busy", 503)),
    st.just(ServerStatus("refused: why", 400)),
    st.just(RuntimeError("a bug: of a model")),
)
DECISION: Final[st.SearchStrategy[Decision]] = st.sampled_from(
    [Approve(), Approve("session"), Deny("no"), Deny(SECRET), Edit({"text": "new"})]
)
ACT: Final = st.builds(
    Act,
    st.sampled_from(["ask", "ask", "stream", "go_on", "decide", "undo"]),
    WRITTEN,
    DECISION,
)
ANY_SESSION: Final = st.builds(
    AnySession,
    steps=st.lists(STEP, max_size=8).map(tuple),
    acts=st.lists(ACT, min_size=1, max_size=6).map(tuple),
    decisions=st.none() | st.lists(DECISION, min_size=1, max_size=3).map(tuple),
    stop=st.integers(0, 40),
)
