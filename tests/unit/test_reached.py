"""Is a room named whose branches the tests don't reach, and what runs elsewhere left out?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.rig.reached import by_module, main

if TYPE_CHECKING:
    from pathlib import Path


def report(path: Path, **branches: tuple[int, int]) -> Path:
    """What coverage writes, as far as it is read: branches taken and there, by module."""
    files: dict[str, Any] = {
        f"toolrun/{name.replace('__', '/')}.py": {
            "summary": {"covered_branches": taken, "num_branches": there}
        }
        for name, (taken, there) in branches.items()
    }
    file = path / "coverage.json"
    file.write_text(json.dumps({"files": files}))
    return file


def test_a_room_counts_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(report(tmp_path, trace__one=(5, 10), trace__two=(290, 300), known=(0, 0))) == 0
    assert capsys.readouterr().out.splitlines() == [
        "  95.2%    295 of   310  toolrun/trace/",
        " 100.0%      0 of     0  toolrun/*.py",
    ]


def test_what_keeps_a_room_low_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(report(tmp_path, store__a=(1, 9), store__b=(20, 20), turn=(94, 100))) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[2:] == [
        "      8 missed in toolrun/store/a.py",
        "      6 missed in toolrun/turn.py",
        "Below 95%: toolrun/*.py, toolrun/store/. Test those branches, or remove them.",
    ]


def test_commands_and_boxes_are_left_out(tmp_path: Path) -> None:
    file = report(tmp_path, cli__main=(0, 9), sandbox__inside__first=(0, 9), sandbox__box=(9, 9))
    assert list(by_module(json.loads(file.read_bytes()))) == ["toolrun/sandbox/box.py"]


@pytest.mark.parametrize("files", [{}, {"/elsewhere/toolrun/turn.py": {}}])
def test_a_report_of_something_else_is_no_success(tmp_path: Path, files: dict[str, Any]) -> None:
    file = tmp_path / "coverage.json"
    file.write_text(json.dumps({"files": files}))
    assert main(file) == 1
