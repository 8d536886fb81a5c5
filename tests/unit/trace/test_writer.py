"""Does the sink write what happened, safely, and never stop a session?"""

from __future__ import annotations

import os
import platform
import stat
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.rig.heard import Listener
from tests.unit.trace.journals import ONE_CALL, OPENED, record, write
from toolrun._version import __version__
from toolrun.events import (
    ApprovalRequested,
    AssistantMessage,
    ReasoningDelta,
    RequestSent,
    SessionOpened,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    UserMessage,
    Warned,
)
from toolrun.journal import BATCH, WINDOW, Journal
from toolrun.trace.header import beside
from toolrun.trace.reader import read_trace
from toolrun.trace.writer import TraceSink, default_trace_path
from toolrun.values import ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import Event


async def test_a_trace_is_a_header_and_rows_that_say_nothing_twice(tmp_path: Path) -> None:
    await write(tmp_path / "t.jsonl", ONE_CALL)
    lines = [msgspec.json.decode(line) for line in (tmp_path / "t.jsonl").read_bytes().splitlines()]
    assert lines[0] == {
        "type": "TraceHeader",
        "format": 2,
        "toolrun": __version__,
        "session": "s",
        "created": 1_700_000_000.0,
        "python": platform.python_version(),
        "openai": metadata.version("openai"),
        "harmony": metadata.version("openai-harmony"),
        "model": "m",
    }
    assert [line["type"] for line in lines[1:]] == [
        kind for kind, _ in groupby(map(_name, ONE_CALL))
    ]
    assert lines[3] == {
        "type": "ReasoningDelta",
        "ms": [1000, 1000],
        "text": ["I have to ", "count."],
    }
    assert lines[4] == {"type": "TextDelta", "ms": [1000], "text": ["Let me see."]}
    started = next(line for line in lines if line["type"] == "ToolCallStarted")
    assert "arguments" not in started
    assert all("session" not in line for line in lines[1:])


@pytest.mark.parametrize("secret", ["", "sesame"])
async def test_pieces_of_one_read_are_written_as_each_by_itself(
    secret: str, tmp_path: Path
) -> None:
    texts = ["Open ", "ses", "ame", " now"]
    written = []
    for name, cut in (("one", [1, 1, 1, 1]), ("some", [2, 2]), ("all", [4])):
        path = tmp_path / name
        journal = Journal("s", [heard := Listener()], clock=lambda: 1.0004)
        sink = TraceSink(path, session="s", secrets=[secret], clock=lambda: 1.0)
        journal.add(sink)
        await journal.record(UserMessage("go"))
        for kind in (ReasoningDelta, TextDelta):
            rest = texts
            for count in cut:
                journal.observe_run(kind, rest[:count])
                rest = rest[count:]
            sink.flush()
        await journal.record(AssistantMessage(content="Open."))
        sink.close()
        written.append(path.read_bytes())
        if not secret:
            assert read_trace(path, check=True).events == heard.events
    assert written[0] == written[1] == written[2]
    assert (b"ame" in written[0]) is not bool(secret)


async def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    journal = Journal("s", [heard := Listener()])
    sink = TraceSink(path, session="s", secrets=["nowhere"])
    journal.add(sink)
    await record(journal, [*ONE_CALL, *ODD])
    sink.close()
    trace = read_trace(path, check=True)
    assert trace.events == heard.events
    assert _encoded(trace.events) == _encoded(heard.events)
    assert not trace.truncated


async def test_pieces_that_do_not_follow_the_event_before_have_a_place(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    now = 1_700_000_000.0
    journal = Journal("s", [heard := Listener()], clock=lambda: now)
    await journal.record(OPENED)
    await journal.record(UserMessage("hello"))
    journal.add(sink := TraceSink(path, session="s"))
    journal.observe(TextDelta("a"))  # the first of the file
    now += 0.5
    journal.observe(TextDelta("b"))
    journal.sampling = True
    now += 0.001
    journal.observe(TextDelta("c"))  # of another step
    sink.close()
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    place = {"type": "TextDelta", "seq": 2, "turn": 1}
    assert lines[1:] == [
        place | {"ms": [0, 500], "text": ["a", "b"], "sub": 1, "time": 1_700_000_000.0},
        place | {"ms": [0], "text": ["c"], "sub": 3, "time": 1_700_000_000.501, "step": 1},
    ]
    assert read_trace(path, check=True).events == heard.events[2:]


async def test_arguments_that_are_not_the_calls_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    await write(path, [OPENED, *ODD])
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    written = [line.get("arguments") for line in lines if line["type"] == "ToolCallStarted"]
    # One that is as written, one of another type, one of a call that is no object, one unknown.
    assert written == [None, {"n": 1.0}, {}, {"n": 1}]


async def test_a_request_refers_to_what_was_said_since_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    said = [{"role": "user", "content": "hello"}, {"role": "user", "content": "again"}]
    late = {"role": "tool", "tool_call_id": "b", "name": "f", "content": "2\n\nnote"}
    soon = {"role": "tool", "tool_call_id": "a", "name": "f", "content": "1"}
    await write(
        path,
        [
            OPENED,
            UserMessage("hello"),
            RequestSent("0" * 64, 9, said[:1]),
            ToolCallFinished("b", "f", ToolResult("2"), "note"),
            ToolCallFinished("a", "f", ToolResult("1")),
            RequestSent("0" * 64, 9, [soon, late]),
            UserMessage("again"),
            RequestSent("0" * 64, 9, said),  # all of it, since the history was changed
        ],
    )
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    adds = [line["adds"] for line in lines if line["type"] == "RequestSent"]
    assert adds == [[2], [4, 3], [said[0], 5]]
    requests = [e for e in read_trace(path, check=True).events if isinstance(e, RequestSent)]
    assert [event.adds for event in requests] == [said[:1], [soon, late], said]


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


CALLING = AssistantMessage("I look.", None, (ToolCall("c1", "f", "{}"),), "tool_calls")


async def test_what_the_model_said_is_written_with_the_intent_that_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = _count_writes(monkeypatch)
    sink = TraceSink(tmp_path / "t.jsonl", session="s")
    journal = Journal("s", [sink])
    await record(journal, [OPENED, UserMessage("hello"), TextDelta("I look."), CALLING])
    assert len(writes) == 2
    await journal.record(ToolCallStarted("c1", "f", {}))
    assert len(writes) == 3
    await journal.record(CALLING)
    sink.flush()
    assert len(writes) == 4
    await journal.record(CALLING)
    journal.observe(TextDelta("more"))
    sink.close()
    assert [event.seq for event in read_trace(tmp_path / "t.jsonl").events if event.durable] == [
        *range(1, 7)
    ]


async def test_where_a_store_hears_of_it_next_nothing_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = _count_writes(monkeypatch)
    sink = TraceSink(tmp_path / "t.jsonl", session="s")
    sink.lead()
    await record(Journal("s", [sink]), [OPENED, UserMessage("hello"), CALLING])
    assert len(writes) == 3
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


async def test_a_disk_that_says_at_the_end_that_it_is_full_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS does, which writes what it has taken when a file is closed."""
    said: list[str] = []
    sink = TraceSink(tmp_path / "t.jsonl", session="s", on_failure=said.append)
    await Journal("s", [sink]).record(OPENED)

    real, trace, full = os.close, (tmp_path / "t.jsonl").stat().st_ino, set[int]()

    def close(file: int) -> None:
        closed = os.fstat(file).st_ino
        real(file)
        if closed == trace:
            full.add(file)
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "close", close)
    with capture_logs() as logs:
        sink.close()
        sink.close()
    monkeypatch.undo()

    assert full
    assert sink.failed
    assert [log["log_level"] for log in logs] == ["error"]
    assert len(said) == 1
    assert "No space left" in said[0]


async def test_a_folder_that_cannot_be_made_does_not_stop_the_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = TraceSink(tmp_path / "file" / "t.jsonl", session="s")
    with capture_logs() as logs:
        await Journal("s", [sink]).record(OPENED)
    assert sink.failed
    assert len(logs) == 1


async def test_what_is_observed_for_long_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = _count_writes(monkeypatch)
    now = 1_700_000_000.0
    sink = TraceSink(tmp_path / "t.jsonl", session="s")
    journal = Journal("s", [sink], clock=lambda: now)
    await journal.record(OPENED)
    journal.observe(TextDelta("a"))
    now += WINDOW - 0.001
    journal.observe(TextDelta("b"))
    assert len(writes) == 1
    now += 0.001
    journal.observe(TextDelta("c"))
    assert len(writes) == 2
    assert read_trace(tmp_path / "t.jsonl").events[-1].time == now
    sink.close()


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


def test_beside_a_trace_lies_that_of_another_session_and_in_a_pipe_both(tmp_path: Path) -> None:
    path, pipe = tmp_path / "t.jsonl", tmp_path / "pipe"
    os.mkfifo(pipe)
    assert beside(path, "a/b") == tmp_path / "t-a%2Fb.jsonl"
    path.touch()
    assert beside(path, "s") == tmp_path / "t-s.jsonl"
    assert beside(pipe, "s") == pipe


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


ODD: tuple[Event, ...] = (
    AssistantMessage(
        None,
        None,
        (
            ToolCall("one", "f", '{"n": 1}'),
            ToolCall("float", "f", '{"n": 1}'),
            ToolCall("none", "f", "[1]"),
        ),
    ),
    ApprovalRequested("one", "f", {"n": 1}, "why"),
    ToolCallStarted("one", "f", {"n": 1}),
    ToolCallStarted("float", "f", {"n": 1.0}),
    ToolCallStarted("none", "f", {}),
    ToolCallStarted("unknown", "f", {"n": 1}),
)
"""Calls whose arguments cannot all be left out."""


def _name(event: Event) -> str:
    return type(event).__name__


def _encoded(events: Sequence[Event]) -> list[bytes]:
    return [msgspec.json.encode(event) for event in events]


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
