"""Is a compaction in the trace and in the store, and does it happen again from there?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.context.talker import SUMMARY, Talker, check, read
from toolrun import Compacted, Compaction, ContextTooLong, Limits, Runtime, Session
from toolrun.testing import replay_trace
from toolrun.testing.stage import Stage
from toolrun.trace.chat import chat_records
from toolrun.trace.check import check_trace
from toolrun.trace.reader import read_trace
from toolrun.transcript import message_to_openai

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolrun.parts import Parts

LIMITS = Limits(steps=1000, tool_calls=1000, repeats=10_000)


async def record(path: Path, model: Talker, how: Any) -> Session:
    options: dict[str, Any] = {"compaction": Compaction(how, keep_turns=1), "limits": LIMITS}
    async with Session(model=model, tools=[read], trace=path, **options) as session:
        for _ in range(5):
            await session.ask("3000 600")
    return session


@pytest.mark.parametrize("how", ["trim", "summarise"])
@pytest.mark.parametrize("tells", [True, False], ids=["known", "refused"])
async def test_a_trace_of_one_holds_it_fits_its_schema_and_replays(
    tmp_path: Path,
    how: Any,
    tells: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    path = tmp_path / "long.jsonl"
    session = await record(path, Talker(4000, tells=tells), how)
    events = [event for event in read_trace(path).events if isinstance(event, Compacted)]
    assert [event for _, event in session.state.compactions] == events
    assert events
    assert check_trace(path).turns == 5  # each line fits the schema
    report = await replay_trace(path)
    assert report.transcript == session.transcript


@pytest.mark.parametrize("strictness", ["strict", "semantic"])
@pytest.mark.parametrize("how", ["trim", "summarise"])
@pytest.mark.parametrize("tells", [True, False], ids=["known", "refused"])
async def test_a_trace_plays_the_model_of_a_session_of_ones_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strictness: Any,
    how: Any,
    tells: bool,  # noqa: FBT001 - as above
) -> None:
    path = tmp_path / "long.jsonl"
    session = await record(path, Talker(4000, tells=tells), how)
    stage = Stage(path, strictness=strictness)
    monkeypatch.setattr(Runtime, "assemble", stage_of(stage))
    options: dict[str, Any] = {"compaction": Compaction(how, keep_turns=1), "limits": LIMITS}
    async with Session(model=Talker(4000), tools=[read], **options) as again:
        for _ in range(5):
            await again.ask("3000 600")
    stage.finish()
    assert [message_to_openai(each) for each in again.state.sent] == [
        message_to_openai(each) for each in session.state.sent
    ]


def stage_of(stage: Stage) -> Callable[[Runtime, str | None, Any], Parts]:
    return lambda runtime, name, options: stage.assemble(runtime, name, options)  # noqa: PLW0108


async def test_a_stop_is_replayed_too(tmp_path: Path) -> None:
    path = tmp_path / "stopped.jsonl"
    options: dict[str, Any] = {"compaction": Compaction("stop"), "limits": LIMITS}
    async with Session(model=Talker(4000), tools=[read], trace=path, **options) as session:
        for _ in range(3):
            await session.ask("4000")
        with pytest.raises(ContextTooLong):
            await session.ask("4000")
    assert (await replay_trace(path)).transcript == session.transcript


@pytest.mark.parametrize("how", ["trim", "summarise"])
async def test_a_session_goes_on_from_its_store_with_what_was_sent(
    tmp_path: Path, how: Any
) -> None:
    model = Talker(4000)
    store = f"sqlite:///{tmp_path}/sessions.db"
    options: dict[str, Any] = {"compaction": Compaction(how, keep_turns=1), "limits": LIMITS}
    async with Runtime(model=model, tools=[read], store=store, **options) as runtime:
        async with runtime.session("long") as session:
            for _ in range(5):
                await session.ask("3000 600")
            state = session.state
        assert state.compactions
    async with (
        Runtime(model=model, tools=[read], store=store) as runtime,
        runtime.resume("long") as resumed,
    ):
        assert resumed.state.sent == state.sent
        assert resumed.state.shortened.upto == state.shortened.upto
        assert resumed.state.usage == state.usage
        assert resumed.messages() == session.messages()
        await resumed.ask("3000 600")
        # How it is compacted is pinned.
        events = [event for _, event in resumed.state.compactions]
        assert any(event.summary.startswith(SUMMARY) for event in events) == (how == "summarise")
    for request in model.requests:
        check(request)
    assert all(len(body) // 4 < 4000 for body in model.bodies)


async def test_a_turn_that_read_less_than_was_said_is_nothing_to_learn(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    session = await record(path, Talker(4000), "trim")
    first = session.state.compactions[0][1].turn
    exported = chat_records(path)
    assert first > 1
    assert len(exported.records) == first - 1
    assert sorted(exported.left_out) == list(range(first, 6))
    assert all("it was compacted" in why for why in exported.left_out.values())
