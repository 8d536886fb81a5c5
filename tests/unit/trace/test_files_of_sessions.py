"""Do sessions go on whatever becomes of the files of their traces, and keep out of each other's?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.rig.heard import Listener
from tests.rig.mock import MockServer, Step
from tests.unit.trace.files import names
from tests.unit.trace.journals import OPENED, write
from toolrun import Recording, Runtime, Session
from toolrun.errors import ConfigError
from toolrun.events import AssistantMessage, RequestSent, UserMessage, Warned
from toolrun.journal import Journal
from toolrun.testing import replay_trace
from toolrun.trace.packing import AT_ONCE
from toolrun.trace.reader import read_trace
from toolrun.trace.writer import TraceSink


async def test_where_the_disk_is_full_the_session_goes_on_and_its_listeners_hear_of_it(
    mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock.script(Step(content="Hello."))
    options: Any = {"model": mock.model, "base_url": mock.url}
    listener = Listener()
    heard = listener.events
    real, written = os.write, [0]

    def full(file: int, data: bytes) -> int:
        if not data.startswith(b"{"):
            return real(file, data)
        written[0] += 1
        if written[0] < 2:
            return real(file, data)
        raise OSError(28, "No space left on device")

    async with Runtime(**options) as runtime:
        recording = Recording(path=tmp_path / "t.jsonl")
        session = runtime.session("s", trace=recording, sinks=[listener])
        async with session:
            await session.ask("One.")
            monkeypatch.setattr(os, "write", full)
            with capture_logs() as logs:
                await session.ask("Two.")
            monkeypatch.undo()
            assert (await session.ask("Three.")).text == "Hello."
            assert runtime.counts["Warned.trace-stopped"] == 1
    said = [event for event in heard if isinstance(event, Warned)]
    assert [event.code for event in said] == ["trace-stopped"]
    assert f"the trace stopped, at {tmp_path}/t.jsonl" in said[0].message
    assert "No space left on device" in said[0].message
    assert [log["log_level"] for log in logs] == ["error"]
    # In its place: behind the event that could not be written, for each sink.
    at = heard.index(said[0])
    assert (heard[at - 1].seq, heard[at - 1].durable) == (said[0].seq, True)
    kept = read_trace(tmp_path / "t.jsonl")
    assert kept.events == heard[: len(kept.events)]
    assert len(kept.events) > 5


@pytest.mark.parametrize("gone", ["folder", "permission", "read-only"])
async def test_where_nothing_can_be_written_at_all_the_session_goes_on(
    gone: str, mock: MockServer, tmp_path: Path
) -> None:
    mock.script(Step(content="Hello."))
    path = tmp_path / "file" / "t.jsonl"
    if gone == "folder":
        (tmp_path / "file").write_text("")
    elif gone == "permission":
        path = Path("/proc/t.jsonl")
    else:
        path = Path("/sys/t.jsonl")
    options: Any = {"model": mock.model, "base_url": mock.url, "trace": path}
    async with Runtime(**options) as runtime, runtime.session() as session:
        with capture_logs():
            assert (await session.ask("Go.")).text == "Hello."
        assert runtime.counts["Warned.trace-stopped"] == 1


async def test_a_second_session_does_not_write_into_the_trace_of_one_that_is_open(
    mock: MockServer, tmp_path: Path
) -> None:
    mock.script(Step(content="Hello."), Step(content="Hello."), Step(content="Hello."))
    path = tmp_path / "t.jsonl"
    options: Any = {"model": mock.model, "base_url": mock.url, "trace": path}
    async with Session(**options) as first:
        await first.ask("One.")
        with capture_logs() as logs:
            async with Session(**options) as second:
                assert (await second.ask("Mine?")).text == "Hello."
        await first.ask("Two.")
    assert "give each a path of its own" in str(logs)
    assert (await replay_trace(path)).turns == 2
    async with Session(**options) as third:  # it is free again
        await third.ask("Three.")
    assert (await replay_trace(path)).turns == 1


async def test_a_session_waits_for_the_compression_of_its_trace(
    mock: MockServer, tmp_path: Path
) -> None:
    mock.script(Step(content="Hello."))
    recording = Recording(path=tmp_path / "t.jsonl", compress=True, blob_bytes=None)
    options: Any = {"model": mock.model, "base_url": mock.url}
    async with Session(trace=recording, **options) as session:
        await session.ask("x" * 2 * AT_ONCE)
        fork = session.fork("f")
        async with fork:
            await fork.ask("And?")
    assert names(tmp_path) == ["t-f.jsonl.gz", "t.jsonl.gz"]
    assert read_trace(tmp_path / "t.jsonl").events
    assert (await replay_trace(tmp_path / "t.jsonl.gz")).turns == 1


async def test_sessions_of_a_runtime_record_beside_each_other(
    mock: MockServer, tmp_path: Path
) -> None:
    mock.script(Step(content="Hello."))
    recording = Recording(path=tmp_path / "t.jsonl", compress=True)
    options: Any = {"model": mock.model, "base_url": mock.url, "trace": recording}
    async with Runtime(**options) as runtime:
        for number in range(3):
            async with runtime.session(str(number)) as session:
                await session.ask("Go.")
    assert names(tmp_path) == ["t-1.jsonl.gz", "t-2.jsonl.gz", "t.jsonl.gz"]


async def test_a_fork_may_not_record_over_its_session(mock: MockServer, tmp_path: Path) -> None:
    recording = Recording(path=tmp_path / "t.jsonl")
    options: Any = {"model": mock.model, "base_url": mock.url}
    async with Session(trace=recording, **options) as session:
        with pytest.raises(ConfigError, match="this session's own"):
            session.fork("f", trace=recording)


async def test_a_sink_goes_on_with_a_trace_and_what_a_crash_took_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await write(path, [OPENED, UserMessage("my key is hunter2")], secrets=["hunter2"])
    sink = TraceSink(path, session="s", append=True)
    journal = Journal("s", [sink])
    journal.seq = 7
    await journal.record(UserMessage("again"))
    journal.observe(RequestSent("1" * 64, 5, []))
    await journal.record(AssistantMessage("Yes.", token_ids=(1, 2)))
    sink.close()
    events = read_trace(path, check=True).events
    assert [(event.seq, event.sub) for event in events] == [(1, 0), (2, 0), (8, 0), (8, 1), (9, 0)]
    # What was redacted before is in the requests that follow.
    assert isinstance(events[3], RequestSent)
    assert events[3].digest == ""
    assert isinstance(events[4], AssistantMessage)
    assert events[4].token_ids is None
