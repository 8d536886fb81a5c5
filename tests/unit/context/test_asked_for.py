"""Is a conversation summarised where somebody asks for it, also when a trace plays?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.unit.context.talker import SUMMARY, Talker, read
from tests.unit.context.test_recorded import stage_of
from toolrun import (
    AssistantMessage,
    Budget,
    Compacted,
    Compaction,
    ConfigError,
    Limits,
    MalformedOutput,
    Runtime,
    Session,
    SessionBusy,
    UserMessage,
)
from toolrun.context.summary import ASKED
from toolrun.testing import replay_trace
from toolrun.testing.stage import Stage
from toolrun.trace.check import check_trace

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.models.model import Observe, Request
    from toolrun.spending import Spending

LIMITS = Limits(steps=1000, tool_calls=1000, repeats=10_000)


def session_of(model: Any, **options: Any) -> Session:
    return Session(**{"model": model, "tools": [read], "limits": LIMITS, **options})


def asked(messages: Any) -> list[str]:
    return [each.content for each in messages if isinstance(each, UserMessage)]


async def test_what_lies_before_the_last_turns_is_summarised_far_from_the_context_s_end() -> None:
    model = Talker(1_000_000)
    async with session_of(model) as session:
        for length in (3000, 3001, 3002, 3003):
            await session.ask(f"{length}")
        before = list(session.transcript)
        event = await session.compact()
        assert isinstance(event, Compacted)
        assert event == session.state.compactions[-1][1]
        assert event.after < event.before < event.length == 1_000_000
        assert session.transcript == before
        said = asked(session.state.sent)
        assert said[0].endswith(f"{SUMMARY} (1)")
        assert said[1:] == ["3002", "3003"]  # compaction.keep_turns
        assert session.state.usage.total_tokens > 0
        await session.ask("10")
        assert asked(model.requests[-1].messages)[1:] == ["3002", "3003", "10"]


async def test_none_but_the_last_turns_or_nothing_at_all_may_stay() -> None:
    async with session_of(Talker(1_000_000)) as session:
        for length in (3000, 3001, 3002):
            await session.ask(f"{length}")
        await session.compact(keep_turns=1)
        assert asked(session.state.sent)[1:] == ["3002"]
        await session.ask("3004")
        await session.compact(keep_turns=0)
        assert len(session.state.sent) == 1
        assert asked(session.state.sent)[0].endswith(f"{SUMMARY} (2)")
        answer = await session.ask("20")
        assert answer.status == "finished"
        assert await session.undo() == "20"
        assert len(session.state.sent) == 1
        await session.undo()  # into what was summarised: that summary holds no more
        assert asked(session.state.sent)[1:] == ["3002"]


async def test_what_would_be_no_shorter_is_left_and_nobody_is_asked() -> None:
    model = Talker(1_000_000)
    async with session_of(model) as session:
        assert await session.compact() is None
        await session.ask("10")
        assert await session.compact(keep_turns=0) is None
        for _ in range(2):
            await session.ask("9000")
        assert await session.compact(keep_turns=3) is None
        assert model.summaries == 0
        assert await session.compact(keep_turns=1) is not None
        # The summary alone would be summarised once more.
        assert await session.compact(keep_turns=1) is None
        assert model.summaries == 1
        with pytest.raises(ConfigError, match="0 or more"):
            await session.compact(keep_turns=-1)


async def test_a_turn_that_may_go_on_is_never_in_a_summary() -> None:
    async with session_of(Talker(1_000_000), limits=Limits(steps=2)) as session:
        await session.ask("9000")
        answer = await session.ask("9000 9001 9002")
        assert answer.status == "limited"
        await session.compact(keep_turns=0)
        assert asked(session.state.sent)[1:] == ["9000 9001 9002"]
        assert (await session.go_on()).status == "finished"


class Mute(Talker):
    """Gives no summary; or waits before it does."""

    waits = False

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        if request.nudge != ASKED:
            return await super().sample(request, observe)
        if self.waits:
            await anyio.sleep_forever()
        return AssistantMessage(" ")


async def test_a_model_that_gives_none_raises_and_leaves_all_as_it_was() -> None:
    async with session_of(Mute(1_000_000)) as session:
        await session.ask("9000")
        before = session.state.sent
        with pytest.raises(MalformedOutput):
            await session.compact(keep_turns=0)
        assert session.state.sent is before
        assert (await session.ask("10")).status == "finished"


async def test_no_turn_begins_meanwhile_and_cancel_stops_it() -> None:
    model = Mute(1_000_000)
    model.waits = True
    async with session_of(model) as session, anyio.create_task_group() as group:
        await session.ask("9000")
        found: list[Compacted | None] = []

        async def compact() -> None:
            found.append(await session.compact(keep_turns=0))

        group.start_soon(compact)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(SessionBusy):
            await session.ask("10")
        session.cancel()
        await anyio.wait_all_tasks_blocked()
        assert found == [None]
        assert not session.state.compactions
        assert (await session.ask("10")).status == "finished"


async def test_it_is_paid_for_like_a_step() -> None:
    told: list[Spending] = []

    class Told:
        async def reached(self, spending: Spending) -> None:
            del spending

        async def spent(self, spending: Spending) -> None:
            told.append(spending)

    async with session_of(Talker(1_000_000), account=Told()) as session:
        await session.ask("9000")
        event = await session.compact(keep_turns=0)
        assert event is not None
        assert told[-1].usage == event.usage
        assert told[-1].total == session.state.usage
        steps = len(told)
        await session.ask("10")
        assert len({each.key for each in told}) == len(told) == steps + 2
    model = Talker(1_000_000)
    async with session_of(model, budget=Budget(tokens=10)) as session:
        await session.ask("9000")
        with pytest.raises(ConfigError, match=r"budget\.tokens = 10 is spent"):
            await session.compact(keep_turns=0)
        assert model.summaries == 0


async def recorded(path: Path) -> Session:
    async with session_of(Talker(1_000_000), trace=path) as session:
        await session.ask("9000")
        await session.ask("9001")
        await session.compact(keep_turns=1)
        await session.ask("10")
        await session.undo()
        await session.ask("11")
        await session.compact(keep_turns=0)
    return session


async def test_a_trace_of_it_replays_also_where_a_test_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "asked.jsonl"
    session = await recorded(path)
    assert check_trace(path).turns == 4
    report = await replay_trace(path)
    assert report.transcript == session.transcript
    assert not report.unfinished
    stage = Stage(path)
    monkeypatch.setattr(Runtime, "assemble", stage_of(stage))
    async with session_of(Talker(1_000_000), compaction=Compaction()) as again:
        await again.ask("9000")
        await again.ask("9001")
        assert await again.compact() is not None
        await again.ask("10")
        await again.undo()
        await again.ask("11")
        assert await again.compact() is not None
    stage.finish()
    assert asked(again.state.sent) == asked(session.state.sent)


def test_code_without_an_event_loop_has_it_too() -> None:
    with Session.sync(model=Talker(1_000_000), tools=[read], limits=LIMITS) as session:
        session.ask("9000")
        assert session.context_length() == 1_000_000
        event = session.compact(keep_turns=0)
        assert event is not None
        assert event.summary.startswith(SUMMARY)
