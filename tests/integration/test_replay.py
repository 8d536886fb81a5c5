"""Does a recorded session happen again, byte for byte, without model, tools or network?"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from tests.integration.printing_tools import tell
from tests.integration.replayed import COUNT, DONE, Recording, recording, streamed, word_count
from tests.rig.mock import Call, Step
from tests.unit.testing.driving import Staged
from toolrun import Approve, Deny, Edit, OutputInvalid, Retries, Sampling, ServerError, tool
from toolrun.events import ToolCallFinished
from toolrun.testing.replay import replay_trace
from toolrun.testing.stage import Stage
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun import Decision, ToolCall

__all__ = ["recording", "streamed"]


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

    assert (whole := await waited(1.0)) > 0.05  # clocks, and what ends a wait, are not that exact
    assert await waited(2.0) == pytest.approx(whole / 2)
    assert await waited(None) == 0


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
