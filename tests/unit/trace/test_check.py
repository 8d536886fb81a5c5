"""Does the check of a trace find what is wrong, and say where, and nothing of what is right?"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import msgspec
import pytest

from tests.unit.trace.journals import ONE_CALL, OPENED, record, write, written
from tests.unit.trace.memory import peak_of
from toolrun import events as ev
from toolrun.errors import TraceError
from toolrun.journal import Journal
from toolrun.trace.check import check_trace, size_of
from toolrun.trace.recording import Recording
from toolrun.trace.writer import TraceSink
from toolrun.values import ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.events import Event

LONG: Final = {"short.jsonl": 56, "long.jsonl": 560}
PEAK: Final = """
import resource, sys
from pathlib import Path
from toolrun.trace.check import check_trace
check_trace(Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
RECORDED: Final = Path(__file__).parents[2] / "traces" / "format-1"
ASKED: Final = (OPENED, ev.UserMessage("Go."))
CALLS: Final = ev.AssistantMessage(tool_calls=(ToolCall("a", "t", "{}"), ToolCall("b", "t", "{}")))
DONE: Final = ev.ToolCallFinished("a", "t", ToolResult("1"))


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.jsonl")), ids=lambda file: file.stem)
def test_what_was_recorded_on_a_real_server_is_right(file: Path) -> None:
    checked = check_trace(file)

    assert (checked.format, checked.parts, checked.size) == (1, 1, file.stat().st_size)
    assert (checked.truncated, checked.unfinished) == (False, False)
    assert checked.turns == file.read_text(encoding="utf-8").count('"type":"UserMessage"')
    assert checked.steps == file.read_text(encoding="utf-8").count('"type":"AssistantMessage"')


def test_a_trace_is_told_by_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolrun.trace.check._TOLD", 20)
    told: list[int] = []
    path = tmp_path / "t.jsonl"
    written(path, [*ONE_CALL[:-1], *[ev.ReasoningDelta("x")] * 30])
    checked = check_trace(path, told.append)

    assert (checked.events, checked.turns, checked.steps) == (len(ONE_CALL) - 1 + 30, 1, 2)
    assert checked.unfinished
    assert told == [20, 40]


def test_half_a_line_at_the_end_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(written(path, ONE_CALL)[:-3])
    checked = check_trace(path)

    assert checked.truncated
    assert checked.unfinished


def test_a_compressed_trace_is_checked_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(written(path, ONE_CALL)))
    path.unlink()

    assert check_trace(packed).events == check_trace(path).events == len(ONE_CALL)
    assert size_of(path) == packed.stat().st_size


def _recorded(path: Path, recording: Recording, *events: Event) -> None:
    async def write_all() -> None:
        sink = TraceSink(path, session="s", recording=recording)
        await record(Journal("s", [sink]), events)
        sink.close()

    anyio.run(write_all)


def test_all_files_of_a_trace_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    asked = (ev.UserMessage("x" * 3_000), CALLS, DONE)
    good = [*asked, ev.AssistantMessage("."), *asked, ev.AssistantMessage(".")]
    parted = Recording(max_bytes=4_096, blob_bytes=None)
    _recorded(path, parted, OPENED, *good)
    checked = check_trace(path)

    assert (checked.parts, checked.turns) == (2, 2)
    assert checked.size == sum(each.stat().st_size for each in tmp_path.iterdir())
    _recorded(path, parted, OPENED, *good, *asked, ev.ToolCallFinished("z", "t", DONE.result))
    with pytest.raises(
        TraceError, match=r"t\.3\.jsonl, line 6: ToolCallFinished: call_id"
    ) as error:
        check_trace(path)
    assert error.value.line == 6
    (tmp_path / "t.2.jsonl").unlink()
    with pytest.raises(TraceError, match=r"t\.2\.jsonl is missing"):
        check_trace(path)


def test_long_texts_beside_a_trace_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    _recorded(path, Recording(blob_bytes=4_096), OPENED, ev.UserMessage("x" * 9_000))
    (blob,) = (tmp_path / "t.blobs").iterdir()
    checked = check_trace(path)

    assert (checked.parts, checked.blobs) == (1, 1)
    assert checked.size == path.stat().st_size + blob.stat().st_size
    blob.write_text("y" * 9_000)
    with pytest.raises(TraceError, match=r"t\.jsonl, line 3: "):
        check_trace(path)
    blob.unlink()
    with pytest.raises(TraceError, match=r"t\.jsonl, line 3: "):
        check_trace(path)


def test_what_a_crash_took_is_not_missed_after_the_break(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    whole = written(path, [*ASKED, CALLS, DONE, ev.AssistantMessage(".")]).splitlines(keepends=True)
    head = whole[0].replace(b'"session"', b'"resumed":true,"session"')
    broken = [*whole[:3], head, *whole[4:]]
    path.write_bytes(b"".join(broken))

    assert check_trace(path).events == len(broken) - 2
    path.write_bytes(b"".join(broken[:3] + broken[4:]))
    with pytest.raises(TraceError):
        check_trace(path)


def test_a_trace_of_a_session_that_ran_already_is_right(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    lines = written(path, [*ONE_CALL, ev.UserMessage("More."), *ONE_CALL[2:]]).splitlines(
        keepends=True
    )
    path.write_bytes(lines[0] + b"".join(lines[8:]))

    assert check_trace(path).turns == 1


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((*ASKED, CALLS, DONE, DONE), "ToolCallFinished: call_id: the call 'a' has its result"),
        ((*ASKED, DONE), "ToolCallFinished: call_id: the model made no call 'a' in the step"),
        ((*ASKED, CALLS, ev.ToolCallStarted("x", "t", {})), "the model made no call 'x'"),
        ((*ASKED, CALLS, ev.ToolOutput("x", "stdout", "")), "the model made no call 'x'"),
        ((*ASKED, CALLS, DONE, ev.AssistantMessage("."), DONE), "the model made no call 'a'"),
        ((*ASKED, CALLS, ev.ApprovalDecided("a", "approve")), "nobody was asked about the call"),
        ((*ASKED, OPENED), "SessionOpened: a session is opened once"),
    ],
)
def test_events_that_do_not_fit_those_before_are_found(
    events: Sequence[Event], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.jsonl"
    count = len(written(path, events).splitlines())
    with pytest.raises(TraceError) as error:
        check_trace(path)

    assert said in str(error.value)
    assert error.value.line == count
    assert str(error.value).startswith(f"{path}, line {count}: ")


@pytest.mark.parametrize(
    "events",
    [
        # A malformed reply may give two calls one id.
        (*ASKED, ev.AssistantMessage(tool_calls=(ToolCall("a", "t", ""),) * 2), DONE, DONE),
        (*ASKED, ev.Repaired("z", "name", "", "t"), CALLS),
        (*ASKED, ev.ServerToolCalled("s1", "web_search_call"), CALLS),
        (
            *(*ASKED, CALLS, ev.ApprovalRequested("a", "t", {}, "asks"), ev.TurnFinished("parked")),
            *(ev.ApprovalDecided("a", "approve"), ev.ToolCallStarted("a", "t", {}), DONE),
        ),
        (*ONE_CALL, ev.TurnUndone(), ev.UserMessage("Again."), ev.AssistantMessage("Yes.")),
    ],
)
def test_what_sessions_really_do_is_right(events: Sequence[Event], tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    written(path, events)

    assert check_trace(path).events == len(events)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"turn":2}', '"turn":3}', "UserMessage: turn: 3 is not 2, which comes next"),
        ('"turn":2,"step":2}', '"turn":2,"step":3}', "step: 3, where 1 was the last"),
        ('"turn":2,"step":4}', '"turn":1,"step":4}', "turn: 1, in turn 2"),
        ('"status":"finished"', '"status":"done"', "$.status"),
        ('"seq":12,', '"seq":13,', "a line is missing, or out of order"),
    ],
)
def test_places_that_do_not_follow_are_found(old: str, new: str, said: str, tmp_path: Path) -> None:
    text = (RECORDED / "three-turns-with-calls.jsonl").read_text(encoding="utf-8")
    path = tmp_path / "t.jsonl"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(
        TraceError, match=rf"line {text[: text.index(old)].count(chr(10)) + 1}\b"
    ) as e:
        check_trace(path)

    assert said in str(e.value)


def _long(path: Path, turns: int, size: int) -> int:
    """The bytes of a trace of so many turns, each with three texts of so many characters."""

    def events() -> Iterator[Event]:
        yield OPENED
        for number in range(turns):
            asked = f"{number} {'x' * size}"
            yield ev.UserMessage(asked)
            yield ev.RequestSent("", size, [{"role": "user", "content": asked}])
            yield from (ev.TextDelta(f"word {each}") for each in range(5))
            yield ev.AssistantMessage(tool_calls=(ToolCall("a", "t", "{}"),))
            yield ev.ToolCallFinished("a", "t", ToolResult("x" * size))
            yield ev.RequestSent("", size, [])
            yield ev.AssistantMessage("x" * size)
            yield ev.TurnFinished("finished")

    anyio.run(write, path, events())
    return size_of(path)


def test_a_longer_trace_takes_no_more_memory(tmp_path: Path) -> None:
    short, long = tmp_path / "short.jsonl", tmp_path / "long.jsonl"

    assert _long(long, 12, 2_000) > 2.5 * _long(short, 4, 2_000)
    few, many = (peak_of(partial(check_trace, path)) for path in (short, long))
    assert many < few + 20_000


@pytest.mark.load
@pytest.mark.timeout(200)
def test_a_hundred_megabytes_take_no_more_memory(tmp_path: Path) -> None:
    sizes = {name: _long(tmp_path / name, turns, 60_000) for name, turns in LONG.items()}
    peaks = {
        name: int(
            subprocess.run(
                [sys.executable, "-c", PEAK, tmp_path / name], capture_output=True, check=True
            ).stdout
        )
        for name in LONG
    }

    assert sizes["long.jsonl"] > 100_000_000
    assert peaks["long.jsonl"] < peaks["short.jsonl"] + 10_000, "KiB"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"turn": 2, "step": 1}, "AssistantMessage: turn: 2, in turn 1"),
        ({"turn": 1, "step": 2}, "AssistantMessage: step: 2 is not 1, which comes next"),
    ],
)
def test_an_answer_at_another_place_is_found(
    place: dict[str, int], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.jsonl"
    lines = written(path, [*ASKED, ev.AssistantMessage("Gone.")]).splitlines(keepends=True)
    row = msgspec.json.decode(lines[-1]) | place
    path.write_bytes(b"".join([*lines[:-1], msgspec.json.encode(row), b"\n"]))

    with pytest.raises(TraceError, match=re.escape(f"line 4: {said}")):
        check_trace(path)
