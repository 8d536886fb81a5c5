"""Does a recording come to its place with all that belongs to it, and what was there go?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolrun.integrations.pytest.marks import trace_files
from toolrun.integrations.pytest.recording import NewTrace

if TYPE_CHECKING:
    from pathlib import Path


def files(folder: Path) -> dict[str, str]:
    """All files of a folder with what they hold."""
    every = [each for each in folder.rglob("*") if each.is_file()]
    return {each.relative_to(folder).as_posix(): each.read_text() for each in every}


def fill(folder: Path, *names: str, text: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_recording_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    beside = ("a.2.jsonl", "a.3.jsonl.gz", "a.jsonl.gz", "a.blobs/1", "a.blobs/2")
    fill(tmp_path, "a.jsonl", *beside, "ab.jsonl", "a.txt", "b.2.jsonl", text="old")
    new = NewTrace(tmp_path / "a.jsonl")
    fill(new.path.parent, "a.jsonl", "a.2.jsonl", "a.blobs/2", "a.blobs/3", text="new")
    assert new.keep()
    assert files(tmp_path) == {
        **dict.fromkeys(["a.jsonl", "a.2.jsonl", "a.blobs/2", "a.blobs/3"], "new"),
        **dict.fromkeys(["ab.jsonl", "a.txt", "b.2.jsonl"], "old"),
    }


def test_a_folder_of_large_results_that_is_no_more_goes(tmp_path: Path) -> None:
    fill(tmp_path, "a.jsonl", "a.blobs/1", text="old")
    new = NewTrace(tmp_path / "a.jsonl")
    fill(new.path.parent, "a.jsonl", text="new")
    assert new.keep()
    assert files(tmp_path) == {"a.jsonl": "new"}
    assert [each.name for each in tmp_path.iterdir()] == ["a.jsonl"]


def test_where_nothing_was_recorded_nothing_changes(tmp_path: Path) -> None:
    fill(tmp_path, "a.jsonl", text="old")
    new = NewTrace(tmp_path / "a.jsonl")
    assert not new.keep()
    assert files(tmp_path) == {"a.jsonl": "old"}
    assert len([*tmp_path.iterdir()]) == 1


@pytest.mark.parametrize("name", ["a.json", "a.jsonl.gz", "a"])
def test_a_place_that_replay_would_not_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"NAME\.jsonl"):
        NewTrace(tmp_path / "new" / name)
    assert files(tmp_path) == {}


def test_files_of_traces_are_found_by_folder_and_by_pattern(tmp_path: Path) -> None:
    fill(tmp_path, "x/a.jsonl", "x/a.2.jsonl", "x/.b.jsonl", "y/b.jsonl.gz", "y/c.txt", text="")
    assert [each.id for each in trace_files(tmp_path / "x")] == ["a"]
    every = trace_files(tmp_path / "*" / "*", strictness="loose")
    assert [each.id for each in every] == ["x/a", "y/b"]
    assert every[0].values == (tmp_path / "x/a.jsonl",)
    [mark] = every[0].marks
    assert (getattr(mark, "args", None), getattr(mark, "kwargs", None)) == (
        every[0].values,
        {"strictness": "loose"},
    )
    with pytest.raises(ValueError, match="there are no traces"):
        trace_files(tmp_path / "z")
