"""Does the sink write what happened, safely, and never stop a session?"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.unit.trace.journals import ONE_CALL, OPENED, write
from toolrun._version import __version__
from toolrun.events import SessionOpened, TextDelta, UserMessage, Warned
from toolrun.journal import BATCH, Journal
from toolrun.trace.columns import rows
from toolrun.trace.reader import read_trace
from toolrun.trace.writer import TraceSink, default_trace_path
from toolrun.values import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.events import Event


async def test_a_trace_is_a_header_and_an_event_a_line(tmp_path: Path) -> None:
    await write(tmp_path / "t.jsonl", ONE_CALL)
    lines = [msgspec.json.decode(line) for line in (tmp_path / "t.jsonl").read_bytes().splitlines()]
    assert lines[0] == {
        "type": "TraceHeader",
        "format": 1,
        "toolrun": __version__,
        "session": "s",
        "created": 1_700_000_000.0,
    }
    assert [line["type"] for line in lines[1:]] == [type(row).__name__ for row in rows(ONE_CALL)]
    assert [(line.get("seq", 0), line.get("sub", 0)) for line in lines[2:6]] == [
        (2, 0),
        (2, 1),  # two pieces of a text in a line
        (2, 3),
        (2, 4),
    ]


async def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await write(path, ONE_CALL)
    trace = read_trace(path, check=True)
    lines = path.read_bytes().splitlines()[1:]
    assert [msgspec.json.encode(row) for row in rows(trace.events)] == lines
    assert not trace.truncated


async def test_the_file_is_its_owners_alone_in_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "state" / "traces" / "t.jsonl"
    before = os.umask(0)
    try:
        await write(path, [OPENED])
        path.chmod(0o644)
        await write(path, [OPENED])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("old\n" * 100)
    await write(path, [OPENED])
    assert len(read_trace(path).events) == 1


async def test_a_durable_event_takes_the_observed_ones_along_in_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = _count_writes(monkeypatch)
    sink = TraceSink(tmp_path / "t.jsonl", session="s")
    journal = Journal("s", [sink])
    await journal.record(OPENED)
    await journal.record(UserMessage("hello"))
    assert len(writes) == 2
    for _ in range(250):
        journal.observe(TextDelta("x"))
    assert len(writes) == 2
    await journal.record(UserMessage("again"))
    assert len(writes) == 3
    assert writes[-1].count(b"\n") == 2
    assert len(read_trace(tmp_path / "t.jsonl").events) == 253
    sink.close()


async def test_many_observed_events_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = _count_writes(monkeypatch)
    sink = TraceSink(tmp_path / "t.jsonl", session="s")
    journal = Journal("s", [sink])
    await journal.record(OPENED)
    for _ in range(2 * BATCH + 1):
        journal.observe(TextDelta("x"))
    assert len(writes) == 3
    sink.close()
    assert len(read_trace(tmp_path / "t.jsonl").events) == 2 * BATCH + 2


async def test_closing_writes_what_waits_and_later_events_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    sink = TraceSink(path, session="s")
    journal = Journal("s", [sink])
    await journal.record(OPENED)
    journal.observe(Warned("w", "late"))
    sink.close()
    await journal.record(UserMessage("too late"))
    sink.close()
    assert [type(event) for event in read_trace(path).events] == [SessionOpened, Warned]


async def test_a_full_disk_is_said_once_and_the_session_goes_on() -> None:
    sink = TraceSink("/dev/full", session="s")
    journal = Journal("s", [sink])
    with capture_logs() as logs:
        await journal.record(OPENED)
        journal.observe(TextDelta("x"))
        await journal.record(UserMessage("hello"))
        sink.close()
    assert sink.failed
    assert not sink.observes
    assert [log["log_level"] for log in logs] == ["error"]
    assert "No space left" in logs[0]["error"]
    assert logs[0]["path"] == "/dev/full"
    assert journal.state.turn == 1


async def test_a_disk_that_fills_up_later_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.jsonl"
    sink = TraceSink(path, session="s")
    journal = Journal("s", [sink])
    await journal.record(OPENED)
    real = os.write

    def some(file: int, data: bytes) -> int:
        if len(data) > 40:
            return real(file, data[:40])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", some)
    with capture_logs() as logs:
        await journal.record(UserMessage("hello " * 20))
    monkeypatch.undo()
    await journal.record(UserMessage("again"))
    assert sink.failed
    assert len(logs) == 1
    trace = read_trace(path)
    assert trace.truncated
    assert [type(event) for event in trace.events] == [SessionOpened]


async def test_a_folder_that_cannot_be_made_does_not_stop_the_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = TraceSink(tmp_path / "file" / "t.jsonl", session="s")
    with capture_logs() as logs:
        await Journal("s", [sink]).record(OPENED)
    assert sink.failed
    assert len(logs) == 1


async def test_half_a_surrogate_pair_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    sink = await write(path, [OPENED, UserMessage("a\udc80b")])
    assert not sink.failed
    assert read_trace(path).events[1] == UserMessage(
        "a?b", session="s", seq=2, turn=1, time=1_700_000_001.0
    )


async def test_every_event_type_reads_back(
    tmp_path: Path, every_event: Callable[[], list[type]]
) -> None:
    path = tmp_path / "t.jsonl"
    events = [OPENED, *(_filled(kind) for kind in every_event() if kind is not SessionOpened)]
    await write(path, events)
    trace = read_trace(path, check=True)
    assert {type(event) for event in trace.events} == set(every_event())


def test_the_default_path_follows_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_trace_path("abc") == Path("/state/toolrun/traces/abc.jsonl")
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    assert default_trace_path("abc") == Path.home() / ".local/state/toolrun/traces/abc.jsonl"


@pytest.mark.parametrize("session", ["../../etc/passwd", "a/b", "..", "x" * 1000, "é\0\n", ""])
def test_no_session_id_leaves_the_folder(session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    path = default_trace_path(session)
    assert path.parent == Path("/state/toolrun/traces")
    assert path.suffix == ".jsonl"
    assert len(path.name.encode()) < 255
    assert "\0" not in path.name


def test_long_ids_that_begin_alike_have_files_of_their_own() -> None:
    assert default_trace_path("x" * 300 + "1") != default_trace_path("x" * 300 + "2")


def _count_writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    writes: list[bytes] = []
    real = os.write

    def counted(file: int, data: bytes) -> int:
        if data.startswith((b'{"type"',)):
            writes.append(data)
        return real(file, data)

    monkeypatch.setattr(os, "write", counted)
    return writes


def _filled(kind: type) -> Event:
    """An event of a kind with a value in every field that must have one."""
    values = {
        "settings": {"effort": "low"},
        "content": "text",
        "call_id": "c1",
        "name": "f",
        "arguments": {"a": 1},
        "path": "a.txt",
        "change": "created",
        "reason": "why",
        "decision": "deny",
        "limit": "steps",
        "value": 3.0,
        "status": "finished",
        "digest": "0" * 64,
        "size": 10,
        "adds": [{"role": "user", "content": "text"}],
        "text": "text",
        "seconds": 0.5,
        "attempt": 1,
        "what": "name",
        "before": "a",
        "after": "b",
        "stream": "stdout",
        "kind": "web_search_call",
        "host": "example.org",
        "port": 443,
        "method": "CONNECT",
        "allowed": False,
        "code": "c",
        "message": "m",
        "parent": "s0",
        "parent_seq": 3,
        "result": {"content": "7", "outcome": "error"},
        "usage": msgspec.to_builtins(Usage(1, 2, 3, 4)),
    }
    required = [each.name for each in msgspec.structs.fields(kind) if each.required]
    plain = {"type": kind.__name__} | {name: values[name] for name in required}
    event: Event = msgspec.convert(plain, kind)
    return event
