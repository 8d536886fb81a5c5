"""Is each format that was ever written still read, and does it become the newest unchanged?"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from tests.unit.trace.journals import ONE_CALL, write
from toolrun.errors import TraceError
from toolrun.events import AnyEvent, ReasoningDelta, TextDelta
from toolrun.resources import schema
from toolrun.testing import replay_trace
from toolrun.trace.header import FORMAT
from toolrun.trace.migrate import migrate_trace
from toolrun.trace.reader import FORMATS, read_trace

if TYPE_CHECKING:
    from toolrun.events import Event

FOLDER: Final = Path(__file__).parents[2] / "traces" / "format-1"
FIRST: Final = sorted(FOLDER.glob("*.jsonl"))
SOME: Final = [path for path in FIRST if path.stem in ("denied-streamed", "three-steps")]

# What stood in a file of format 1, taken apart by nothing of toolrun's.


def _plain(path: Path) -> list[dict[str, Any]]:
    """The events of a file of format 1, read by hand."""
    found: list[dict[str, Any]] = []
    for line in path.read_bytes().splitlines()[1:]:
        row = msgspec.json.decode(line)
        if row["type"] != "Deltas":
            found.append(row | {"time": round(row["time"], 3)})
            continue
        place = {name: row[name] for name in ("session", "seq", "turn", "step")}
        found += [
            {"type": row["of"], "text": text, **place, "sub": row["sub"] + at, "time": round(t, 3)}
            for at, (t, text) in enumerate(zip(row["time"], row["text"], strict=True))
        ]
    return found


def test_every_format_is_read() -> None:
    assert sorted(FORMATS) == list(range(1, FORMAT + 1))


@pytest.mark.parametrize("path", FIRST, ids=lambda path: path.stem)
def test_the_first_format_says_what_it_said(path: Path) -> None:
    trace = read_trace(path, check=path in SOME)
    assert [msgspec.to_builtins(event) for event in trace.events] == [
        msgspec.to_builtins(msgspec.convert(plain, AnyEvent)) for plain in _plain(path)
    ]
    assert trace.header.format == 1


def test_the_schema_of_the_first_format_is_of_it_alone() -> None:
    whole = schema("trace-1")
    assert whole["$defs"]["TraceHeader"]["properties"]["format"] == {
        "const": 1,
        "description": "The number of this file format.",
    }
    assert "Deltas" in whole["$defs"]
    assert "Deltas" not in schema("trace")["$defs"]


@pytest.mark.parametrize("path", FIRST, ids=lambda path: path.stem)
def test_a_migrated_trace_says_the_same_in_fewer_bytes(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.jsonl"
    old = read_trace(path)
    assert migrate_trace(path, target) == len(old.events)
    new = read_trace(target, check=path in SOME)
    assert _bytes(new.events) == _bytes(old.events)
    settings = msgspec.to_builtins(old.events[0])["settings"]
    assert new.header == msgspec.structs.replace(
        old.header, format=FORMAT, model=settings["model"], base_url=settings["base_url"]
    )
    pieces = sum(isinstance(event, TextDelta | ReasoningDelta) for event in old.events)
    assert target.stat().st_size < path.stat().st_size + 150 - 5 * pieces
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert _names(tmp_path) == ["t.jsonl"]


@pytest.mark.parametrize("path", SOME, ids=lambda path: path.stem)
async def test_a_migrated_trace_happens_again(path: Path, tmp_path: Path) -> None:
    migrate_trace(path, tmp_path / "t.jsonl")
    seen: list[Event] = []
    again: list[Event] = []
    await replay_trace(path, on_event=seen.append)
    await replay_trace(tmp_path / "t.jsonl", on_event=again.append)
    assert len(SOME) == 2
    assert _bytes(again) == _bytes(seen)


def test_half_a_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(SOME[0].read_bytes()[:-10])
    migrate_trace(tmp_path / "s.jsonl", tmp_path / "t.jsonl")
    assert read_trace(tmp_path / "s.jsonl").truncated
    assert not read_trace(tmp_path / "t.jsonl").truncated
    assert read_trace(tmp_path / "t.jsonl").events == read_trace(tmp_path / "s.jsonl").events


def test_a_header_alone_is_migrated(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(SOME[0].read_bytes().splitlines(keepends=True)[0])
    assert migrate_trace(tmp_path / "s.jsonl", tmp_path / "t.jsonl") == 0
    assert read_trace(tmp_path / "t.jsonl", check=True).events == []


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("mine")
    with pytest.raises(TraceError, match=r"t\.jsonl is there already"):
        migrate_trace(SOME[0], tmp_path / "t.jsonl")
    assert (tmp_path / "t.jsonl").read_text() == "mine"
    assert _names(tmp_path) == ["t.jsonl"]


def test_nothing_is_left_of_a_migration_that_fails(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(SOME[0].read_bytes() + b"nonsense\n")
    with pytest.raises(TraceError, match=r"s\.jsonl, line "):
        migrate_trace(tmp_path / "s.jsonl", tmp_path / "t.jsonl")
    assert _names(tmp_path) == ["s.jsonl"]
    with pytest.raises(TraceError, match=r"cannot be written: No such file"):
        migrate_trace(SOME[0], tmp_path / "nowhere" / "t.jsonl")


async def test_the_newest_format_is_not_migrated(tmp_path: Path) -> None:
    await write(tmp_path / "s.jsonl", ONE_CALL)
    with pytest.raises(TraceError, match=rf"has format {FORMAT}, the newest: nothing to migrate"):
        migrate_trace(tmp_path / "s.jsonl", tmp_path / "t.jsonl")


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def _bytes(events: list[Event]) -> list[bytes]:
    return [msgspec.json.encode(event) for event in events]
