"""What may differ from a trace that plays model, tools or both, and what is said of the rest?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.unit.testing.staging import double, first_line, put, ran, send, session
from toolrun import (
    ConfigError,
    Deny,
    Limits,
    Recording,
    ReplayMismatch,
    Retries,
    ServerError,
    ServerStatus,
    tool,
)
from toolrun.testing import ScriptedModel, call, calls, say
from toolrun.testing.stage import Stage
from toolrun.trace.reader import read_trace
from toolrun.transcript import ToolMessage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun import Session
    from toolrun.trace.asked import Strictness

CALLED = (
    call("double", {"number": 2}, reasoning="Double it.", text="One moment."),
    say("It is four."),
)
EVERY = pytest.mark.parametrize("strictness", ["strict", "semantic", "loose"])
NOW = r"\d\d:\d\d"


async def record(path: Path, *steps: Any, said: str = "What is twice 2?", **options: Any) -> None:
    async with session(model=ScriptedModel(*(steps or CALLED)), trace=path, **options) as recorded:
        await recorded.ask(said)


@pytest.fixture
def play(path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    return lambda **how: put(Stage(path, **how), monkeypatch)


@EVERY
async def test_tools_run_where_only_the_model_is_recorded(
    path: Path, play: Any, strictness: Strictness
) -> None:
    await record(path)
    stage = play(tools="live", strictness=strictness)
    async with session(model=ScriptedModel()) as again:
        assert (await again.ask("What is twice 2?")).text == "It is four."
    stage.finish()
    assert ran == ["double"]
    assert (stage.steps, stage.used) == (2, 2)


@EVERY
async def test_another_result_of_a_tool_that_runs_is_a_miss(
    path: Path, play: Any, strictness: Strictness
) -> None:
    await record(path)
    stage = play(tools="live", strictness=strictness)

    @tool(trusted=True, name="double")
    async def wrong(number: int) -> int:
        """Double a number."""
        return number + 3

    async with session(model=ScriptedModel(), tools=[wrong, send]) as again:
        if strictness == "loose":
            await again.ask("What is twice 2?")
            stage.finish()
            return
        with pytest.raises(ReplayMismatch) as caught:
            await again.ask("What is twice 2?")
    miss = caught.value
    assert first_line(miss).endswith(
        "the call of double came to another result than the recorded one: "
        "content: expected '4', seen '5'"
    )
    assert (miss.request, miss.message, miss.field) == (1, 2, "content")
    assert (miss.expected, miss.seen) == ("4", "5")
    with pytest.raises(ReplayMismatch, match="another result"):
        stage.finish()


async def test_what_is_volatile_in_a_result_is_not_compared(path: Path, play: Any) -> None:
    times = iter(["12:00", "12:01"])

    @tool(trusted=True)
    async def now() -> str:
        """Say what time it is."""
        return f"It is {next(times)}."

    await record(path, call("now"), "Noon.", tools=[now])
    stage = play(tools="live", volatile=[NOW])
    async with session(model=ScriptedModel(), tools=[now]) as again:
        await again.ask("What is twice 2?")
    stage.finish()


async def test_results_come_from_the_trace_where_the_model_is_live(path: Path, play: Any) -> None:
    await record(path)
    stage = play(model="live")
    live = ScriptedModel(
        call("double", {"number": 2}),
        calls(call("double", {"number": 2}), call("double", {"number": 3})),
        say("Four, I think."),
    )
    async with session(model=live) as again:
        answer = await again.ask("Twice 2, please!")
        results = [each.content for each in again.transcript if isinstance(each, ToolMessage)]
    assert answer.text == "Four, I think."
    assert ran == []
    assert results[:2] == ["4", "4"]
    assert "has no double with these arguments" in results[2]
    [missing] = stage.unrecorded
    assert (missing.turn, missing.step, missing.arguments) == (1, 2, {"number": 3})
    stage.finish()  # a live model does as it likes


WORDED: dict[str, dict[str, Any]] = {
    "the instructions": {"instructions": "Be terse."},
    "the effort": {"effort": "high"},
}


@EVERY
@pytest.mark.parametrize("changed", WORDED)
async def test_how_the_model_is_asked_may_change_but_strictly(
    path: Path, play: Any, strictness: Strictness, changed: str
) -> None:
    await record(path)
    stage = play(strictness=strictness)
    if strictness == "strict":
        with pytest.raises(ReplayMismatch, match=r"line 2 \(SessionOpened.*settings"):
            async with session(model=ScriptedModel(), **WORDED[changed]):
                pass
        return
    async with session(model=ScriptedModel(), **WORDED[changed]) as again:
        await again.ask("What is twice 2?")
    stage.finish()


@EVERY
async def test_other_words_are_a_miss_unless_loosely(
    path: Path, play: Any, strictness: Strictness
) -> None:
    await record(path)
    stage = play(strictness=strictness)
    async with session(model=ScriptedModel()) as again:
        if strictness == "loose":
            await again.ask("What is twice 3?")
            stage.finish()
            return
        with pytest.raises(ReplayMismatch) as caught:
            await again.ask("What is twice 3?")
    miss = caught.value
    assert "content: expected 'What is twice 2?', seen 'What is twice 3?'" in first_line(miss)
    assert (miss.request, miss.message, miss.field) == (1, 0, "content")
    assert (miss.expected, miss.seen) == ("What is twice 2?", "What is twice 3?")
    assert miss.nearest is not None
    assert [message.content for message in miss.transcript] == ["What is twice 3?"]  # type: ignore[attr-defined]
    assert "No recorded step is nearer than the one expected here" in str(miss)
    assert "--trace-mode=refresh" in str(miss)


async def test_a_tool_less_is_a_miss_semantically(path: Path, play: Any) -> None:
    await record(path)
    play(strictness="semantic")
    async with session(model=ScriptedModel(), tools=[double]) as again:
        with pytest.raises(ReplayMismatch, match=r'tools: expected \["double","send"\], seen'):
            await again.ask("What is twice 2?")


async def test_the_nearest_recorded_step_is_named(path: Path, play: Any) -> None:
    async def talk(talker: Session, *said: str) -> None:
        for each in said:
            await talker.ask(each)

    async with session(model=ScriptedModel("1", "2", "3"), trace=path) as recorded:
        await talk(recorded, "One", "Two", "Three")
    for strictness in ("strict", "semantic"):
        play(strictness=strictness)
        async with session(model=ScriptedModel()) as again:
            await talk(again, "One")
            with pytest.raises(ReplayMismatch) as caught:
                await talk(again, "Two and a half")
        assert caught.value.request == 2
        assert caught.value.message == 2
        # Both the first request and the second have two messages in common with it.
        assert getattr(caught.value.nearest, "number", 0) == 2


@pytest.mark.parametrize("strictness", ["strict", "semantic"])
async def test_what_is_volatile_in_the_users_words_is_not_compared(
    path: Path, play: Any, strictness: Strictness
) -> None:
    await record(path, said="It is 12:00. What is twice 2?", instructions="Now: 12:00")
    for volatile in ([NOW], []):
        stage = play(strictness=strictness, volatile=volatile)
        options = {"model": ScriptedModel(), "instructions": "Now: 13:00"}
        try:
            async with session(**options) as again:
                await again.ask("It is 13:00. What is twice 2?")
        except ReplayMismatch:
            assert not volatile
        else:
            assert volatile
            stage.finish()


@EVERY
async def test_a_session_without_its_secrets_is_played_to(
    path: Path, play: Any, strictness: Strictness
) -> None:
    said = "The key is very-secret-key. What is twice 2?"
    await record(path, said=said, api_key="very-secret-key")
    assert b"very-secret-key" not in path.read_bytes()  # noqa: ASYNC240 - a small file of the test
    stage = play(strictness=strictness)
    async with session(model=ScriptedModel(), api_key="very-secret-key") as again:
        await again.ask(said)
    stage.finish()

    play(strictness=strictness)
    async with session(model=ScriptedModel(), api_key="another") as again:
        if strictness == "loose":
            await again.ask(said)
            return
        with pytest.raises(ReplayMismatch, match="redacted"):
            await again.ask(said)


@EVERY
@pytest.mark.parametrize("tools", ["trace", "live"])
async def test_a_turn_is_stopped_as_it_was(
    path: Path, play: Any, strictness: Strictness, tools: Any
) -> None:
    """Cancelled while one tool runs and another has ended; then gone on with."""

    @tool(trusted=True)
    async def wait() -> str:
        """Wait long."""
        ran.append("wait")
        await anyio.sleep_forever()
        raise AssertionError

    script = calls(call("wait"), call("double", {"number": 2})), say("Stopped.")

    async def talk(talker: Session, *, stopped: bool) -> None:
        async with anyio.create_task_group() as group:
            if stopped:
                group.start_soon(stop, talker)
            assert (await talker.ask("Wait.")).status == "cancelled"
        assert (await talker.go_on()).text == "Stopped."

    async def stop(talker: Session) -> None:
        while len(talker.state.results) < 1:
            await anyio.lowlevel.checkpoint()
        talker.cancel()

    async with session(model=ScriptedModel(*script), tools=[wait, double], trace=path) as recorded:
        await talk(recorded, stopped=True)
    stage = play(strictness=strictness, tools=tools)
    async with session(model=ScriptedModel(), tools=[wait, double]) as again:
        with anyio.fail_after(4):
            await talk(again, stopped=False)
    stage.finish()
    assert ran == ([] if tools == "trace" else ["double"])


@EVERY
async def test_a_turn_fails_and_its_time_ends_as_they_did(
    path: Path, play: Any, strictness: Strictness
) -> None:
    async def late(_: Any) -> Any:
        recorded._running.time_is_up()  # a real time would be short or long by chance
        await anyio.sleep_forever()

    steps = ServerStatus("busy", 503), ServerStatus("refused", 400), late, say("At last.")
    quick = Retries(first_wait=0.001)

    async def talk(talker: Session) -> None:
        with pytest.raises(ServerError, match="refused"):
            await talker.ask("Well?")
        assert (await talker.go_on()).status == "limited"
        assert (await talker.go_on()).text == "At last."

    async with session(model=ScriptedModel(*steps), retries=quick, trace=path) as recorded:
        await talk(recorded)
    stage = play(strictness=strictness)
    async with session(model=ScriptedModel(), retries=quick) as again:
        await talk(again)
    stage.finish()


@EVERY
async def test_an_approver_is_the_users_own(path: Path, play: Any, strictness: Strictness) -> None:
    async def deny(_: Any) -> Deny:
        return Deny("not him")

    await record(path, call("send", {"to": "A"}), "Denied.", approve=deny)
    stage = play(strictness=strictness)
    async with session(model=ScriptedModel(), approve=deny) as again:
        await again.ask("What is twice 2?")
    stage.finish()

    async def approve(_: Any) -> Any:
        from toolrun import Approve

        return Approve()

    play(strictness=strictness)
    async with session(model=ScriptedModel(), approve=approve) as again:
        if strictness == "loose":
            await again.ask("What is twice 2?")
            assert ran == []
            return
        with pytest.raises(ReplayMismatch):
            await again.ask("What is twice 2?")


@pytest.mark.parametrize("strictness", ["strict", "semantic"])
async def test_the_pace_can_be_kept(
    path: Path, play: Any, strictness: Strictness, monkeypatch: pytest.MonkeyPatch
) -> None:
    @tool(trusted=True)
    async def wait() -> str:
        """Wait a little."""
        await anyio.sleep(0.1)
        return "done"

    await record(path, call("wait"), "Well.", tools=[wait])
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(anyio, "sleep", noted)  # how long a stage takes is the machine's, too
    # A thousandth of the speed: what the replay itself takes is little beside that.
    for rate in (0.001, None):
        waits.clear()
        stage = play(strictness=strictness, rate=rate)
        async with session(model=ScriptedModel(), tools=[wait]) as again:
            await again.ask("What is twice 2?")
        assert sum(waits) > 50 if rate else waits == []
        stage.finish()


@EVERY
async def test_one_request_more_than_recorded_is_a_miss(
    path: Path, play: Any, strictness: Strictness
) -> None:
    await record(path)
    play(strictness=strictness)
    async with session(model=ScriptedModel()) as again:
        await again.ask("What is twice 2?")
        with pytest.raises(ReplayMismatch, match="the trace ends") as caught:
            await again.ask("And now?")
    assert caught.value.request == 3


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"strictness": "lax"}, "strictness is 'strict' or 'semantic' or 'loose', not 'lax'"),
        ({"model": "live", "tools": "live"}, "nothing would come from the trace"),
        ({"volatile": ["("]}, "volatile: .* does not compile"),
        ({"volatile": [r"\d*"]}, "volatile: .* matches nothing at all"),
        ({"volatile": r"\d+"}, "volatile is a list"),
        ({"rate": 0}, "rate must be greater than 0"),
    ],
)
def test_what_does_not_fit_is_refused(how: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        Stage(tmp_path / "none.jsonl", **how)


@EVERY
async def test_a_turn_may_end_elsewhere_where_not_every_event_counts(
    path: Path, play: Any, strictness: Strictness
) -> None:
    async with session(
        model=ScriptedModel(*CALLED), limits=Limits(steps=1), trace=path
    ) as recorded:
        assert (await recorded.ask("What is twice 2?")).status == "limited"
        await recorded.go_on()
    stage = play(strictness=strictness, tools="live")
    async with session(model=ScriptedModel()) as again:
        assert (await again.ask("What is twice 2?")).text == "It is four."
    stage.finish()


@pytest.mark.parametrize("strictness", ["strict", "semantic"])
async def test_what_a_pattern_kept_out_of_the_trace_is_not_compared(
    path: Path, play: Any, strictness: Strictness
) -> None:
    recording = Recording(path=path, patterns=(r"card \d+",))
    async with session(model=ScriptedModel(*CALLED), trace=recording) as recorded:
        await recorded.ask("Twice card 4711?")
    assert b"4711" not in path.read_bytes()  # noqa: ASYNC240 - a small file of the test
    for said, same in (("Twice card 4712?", True), ("Twice card x?", False)):
        stage = play(strictness=strictness)
        async with session(model=ScriptedModel(), trace=recording) as again:
            if same:
                await again.ask(said)
                stage.finish()
            else:
                with pytest.raises(ReplayMismatch, match=r"\[redacted\]"):
                    await again.ask(said)
    assert sorted(each.name for each in path.parent.iterdir()) == ["t.jsonl"]


async def test_a_live_model_is_recorded_but_not_over_what_plays(path: Path, play: Any) -> None:
    await record(path)
    before = path.read_bytes()  # noqa: ASYNC240 - as above
    other = path.with_name("other.jsonl")
    for wanted in (path, other):
        stage = play(model="live")
        async with session(model=ScriptedModel(*CALLED), trace=wanted) as again:
            await again.ask("What is twice 2?")
        stage.finish()
    assert path.read_bytes() == before  # noqa: ASYNC240 - as above
    assert len(read_trace(other).events) == len(read_trace(path).events)


async def test_the_nearest_step_is_the_one_with_most_messages_in_common(
    path: Path, play: Any
) -> None:
    async with session(model=ScriptedModel("1", "2", "3"), trace=path) as recorded:
        await recorded.ask("A")
        await recorded.undo()
        await recorded.ask("B")
        await recorded.ask("C")
    play(strictness="semantic")
    async with session(model=ScriptedModel()) as again:
        for said in ("A", "B"):
            await again.ask(said)
            await again.undo()
        with pytest.raises(ReplayMismatch, match="3 messages expected, 1 seen") as caught:
            await again.ask("B")
    assert caught.value.request == 3
    assert getattr(caught.value.nearest, "number", 0) == 2
    assert "The nearest recorded step is step 1 of turn 2 (request 2, line " in str(caught.value)
    assert "its one message is the same" in str(caught.value)
