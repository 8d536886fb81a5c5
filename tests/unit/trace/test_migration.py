"""Do the traces of every released format still load, replay to the same events, and migrate?

`tests/traces/README.md` says what lies there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from toolrun.events import AnyEvent
from toolrun.testing import replay_trace
from toolrun.trace.header import FORMAT
from toolrun.trace.migrate import migrate_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.events import Event

FOLDER: Final = Path(__file__).parents[2] / "traces"
FORMATS: Final = sorted(FOLDER.glob("format-*"))
TRACES: Final = [path for each in FORMATS for path in sorted(each.glob("*.jsonl"))]
OLDER: Final = [path for path in TRACES if path.parent.name.split("-")[1] != str(FORMAT)]


@pytest.fixture(scope="module", params=["asyncio", pytest.param("trio", marks=pytest.mark.load)])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """On trio with the loads: what a replay does there is what test_replay.py is about."""
    return str(request.param)


def _name(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def _some(paths: list[Path]) -> Iterator[Any]:
    """Each eighth one; the others with the loads."""
    for number, path in enumerate(paths):
        marks = [pytest.mark.load] if number % 8 else []
        yield pytest.param(path, id=_name(path), marks=marks)


def test_the_traces_of_each_format_are_there() -> None:
    counts = {folder.name: len(list(folder.glob("*.jsonl"))) for folder in FORMATS}

    assert (counts["format-1"], counts["format-2"]) == (62, 44)
    assert sum(counts.values()) == len(TRACES)


@pytest.mark.parametrize("path", TRACES, ids=_name)
async def test_a_trace_of_a_released_version_loads_and_happens_again(path: Path) -> None:
    trace = read_trace(path, check=True)
    seen: list[Event] = []

    report = await replay_trace(path, on_event=seen.append)

    assert not trace.truncated
    assert path.parent.name.split("-")[1] == str(trace.header.format)
    assert _bytes(seen) == _bytes(trace.events)
    assert report.events == len(trace.events)
    assert report.transcript


@pytest.mark.parametrize("path", [*_some(OLDER)])
async def test_a_trace_of_an_older_format_is_the_same_session_in_the_newest(
    path: Path, tmp_path: Path
) -> None:
    newest = tmp_path / "newest.jsonl"
    seen: list[Event] = []

    count = migrate_trace(path, newest)
    report = await replay_trace(newest, on_event=seen.append)

    before, after = read_trace(path), read_trace(newest, check=True)
    assert after.header.format == FORMAT
    assert _bytes(after.events) == _bytes(before.events)
    assert _bytes(seen) == _bytes(before.events)
    assert report.events == count == len(before.events)


def test_a_trace_says_nothing_of_the_machine_that_recorded_it() -> None:
    for path in TRACES:
        text = path.read_text(encoding="utf-8")
        assert '"workspace":"/srv/agent/workspace"' in text, path
        assert not re.search(r'[" ](/tmp|/root|/home|/work|/builds)/', text), path


def _bytes(events: list[Event]) -> list[bytes]:
    """Of each as it is once read: a limit of 3 steps is one of 3.0 then."""
    lines = [msgspec.json.encode(event) for event in events]
    return [msgspec.json.encode(msgspec.json.decode(line, type=AnyEvent)) for line in lines]
