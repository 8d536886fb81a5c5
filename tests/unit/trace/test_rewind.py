"""Is a trace cut back to what a store has, and is nothing else of it touched?"""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from tests.unit.trace.files import PACKED, PARTED, line, names, read, record
from toolrun import Recording
from toolrun.trace import layout
from toolrun.trace.rewind import rewind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_what_the_store_has_stays(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "x.jsonl"
    lines = record(path, Recording(), range(1, 5))
    with path.open("ab") as file:
        file.write(line(5)[:-20])  # half of one

    assert rewind(path, "s", kept) == kept

    assert read(path) == lines[:kept]


def test_pieces_behind_what_is_cut_go_along_and_those_before_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = record(path, Recording(), range(1, 3))
    piece = b'{"type":"TextDelta","text":"x"}\n'
    head, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + first + piece + second + piece)

    assert rewind(path, "s", 1) == 1

    assert read(path) == [lines[0], piece]


def test_a_trace_of_nothing_that_the_store_has_is_its_header(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    record(path, Recording(), range(5, 7))

    assert rewind(path, "s", 4) == 0

    assert read(path) == []
    assert path.read_bytes().count(b"\n") == 1


def test_the_last_part_alone_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = record(path, PARTED, range(1, 13))
    begins = layout.part_of(path, 3)
    last = len(begins.read_bytes().splitlines()) - 1

    assert rewind(path, "s", 12 - last + 1) == 12 - last + 1
    assert read(path) == lines[: 12 - last + 1]
    # All that it had is gone; what the part before it ends with is in the store, then.
    assert rewind(path, "s", 12 - last) == 12 - last
    assert read(path) == lines[: 12 - last]


def test_a_compressed_part_was_finished_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    record(path, PACKED, range(1, 3))
    before = (tmp_path / "x.jsonl.gz").read_bytes()

    assert rewind(path, "s", 1) == 1

    assert names(tmp_path) == ["x.jsonl.gz"]
    assert (tmp_path / "x.jsonl.gz").read_bytes() == before


def test_what_is_no_trace_of_the_session_is_left(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert rewind(path, "s", 1) == 0
    record(path, Recording(), range(1, 3))
    before = path.read_bytes()
    assert rewind(path, "another", 1) == 0
    assert path.read_bytes() == before
    path.write_text("mine\n")
    assert rewind(path, "s", 1) == 0
    assert path.read_text() == "mine\n"


def test_what_another_session_writes_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    record(path, Recording(), range(1, 4))
    before = path.read_bytes()

    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert rewind(path, "s", 1) == 1  # the sink that would write on says whose it is

    assert path.read_bytes() == before
