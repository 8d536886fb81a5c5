"""Do the tests of docs/examples/testing pass for a user who copies them, and record anew?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.rig.prompter import saying
from tests.rig.scripts import analysis, call, final
from tests.rig.versions import REPOSITORY
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.server import VllmServer

EXAMPLE: Final = REPOSITORY / "docs/examples/testing"
SAID: Final[dict[str, list[str]]] = {
    "Order 7 came broken": [
        analysis("I have to see the order first.") + call("find_order", '{"number":7}'),
        analysis("A lamp of 40 EUR, delivered three days ago. The rules say how much.")
        + call("refundable", '{"price":40.0,"days":3}'),
        analysis("All of it. I pay it back.") + call("refund", '{"order":7,"amount":40.0}'),
        analysis("It is done.") + final("I am sorry. 40 EUR for the lamp are on their way to you."),
    ],
    "sofa of order 8": [
        analysis("I look the order up.") + call("find_order", '{"number":8}'),
        call("refundable", '{"price":900.0,"days":5}'),
        analysis("All of it.") + call("refund", '{"order":8,"amount":900.0}'),
        analysis("I may not do that by myself, and say so.")
        + final("You may give the sofa back. A colleague pays the 900 EUR back to you by hand."),
    ],
    "What is this letter about": [
        analysis("He waits for a delivery, and is angry.")
        + final('{"topic":"delivery","urgent":true}')
    ],
    "rug of order 9": [
        analysis("A question only.") + call("find_order", '{"number":9}'),
        analysis("Delivered 20 days ago: half of it, but nobody asked for that.")
        + final("The rug of order 9 was delivered 20 days ago."),
    ],
    "order 12": [
        call("find_order", '{"number":12}'),
        analysis("There is none.") + final("I find no order 12. May I have its number again?"),
    ],
}


def copied(folder: Path) -> Path:
    """The example as a user has it, without what is about this repository."""
    copy = folder / "desk"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return copy


def run(folder: Path, *args: str, url: str = "http://127.0.0.1:9/v1") -> str:
    """Run its tests with the toolrun that is installed here."""
    ours = ("TOOLRUN_", "PYTEST_", "COV_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args],
        cwd=folder,
        env=env | {"TOOLRUN_BASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def recorded_traces(said: str) -> list[str]:
    section = said.partition("= traces recorded =")[2].splitlines()[1:]
    return [line for line in section if line.endswith(".jsonl")]


@pytest.mark.load
def test_a_copy_passes_without_a_server(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*.jsonl")}
    said = run(folder)

    assert re.search(r"^=+ 5 passed in ", said, re.MULTILINE)
    assert "no test uses" not in said
    assert {path: path.read_bytes() for path in folder.rglob("*.jsonl")} == before


def test_the_traces_say_nothing_of_where_they_were_recorded() -> None:
    for path in EXAMPLE.rglob("*.jsonl"):
        assert str(REPOSITORY).encode() not in path.read_bytes()
        assert b"18032" not in path.read_bytes()
        assert read_trace(path, check=True).events


def test_a_copy_records_anew_from_a_real_server_and_replays_that(
    vllm32: VllmServer, tmp_path: Path
) -> None:
    folder = copied(tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*.jsonl")}
    with saying(vllm32.root, SAID) as url:
        recorded = run(folder, "--trace-mode=refresh", url=url)
        # Of what is there, nothing is recorded again; what is missing is.
        (folder / "traces/triage.jsonl").unlink()
        added = run(folder, "--trace-mode=record", url=url)
    replayed = run(folder)

    names = sorted(path.relative_to(folder).as_posix() for path in before)
    assert recorded_traces(recorded) == names
    assert recorded_traces(added) == ["traces/triage.jsonl"]
    assert re.search(r"^=+ 5 passed in ", replayed, re.MULTILINE)
    assert all(path.read_bytes() != old for path, old in before.items())
