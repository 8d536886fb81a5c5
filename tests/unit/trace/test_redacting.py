"""Does a trace that is there lose its secrets, and stay a trace that replays?"""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.unit.trace.journals import ONE_CALL, OPENED, write, written
from toolrun.errors import ConfigError, TraceError
from toolrun.events import AssistantMessage, RequestSent, TextDelta, UserMessage
from toolrun.journal import Journal
from toolrun.testing import replay_trace
from toolrun.trace.reader import read_trace
from toolrun.trace.recording import SMALLEST
from toolrun.trace.redact import MARK
from toolrun.trace.redacting import redact_trace
from toolrun.trace.writer import TraceSink

TRACES = Path(__file__).parents[2] / "traces"
OLD = TRACES / "format-1" / "two-turns-streamed.jsonl"


def files(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())


async def test_a_recorded_trace_loses_a_word_and_still_replays(tmp_path: Path) -> None:
    word = "Paris"
    before = OLD.read_bytes()
    assert word.encode() in before
    done = redact_trace(OLD, tmp_path / "clean.jsonl", secrets=[word])
    assert word.encode() not in files(tmp_path)
    assert OLD.read_bytes() == before
    trace = read_trace(tmp_path / "clean.jsonl", check=True)
    assert len(trace.events) == done.events == len(read_trace(OLD).events)
    assert 0 < done.changed < done.events
    assert (await replay_trace(tmp_path / "clean.jsonl")).events == done.events


async def test_where_there_is_nothing_to_redact_every_event_stays(tmp_path: Path) -> None:
    done = redact_trace(OLD, tmp_path / "clean.jsonl", secrets=["nowhere to be seen"])
    assert done.changed == 0
    assert read_trace(tmp_path / "clean.jsonl").events == read_trace(OLD).events
    assert (await replay_trace(tmp_path / "clean.jsonl")).events == done.events


def test_values_patterns_and_a_hook_are_looked_for_in_pieces_too(tmp_path: Path) -> None:
    said = ["my PIN is 12", "34, my name is Ada L", "ovelace, and hun", "ter2 is it"]
    events = [OPENED, UserMessage("?"), *map(TextDelta, said), AssistantMessage("".join(said))]
    written(tmp_path / "t.jsonl", events)
    (tmp_path / "out").mkdir()
    done = redact_trace(
        tmp_path / "t.jsonl",
        tmp_path / "out" / "t.jsonl",
        secrets=["hunter2"],
        patterns=[r"PIN is (\d{4})"],
        find=lambda text: ["Ada Lovelace"] if "Ada Lovelace" in text else [],
    )
    data = files(tmp_path / "out")
    for piece in (b"1234", b"34,", b"Ada L", b"ovelace", b"ter2"):
        assert piece not in data
    assert stat.S_IMODE((tmp_path / "out" / "t.jsonl").stat().st_mode) == 0o600
    trace = read_trace(tmp_path / "out" / "t.jsonl", check=True)
    last = trace.events[-1]
    assert isinstance(last, AssistantMessage)
    assert last.content == f"my PIN is {MARK}, my name is {MARK}, and {MARK} is it"
    assert done.changed == 5
    assert len(trace.events) == 7


def test_what_would_tell_of_it_goes_too(tmp_path: Path) -> None:
    request = RequestSent("1" * 64, 5, [])
    message = AssistantMessage("fine", prompt_token_ids=(1, 2), token_ids=(3,))
    written(tmp_path / "t.jsonl", [OPENED, UserMessage("hunter2"), request, message])
    done = redact_trace(tmp_path / "t.jsonl", tmp_path / "out.jsonl", secrets=["hunter2"])
    events = read_trace(tmp_path / "out.jsonl").events
    assert isinstance(events[2], RequestSent)
    assert events[2].digest == ""
    assert isinstance(events[3], AssistantMessage)
    assert events[3].token_ids is events[3].prompt_token_ids is None
    assert done.changed == 1


def test_a_secret_in_a_long_text_beside_the_trace_goes(tmp_path: Path) -> None:
    long = f"{'x' * 100_000} hunter2 {'y' * 100_000}"
    written(tmp_path / "t.jsonl", [OPENED, UserMessage(long)])
    assert (tmp_path / "t.blobs").is_dir()
    redact_trace(tmp_path / "t.jsonl", tmp_path / "out" / "t.jsonl", secrets=["hunter2"])
    assert b"hunter2" not in files(tmp_path / "out")
    event = read_trace(tmp_path / "out" / "t.jsonl").events[1]
    assert isinstance(event, UserMessage)
    assert event.content == long.replace("hunter2", MARK)


def test_a_group_that_matched_nothing_is_no_secret(tmp_path: Path) -> None:
    written(tmp_path / "t.jsonl", [OPENED, UserMessage("PIN 1234, PIN none")])
    done = redact_trace(tmp_path / "t.jsonl", tmp_path / "out.jsonl", patterns=[r"PIN (\d*)"])
    event = read_trace(tmp_path / "out.jsonl").events[1]
    assert isinstance(event, UserMessage)
    assert event.content == f"PIN {MARK}, PIN none"
    assert done.changed == 1


async def test_where_the_recording_went_on_the_copy_does_too(tmp_path: Path) -> None:
    path, target = tmp_path / "t.jsonl", tmp_path / "out.jsonl"
    await write(path, [OPENED, UserMessage("the key is hunter2"), TextDelta("it is hunt")])
    sink = TraceSink(path, session="s", append=True)
    journal = Journal("s", [sink])
    journal.seq = 2
    await journal.record(UserMessage("er2 is half of it"))
    sink.close()

    redact_trace(path, target, secrets=["hunter2"])

    assert len(read_trace(path).breaks) == len(read_trace(target).breaks) == 1
    said = [event for event in read_trace(target).events if isinstance(event, UserMessage)]
    assert [each.content for each in said] == [f"the key is {MARK}", "er2 is half of it"]
    assert b"hunt" not in target.read_bytes()  # the half that may have been the begin of a key


def test_half_a_secret_at_the_end_of_what_a_crash_left_goes(tmp_path: Path) -> None:
    written(tmp_path / "t.jsonl", [OPENED, UserMessage("?"), TextDelta("it is hunt")])
    redact_trace(tmp_path / "t.jsonl", tmp_path / "out" / "t.jsonl", secrets=["hunter2"])
    assert b"hunt" not in files(tmp_path / "out")


def test_a_target_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    written(tmp_path / "t.jsonl", ONE_CALL)
    before = (tmp_path / "t.jsonl").read_bytes()
    with pytest.raises(TraceError, match="is there already"):
        redact_trace(tmp_path / "t.jsonl", tmp_path / "t.jsonl", secrets=["notes"])
    assert (tmp_path / "t.jsonl").read_bytes() == before


def test_where_the_source_is_spoiled_there_is_no_target(tmp_path: Path) -> None:
    shutil.copy(OLD, tmp_path / "t.jsonl")
    with (tmp_path / "t.jsonl").open("ab") as file:
        file.write(b"spoiled\n")
    with pytest.raises(TraceError) as caught:
        redact_trace(tmp_path / "t.jsonl", tmp_path / "out.jsonl", secrets=["x" * SMALLEST])
    assert caught.value.line == len((tmp_path / "t.jsonl").read_bytes().splitlines())
    assert not (tmp_path / "out.jsonl").exists()


def test_a_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceError, match=r"out\.jsonl: cannot be written: Not a directory"):
        redact_trace(OLD, tmp_path / "file" / "out.jsonl", secrets=["x"])


def test_a_pattern_that_does_not_fit_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not compile"):
        redact_trace(OLD, tmp_path / "out.jsonl", patterns=["("])
    assert not (tmp_path / "out.jsonl").exists()


def test_what_is_nested_too_deep_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    source, target = tmp_path / "deep.jsonl", tmp_path / "clean.jsonl"
    head = '{"type":"TraceHeader","format":2,"toolrun":"1","session":"s","created":1.0}'
    deep = f'"arguments":{{"a":{"[" * 900}{"]" * 900}}}'
    call = f'{{"type":"ToolCallStarted","seq":1,"time":1.0,"call_id":"c","name":"f",{deep}}}'
    source.write_text(f"{head}\n{call}\n")

    with pytest.raises(TraceError, match=r"line \d: nested too deep"):
        redact_trace(source, target)

    assert not target.exists()
