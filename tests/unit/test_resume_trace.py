"""Does a trace go on where the store of its session ends? Are files taken back after a resume?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.writing_tools import write
from tests.rig.mock import MockServer, Step
from tests.unit.test_resume import PAYS, Ledger, left_behind, runtime, stored, up_to
from tests.unit.test_turn import call
from toolrun import (
    RequestSent,
    Session,
    SessionOpened,
    ToolCallStarted,
    TraceError,
    UserMessage,
    tool,
)
from toolrun.testing import replay_trace
from toolrun.trace.check import check_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sessions.db"


async def test_a_trace_goes_on_with_what_is_new_and_replays(
    mock: MockServer, sqlite: str, tmp_path: Path
) -> None:
    mock.script(PAYS, Step("So.", content="All paid."))
    tools = Ledger().tools(on_crash="key")
    path = tmp_path / "t.jsonl"
    for turn in range(3):
        async with runtime(mock, sqlite, tools, trace=path) as shared:
            opening = shared.resume("s") if turn else shared.session("s")
            async with opening as chat:
                await chat.ask("Pay.")
                assert chat.trace_path == path
    checked = check_trace(path)
    assert (checked.turns, checked.steps, checked.unfinished) == (3, 6, False)
    sent = [e for e in read_trace(path).events if isinstance(e, RequestSent)]
    # The answer before, and what was said: not all that was said before that, too.
    assert [len(event.adds) for event in sent] == [1, 3, 2, 3, 2, 3]
    assert (await replay_trace(path)).turns == 3


async def test_what_was_traced_and_not_stored_is_cut_off(
    mock: MockServer, sqlite: str, tmp_path: Path
) -> None:
    mock.script(PAYS, Step("So.", content="All paid."))
    tools = Ledger().tools(on_crash="key")
    whole, path = tmp_path / "whole.jsonl", tmp_path / "t.jsonl"
    async with (
        runtime(mock, sqlite, tools, trace=whole) as shared,
        shared.session("s-whole") as chat,
        chat.stream("Pay.") as events,
    ):
        async for _ in events:
            pass
    lines = whole.read_text().replace('"session":"s-whole"', '"session":"s"')
    path.write_text(lines[: len(lines) - 30])  # torn in its last line, too
    kept = up_to(await stored(sqlite, "s-whole"), ToolCallStarted)
    await left_behind(sqlite, "s", kept)
    async with (
        runtime(mock, sqlite, tools) as other,
        other.resume("s", trace=path) as chat,
    ):
        await chat.go_on()
    checked = check_trace(path)
    assert (checked.turns, checked.truncated, checked.unfinished) == (1, False, False)
    traced = [event for event in read_trace(path).events if event.durable]
    assert [(type(e), e.seq) for e in traced] == [
        (type(e), e.seq) for e in await stored(sqlite, "s")
    ]
    with pytest.raises(TraceError, match="in the middle of a turn") as raised:
        await replay_trace(path)
    assert raised.value.line


async def test_a_new_trace_of_an_old_session_begins_with_all_of_it(
    mock: MockServer, sqlite: str, tmp_path: Path
) -> None:
    mock.script(Step("Hm.", content="Yes."))
    async with runtime(mock, sqlite, []) as shared:
        async with shared.session("s") as chat:
            await chat.ask("One?")
        taken = tmp_path / "t.jsonl"
        taken.write_text("another's\n")
        async with (
            runtime(mock, sqlite, [], trace=taken) as other,
            other.resume("s") as chat,
        ):
            await chat.ask("Two?")
            assert chat.trace_path == tmp_path / "t-s.jsonl"
    assert taken.read_text() == "another's\n"
    assert check_trace(tmp_path / "t-s.jsonl").turns == 2
    traced = read_trace(tmp_path / "t-s.jsonl").events
    assert isinstance(traced[0], SessionOpened)
    assert [e.content for e in traced if isinstance(e, UserMessage)] == ["One?", "Two?"]
    (sent,) = [e for e in traced if isinstance(e, RequestSent)]
    assert [each["role"] for each in sent.adds] == ["user", "assistant", "user"]
    assert (await replay_trace(tmp_path / "t-s.jsonl")).turns == 2


async def test_files_are_taken_back_by_another_process(
    mock: MockServer, sqlite: str, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("before")
    mock.script(
        Step(tool_calls=(call("write", path="a.txt", text="after"),)), Step(content="Written.")
    )
    options = {"workspace": folder, "profile": "workspace"}
    async with runtime(mock, sqlite, [write], **options) as shared:
        async with shared.session("s") as chat:
            answer = await chat.ask("Write.")
            assert chat.state.on_crash == {"write": "ask"}
        assert answer.tool_calls[0].result is not None
        assert answer.tool_calls[0].result.outcome == "ok", answer.tool_calls
    assert (folder / "a.txt").read_text() == "after"
    async with runtime(mock, sqlite, [write]) as other, other.resume("s") as chat:
        await chat.undo()
    assert (folder / "a.txt").read_text() == "before"


def test_what_a_cut_off_call_does_by_default_follows_from_its_sandbox(tmp_path: Path) -> None:
    @tool(trusted=True)
    def trusted() -> None:
        """Do anything."""

    @tool(trusted=True, on_crash="never", name="never")
    def never() -> None:
        """Do it once."""

    expected = {"pure": "rerun", "workspace-ro": "rerun", "workspace": "ask", "net": "ask"}
    for profile, policy in expected.items():
        session = Session(tools=[write, trusted, never], profile=profile, workspace=tmp_path)
        policies = session._parts.toolbox.on_crash
        assert policies == {"write": policy, "trusted": "ask", "never": "never"}
