"""Does a recorded session happen again, byte for byte, without model, tools or network?"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from tests.integration.printing_tools import tell
from tests.rig.mock import Call, MockServer, Step
from tests.unit.testing.driving import Staged
from toolrun import (
    Approve,
    CancelToken,
    Deny,
    Edit,
    Limits,
    OutputInvalid,
    Retries,
    Sampling,
    ServerError,
    Session,
    tool,
)
from toolrun.errors import ReplayMismatch, TraceError
from toolrun.events import ToolCallFinished, ToolCallStarted
from toolrun.models import chat_body
from toolrun.testing.replay import replay_trace
from toolrun.testing.stage import Stage
from toolrun.trace import cursor
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun import Decision, Event, ToolCall

ran: list[str] = []


@tool(trusted=True)
async def word_count(path: str) -> int:
    """Count the words of a text file."""
    ran.append(path)
    return len(path)


@tool(trusted=True)
async def slow(seconds: float) -> str:
    """Take a while."""
    ran.append("slow")
    await anyio.sleep(seconds)
    return f"waited {seconds}"


@tool(trusted=True, approve=True)
async def send(to: str) -> str:
    """Send a letter."""
    ran.append(to)
    return f"sent to {to}"


COUNT = Step(reasoning="I must count.", tool_calls=(Call("word_count", '{"path": "a.txt"}'),))
DONE = Step(reasoning="The tool says it.", content="Done, naïvely.")


@pytest.fixture(params=["unstreamed", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "streamed")


class Recording:
    """A trace that is being made."""

    def __init__(self, mock: MockServer, path: Path, *, streamed: bool) -> None:
        self.mock = mock
        self.path = path
        self.streamed = streamed

    def session(self, **more: Any) -> Session:
        options: dict[str, Any] = {
            "base_url": self.mock.url,
            "model": self.mock.model,
            "tools": [word_count, slow, send],
            "trace": self.path,
            "retries": Retries(first_wait=0.01),
        }
        return Session(**(options | more))

    async def ask(self, session: Session, text: str | None) -> None:
        if not self.streamed:
            await (session.ask(text) if text is not None else session.go_on())
            return
        async with session.stream(text) if text is not None else session.stream_on() as events:
            async for _ in events:
                pass

    async def replay(self) -> list[str]:
        """Replay it without a server, and give the types of its events."""
        self.mock.reset()
        before = len(ran)
        lines = [msgspec.json.encode(event) for event in read_trace(self.path).events]
        seen: list[bytes] = []

        def on_event(event: Event) -> None:
            seen.append(msgspec.json.encode(event))

        report = await replay_trace(self.path, on_event=on_event)
        assert [json.loads(line) for line in seen] == [json.loads(line) for line in lines]
        assert report.events == len(lines)
        assert len(ran) == before
        assert not self.mock.requests()
        return [type(event).__name__ for event in read_trace(self.path, check=True).events]


@pytest.fixture
def recording(mock: MockServer, tmp_path: Path, streamed: bool) -> Recording:  # noqa: FBT001
    return Recording(mock, tmp_path / "t.jsonl", streamed=streamed)


async def test_a_session_of_several_turns_happens_again(recording: Recording) -> None:
    recording.mock.script(COUNT, Step(content="Once more.", tool_calls=COUNT.tool_calls), DONE)
    sampling = Sampling(temperature=0.5, seed=7, stop=("\n\n\n",))
    async with recording.session(
        instructions="Be terse.", effort="low", sampling=sampling, extra_body={"top_k": 3}
    ) as session:
        await recording.ask(session, "How long is it?")
        await recording.ask(session, "And now?")
        transcript = session.transcript
    events = await recording.replay()
    assert events.count("RequestSent") == 6
    assert ("ReasoningDelta" in events) == recording.streamed
    assert (await replay_trace(recording.path)).transcript == transcript


async def test_a_replay_opens_no_socket_and_always_sees_the_same(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a replay used the network")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refused, raising=False)
    reports = [await replay_trace(recording.path) for _ in range(20)]
    assert reports == [reports[0]] * 20
    assert reports[0].events > 8


async def test_calls_at_once_end_in_the_recorded_order(recording: Recording) -> None:
    @tool(trusted=True)
    async def after(other: str) -> str:
        """Wait for another call."""
        while other and other not in session.state.results:
            await anyio.lowlevel.checkpoint()
        return "done"

    calls = tuple(
        Call("after", f'{{"other": "{other}"}}', id=f"c{number}")
        for number, other in enumerate(("c2", "", "c1"))
    )
    recording.mock.script(Step(tool_calls=calls), DONE)
    async with recording.session(tools=[after]) as session:
        await recording.ask(session, "Wait.")
    await recording.replay()
    finished = [
        event.call_id
        for event in read_trace(recording.path).events
        if isinstance(event, ToolCallFinished)
    ]
    assert finished == ["c1", "c2", "c0"]


async def test_what_sandboxed_tools_print_is_printed_again(recording: Recording) -> None:
    calls = tuple(Call("tell", f'{{"word": "{word}"}}') for word in ("one", "two"))
    recording.mock.script(Step(tool_calls=calls), DONE)
    async with recording.session(tools=[tell]) as session:
        await recording.ask(session, "Tell me.")
    assert (await recording.replay()).count("ToolOutput") >= 4


@pytest.mark.parametrize("tools", ["trace", "live"])
async def test_sandboxed_tools_run_again_where_only_the_model_is_the_traces(
    recording: Recording, tools: Any
) -> None:
    calls = tuple(Call("tell", f'{{"word": "{word}"}}') for word in ("one", "two"))
    recording.mock.script(Step(tool_calls=calls), DONE)
    async with recording.session(tools=[tell]) as session:
        await recording.ask(session, "Tell me.")
        said = session.transcript
    recording.mock.reset()
    stage = Stage(recording.path, tools=tools)
    async with (
        Staged(stage, base_url=recording.mock.url, model=recording.mock.model) as runtime,
        runtime.session(tools=[tell], retries=Retries(first_wait=0.01)) as session,
    ):
        await recording.ask(session, "Tell me.")
        again = session.transcript
    stage.finish()
    assert [each.content for each in again] == [each.content for each in said]
    assert not recording.mock.requests()


async def test_wrong_calls_are_wrong_again(recording: Recording) -> None:
    recording.mock.script(
        Step(tool_calls=(Call("word_count", '{"path": '), Call("wordcount", "{}"))),
        Step(tool_calls=(Call("word_count", '{"path": 5, "more": 1}'),)),
        COUNT,
        DONE,
    )
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
    assert (await recording.replay()).count("ToolCallStarted") == 1


@pytest.mark.parametrize("decision", [Approve(), Approve("session"), Deny("no"), Edit({"to": "B"})])
async def test_a_parked_turn_is_decided_and_gone_on_with(
    recording: Recording, decision: Decision
) -> None:
    recording.mock.script(
        Step(tool_calls=(Call("send", '{"to": "A"}', id="c1"), COUNT.tool_calls[0])),
        Step(tool_calls=(Call("send", '{"to": "C"}', id="c2"),)),
        DONE,
    )
    async with recording.session() as session:
        await recording.ask(session, "Send it.")
        await recording.ask(session, None)  # still parked
        await session.decide("c1", decision)
        await recording.ask(session, None)
        await recording.ask(session, "Never mind.")
    events = await recording.replay()
    assert events.count("ApprovalDecided") == 1
    assert events.count("ApprovalRequested") == (1 if decision == Approve("session") else 3)


async def test_an_approver_decides_again_as_it_did(recording: Recording) -> None:
    decisions: list[Decision] = [Deny("not him"), Approve(), Edit({"to": "Z"})]

    async def approve(call: ToolCall) -> Decision:
        await anyio.sleep(0.05 if call.id == "c0" else 0)
        return decisions[int(call.id[1:])]

    calls = tuple(Call("send", f'{{"to": "{name}"}}', id=f"c{n}") for n, name in enumerate("ABC"))
    recording.mock.script(Step(tool_calls=calls), DONE)
    async with recording.session(approve=approve) as session:
        await recording.ask(session, "Send them.")
    assert (await recording.replay()).count("ApprovalDecided") == 3


async def test_a_turn_cancelled_while_it_samples(recording: Recording) -> None:
    recording.mock.script(Step(content="Late.", delay_s=10))
    async with recording.session() as session:
        await _ask_and_cancel(recording, session, lambda: recording.mock.running() == 1)
        recording.mock.script(COUNT, DONE)
        await recording.ask(session, None)
    events = await recording.replay()
    assert events.count("TurnFinished") == 2


async def test_a_turn_cancelled_while_tools_run(recording: Recording) -> None:
    recording.mock.script(
        Step(tool_calls=(Call("slow", '{"seconds": 30}'), *COUNT.tool_calls)), DONE
    )
    ran.clear()
    async with recording.session() as session:
        await _ask_and_cancel(recording, session, lambda: set(ran) == {"slow", "a.txt"})
        await recording.ask(session, None)
        recording.mock.script(COUNT, DONE)
        await recording.ask(session, "Well?")
    events = read_trace(recording.path).events
    outcomes = [event.result.outcome for event in events if isinstance(event, ToolCallFinished)]
    assert "cancelled" in outcomes
    await recording.replay()


@pytest.mark.parametrize("where", ["model", "tool"])
async def test_a_turn_whose_time_ran_out(recording: Recording, where: str) -> None:
    late = Step(content="Late.", delay_s=10)
    recording.mock.script(
        COUNT, late if where == "model" else Step(tool_calls=(Call("slow", '{"seconds": 9}'),))
    )
    async with recording.session(limits=Limits(seconds=0.5)) as session:
        await recording.ask(session, "Hurry.")
        assert session.state.finished is not None
        assert session.state.finished.status == "limited"
    assert "LimitReached" in await recording.replay()


async def test_a_turn_that_had_less_time_than_its_limit_and_one_that_was_stopped_for_a_reason(
    recording: Recording,
) -> None:
    slowly = Step(tool_calls=(Call("slow", '{"seconds": 9}'),))
    recording.mock.script(slowly, slowly, DONE)
    async with recording.session() as session:
        assert (await session.ask("Hurry.", seconds=0.3)).status == "limited"
        token = CancelToken()
        async with session.stream_on(cancel=token) as events:
            async for event in events:
                if isinstance(event, ToolCallStarted):
                    token.cancel("the user left")
        assert (await session.go_on()).status == "finished"
    assert (await recording.replay()).count("TurnFinished") == 3


async def test_a_turn_that_was_parked_where_its_step_ended(recording: Recording) -> None:
    @tool(trusted=True)
    async def word_count(path: str) -> int:
        session._running.park("the process ends")
        return len(path)

    recording.mock.script(COUNT, DONE)
    async with recording.session(tools=[word_count]) as session:
        await recording.ask(session, "How long is it?")
        finished = session.state.finished
        assert finished is not None
        assert (finished.status, finished.reason) == ("parked", "the process ends")
        await recording.ask(session, None)
        assert session.state.finished is not None
        assert session.state.finished.status == "finished"
    assert (await recording.replay()).count("TurnFinished") == 2


@pytest.mark.parametrize("where", ["model", "tool", "approver"])
async def test_a_turn_that_was_parked_as_it_stood(
    recording: Recording, where: str, tmp_path: Path
) -> None:
    reached = anyio.Event()

    @tool(trusted=True, on_crash="ask")
    async def slow(seconds: float) -> str:
        reached.set()
        await anyio.sleep(seconds)
        return "slow"

    async def approve(call: ToolCall) -> Decision | None:
        if reached.is_set():
            return Approve()
        reached.set()
        await anyio.sleep_forever()
        raise AssertionError

    firsts = {
        "model": Step(content="Late.", delay_s=10),
        "tool": Step(tool_calls=(Call("slow", '{"seconds": 9}', id="c1"),)),
        "approver": Step(tool_calls=(Call("send", '{"to": "A"}', id="c1"),)),
    }
    recording.mock.script(firsts[where], DONE)
    store = f"sqlite:///{tmp_path}/sessions.db"
    more = {"approve": approve} if where == "approver" else {}
    async with recording.session(tools=[slow, send], store=store, **more) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(recording.ask, session, "Go.")
            while where == "model" and not recording.mock.running():  # noqa: ASYNC110 - a process
                await anyio.sleep(0.01)
            if where != "model":
                await reached.wait()
            session._running.park("it ends")
            session._running.cut("it ends")
        finished = session.state.finished
        assert finished is not None
        assert (finished.status, finished.reason) == ("parked", "it ends")
        recording.mock.script(firsts[where] if where != "model" else COUNT, DONE)
        if where == "tool":
            await recording.ask(session, None)
            await session.decide("c1", Deny("not again"))
        await recording.ask(session, None)
        assert session.state.finished is not None
        assert session.state.finished.status == "finished"
    await recording.replay()


@pytest.mark.parametrize("limits", [Limits(steps=1), Limits(tool_calls=1)])
async def test_a_limited_turn_is_gone_on_with(recording: Recording, limits: Limits) -> None:
    recording.mock.script(COUNT, COUNT, DONE)
    async with recording.session(limits=limits) as session:
        await recording.ask(session, "How long is it?")
        await recording.ask(session, None)
    assert "LimitReached" in await recording.replay()


async def test_an_answer_that_was_cut_off(recording: Recording) -> None:
    recording.mock.script(Step(content="So many", finish_reason="length"))
    async with recording.session() as session:
        await recording.ask(session, "Tell me.")
    assert "LimitReached" in await recording.replay()


async def test_steps_sampled_again_and_a_failed_turn(recording: Recording) -> None:
    recording.mock.script(
        Step(content="Hm.", tool_calls=COUNT.tool_calls, fault="http_500", fault_times=2),
        Step(content="Broken.", fault="http_503"),
    )
    async with recording.session() as session:
        with pytest.raises(ServerError):
            await recording.ask(session, "How long is it?")
        recording.mock.script(COUNT, DONE)
        await recording.ask(session, None)
    events = await recording.replay()
    assert events.count("Retried") == 5


async def test_a_refused_request_is_refused_again(recording: Recording) -> None:
    recording.mock.settings(model="another")
    async with recording.session(model="none-such") as session:
        with pytest.raises(ServerError):
            await recording.ask(session, "Hello?")
    assert (await recording.replay()).count("Retried") == 0


async def test_a_session_that_began_with_a_transcript(recording: Recording) -> None:
    recording.mock.script(DONE)
    messages = [
        {"role": "developer", "content": "Be terse."},
        {"role": "user", "content": "How long is it?"},
        {
            "role": "assistant",
            "content": None,
            "reasoning": "Count.",
            "tool_calls": [
                {
                    "id": "old",
                    "type": "function",
                    "function": {"name": "word_count", "arguments": "{}"},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "old", "content": "7"},
        {"role": "assistant", "content": "Seven."},
    ]
    async with recording.session(messages=messages) as session:
        await recording.ask(session, "And now?")
    assert (await recording.replay()).count("UserMessage") == 2


async def test_a_trace_without_its_secrets_still_replays(recording: Recording) -> None:
    key = "sk-abcdefghij0123456789"
    recording.mock.script(
        Step(
            reasoning=f"The key is {key}.",
            tool_calls=(Call("word_count", f'{{"path": "{key}"}}'),),
        ),
        DONE,
    )
    async with recording.session(instructions=f"Your key: {key}") as session:
        await recording.ask(session, f"Use {key}!")
    assert key.encode() not in recording.path.read_bytes()
    await recording.replay()


async def test_a_file_that_ends_anywhere_replays_to_there(recording: Recording) -> None:
    calls = (Call("slow", '{"seconds": 0.05}', id="c0"), COUNT.tool_calls[0])
    recording.mock.script(Step(reasoning="Go.", tool_calls=calls), DONE)
    async with recording.session() as session:
        await recording.ask(session, "Wait.")
        await recording.ask(session, "Again.")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    for end in range(2, len(lines) + 1):
        recording.path.write_bytes(b"".join(lines[:end]))
        with anyio.fail_after(4):  # a replay that waits in vain gives up later than this
            report = await replay_trace(recording.path)
        assert report.events == len(read_trace(recording.path).events)
        last = msgspec.json.decode(lines[end - 1])["type"]
        assert report.unfinished == (last not in ("TurnFinished", "SessionOpened"))


async def test_the_original_pace_can_be_kept(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.mock.script(Step(tool_calls=(Call("slow", '{"seconds": 0.1}'),)), DONE)
    async with recording.session() as session:
        await recording.ask(session, "Wait.")
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(anyio, "sleep", noted)  # how long a replay takes is the machine's, too

    async def waited(rate: float | None) -> float:
        waits.clear()
        await replay_trace(recording.path, rate=rate)
        return sum(waits)

    assert (whole := await waited(1.0)) >= 0.1
    assert await waited(2.0) == pytest.approx(whole / 2)
    assert await waited(None) == 0


Mutation = tuple[str, bytes, bytes, str]
MUTATIONS: list[Mutation] = [
    (
        "the user's words",
        b'"content":"How long',
        b'"content":"How lung',
        r"message 1 \(user\), which",
    ),
    (
        "a result",
        b'"result":{"content":"5"',
        b'"result":{"content":"6"',
        r"message 3 \(tool\), which",
    ),
    ("the reasoning", b'"reasoning":"I must', b'"reasoning":"I mist', r"message 2 \(assistant\), "),
    ("the last answer", b'"content":"Done', b'"content":"Gone', r"message 4 \(assistant\), "),
    ("the model", b'"settings":{"model":"', b'"settings":{"model":"x', "bytes differ"),
    ("a tool schema", b'"description":"Count', b'"description":"Mount', "bytes differ"),
    (
        "arguments",  # left out where they are those of the call
        b'"type":"ToolCallStarted"',
        b'"type":"ToolCallStarted","arguments":{"path":"b"}',
        r"arguments\.path",
    ),
    ("an outcome", b'"type":"TurnFinished"', b'"type":"TurnFinished","error":"x"', "error"),
    ("a digest", b'"digest":"', b'"digest":"0', "bytes differ"),
    ("a size", b'"size":', b'"size":1', "size: expected 1"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[each[0] for each in MUTATIONS])
async def test_a_trace_that_was_changed_is_caught_and_the_change_named(
    recording: Recording, mutation: Mutation
) -> None:
    name, before, after, named = mutation
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
        await recording.ask(session, "And now?")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    # Once where it is said; what requests add to each other stays as it was.
    index = next(i for i, line in enumerate(lines) if before in line and _said(line, name))
    lines[index] = lines[index].replace(before, after, 1)
    recording.path.write_bytes(b"".join(lines))
    with pytest.raises(ReplayMismatch, match=named) as caught:
        await replay_trace(recording.path)
    assert str(caught.value).startswith("line ")


async def test_toolrun_that_drops_the_reasoning_is_caught(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
    real = chat_body._message

    def without_reasoning(*args: Any) -> tuple[bytes, bytes]:
        bare, _ = real(*args)
        return bare, bare

    monkeypatch.setattr(chat_body, "_message", without_reasoning)
    with pytest.raises(
        ReplayMismatch,
        match=r"RequestSent, turn 1, step 2.*message 2 \(assistant\): reasoning: "
        r"expected 'I must count\.', seen nothing",
    ):
        await replay_trace(recording.path)


async def test_toolrun_that_keeps_all_reasoning_is_caught(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
        await recording.ask(session, "And now?")
    monkeypatch.setattr("toolrun.step.reasoning_kept_from", lambda messages: 0)
    with pytest.raises(
        ReplayMismatch, match=r"turn 2, step 1.*message 2 .*: reasoning: expected nothing, seen"
    ):
        await replay_trace(recording.path)


async def test_an_event_that_does_not_come_is_named(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "STALL_S", 0.2)
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "How long is it?")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    index = next(i for i, line in enumerate(lines) if b"ToolCallFinished" in line)
    started = msgspec.json.decode(lines[index - 1])
    place = {key: started[key] for key in ("seq", "time", "turn", "step")}
    warned = {"type": "Warned", **place, "sub": 1, "code": "c", "message": "m"}
    lines.insert(index, msgspec.json.encode(warned) + b"\n")
    recording.path.write_bytes(b"".join(lines))
    with pytest.raises(ReplayMismatch, match=rf"line {index + 1} .*: expected Warned, seen Tool"):
        await replay_trace(recording.path)


async def test_a_trace_of_what_no_user_can_do_is_refused(recording: Recording) -> None:
    recording.mock.script(DONE)
    async with recording.session() as session:
        await recording.ask(session, "Hello.")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    last = msgspec.json.decode(lines[-1])
    extra = msgspec.json.encode(last | {"seq": last["seq"] + 1})
    recording.path.write_bytes(b"".join([*lines, extra + b"\n"]))
    with pytest.raises(ReplayMismatch, match=rf"line {len(lines) + 1}: there is no turn"):
        await replay_trace(recording.path)


async def test_what_is_no_session_is_no_replay(tmp_path: Path, recording: Recording) -> None:
    recording.mock.script(DONE)
    async with recording.session() as session:
        await recording.ask(session, "Hello.")
    lines = recording.path.read_bytes().splitlines(keepends=True)
    recording.path.write_bytes(b"".join([lines[0], *lines[2:]]))
    with pytest.raises(TraceError, match="does not begin with SessionOpened"):
        await replay_trace(recording.path)


async def _ask_and_cancel(
    recording: Recording, session: Session, ready: Callable[[], bool]
) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(recording.ask, session, "Go.")
        with anyio.fail_after(5):
            while not await anyio.to_thread.run_sync(ready):  # noqa: ASYNC110 - another process
                await anyio.sleep(0.01)
        session.cancel()


def _said(line: bytes, name: str) -> bool:
    """Whether a line is the one that a mutation of this name is about."""
    if name in ("a digest", "a size"):
        return b'"seq":2,' in line
    return b'"type":"RequestSent"' not in line


# ---- what a session can do beyond turns ----


@tool(trusted=True, repeatable=True)
async def poll() -> str:
    """Say whether it is done."""
    return "not yet"


@tool(trusted=True, approve=lambda arguments: arguments["to"] != "Ann")
async def post(to: str) -> str:
    """Send a letter; Ann always wants one."""
    return f"posted to {to}"


async def test_a_fork_happens_again(recording: Recording, tmp_path: Path) -> None:
    recording.mock.script(
        Step(tool_calls=(Call("word_count", '{"path":"a"}'), Call("send", '{"to":"Ann"}'))), DONE
    )
    async with recording.session(trace=tmp_path / "parent.jsonl") as parent:
        await recording.ask(parent, "Go.")
        async with parent.fork(trace=recording.path, effort="high") as child:
            (waiting,) = child.state.pending
            await child.decide(waiting, Approve("session"))
            await recording.ask(child, None)
    kinds = await recording.replay()

    assert kinds[:2] == ["SessionOpened", "ForkedFrom"]
    assert kinds[-1] == "TurnFinished"


async def test_an_undone_turn_is_undone_again(recording: Recording) -> None:
    recording.mock.script(COUNT, DONE)
    async with recording.session() as session:
        await recording.ask(session, "One.")
        await recording.ask(session, "Two.")
        await session.undo()
        await recording.ask(session, "Three.")

    assert (await recording.replay()).count("TurnUndone") == 1


async def test_what_was_mended_is_mended_again(recording: Recording) -> None:
    recording.mock.script(
        Step(tool_calls=(Call("functions.word_count", '{"path":"a"'),)),
        DONE,
    )
    async with recording.session() as session:
        await recording.ask(session, "Go.")

    assert (await recording.replay()).count("Repaired") == 2


@pytest.mark.parametrize("fault", ["http_503", "http_429", "garbled_calls", "hidden_truncation"])
async def test_what_was_sampled_again_is_sampled_again(recording: Recording, fault: Any) -> None:
    spoilt = Step("Look.", "Now.", COUNT.tool_calls, fault=fault, fault_times=2)
    recording.mock.script(spoilt, DONE)
    async with recording.session(retries=Retries(first_wait=0.01)) as session:
        await recording.ask(session, "Go.")
    kinds = await recording.replay()

    assert kinds.count("Retried") >= (recording.streamed or fault != "garbled_calls")


async def test_a_nudge_is_given_again(recording: Recording) -> None:
    recording.mock.script(Step("Hm.", fault="analysis_only"))
    async with recording.session() as session:
        with pytest.raises(ServerError):
            await recording.ask(session, "Go.")

    assert (await recording.replay()).count("RequestSent") == 4


async def test_an_answer_of_a_type_is_asked_for_again(recording: Recording) -> None:
    schema = {"type": "object", "required": ["words"]}
    recording.mock.script(COUNT, DONE)
    async with recording.session(retries=Retries(attempts=1)) as session:
        with pytest.raises(OutputInvalid):
            await session.ask("How many?", output=schema)
    recording.streamed = False

    assert (await recording.replay()).count("AssistantMessage") == 2


async def test_the_same_call_again_is_remarked_upon_again(recording: Recording) -> None:
    again = Step(tool_calls=(*COUNT.tool_calls, Call("poll")))
    recording.mock.script(*[again] * 6)
    async with recording.session(tools=[word_count, poll]) as session:
        await recording.ask(session, "Go.")
    kinds = await recording.replay()

    assert kinds.count("Warned") == 3
    assert kinds[-2:] == ["LimitReached", "TurnFinished"]


async def test_only_what_was_asked_about_is_asked_about_again(recording: Recording) -> None:
    calls = tuple(Call("post", f'{{"to":"{name}"}}') for name in ("Ann", "Bob"))
    recording.mock.script(Step(tool_calls=calls), DONE)
    async with recording.session(tools=[post]) as session:
        await recording.ask(session, "Go.")
        (waiting,) = session.state.pending
        await session.decide(waiting, Approve())
        await recording.ask(session, None)

    assert (await recording.replay()).count("ApprovalRequested") == 1


async def test_a_share_of_steps_was_verified(recording: Recording) -> None:
    recording.mock.script(COUNT, DONE)
    async with recording.session(verify_reasoning=1.0) as session:
        await recording.ask(session, "Go.")

    assert (await recording.replay())[-1] == "TurnFinished"


async def test_a_redacted_trace_replays_whatever_its_requests_have_of_their_own(
    recording: Recording,
) -> None:
    recording.mock.script(Step(content="The key is sk-verysecretkey0123456789."))
    async with recording.session(
        api_key="sk-verysecretkey0123456789", retries=Retries(attempts=1)
    ) as session:
        with pytest.raises(OutputInvalid):
            await session.ask("What is sk-verysecretkey0123456789?", output={"type": "object"})
    recording.streamed = False
    assert b"sk-verysecretkey" not in recording.path.read_bytes()

    assert (await recording.replay())[-1] == "TurnFinished"
