"""Does `toolrun trace view` do what a person types?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.trace.journals import ONE_CALL, written

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Typed


def test_the_command_writes_a_page_and_says_where(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(typed.folder / "t.jsonl", ONE_CALL)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("tempfile.tempdir", str(typed.folder))

    done = typed("trace", "view", "t.jsonl", "-o", "t.html", DISPLAY=":0")
    assert (done.returncode, done.stdout, opened) == (0, "t.html\n", [])
    done = typed("trace", "view", "t.jsonl", DISPLAY=":0")
    assert done.returncode == 0
    assert opened == [f"file://{done.stdout.strip()}"]
    done = typed("trace", "view", ".", "-o", "out")
    assert (done.returncode, done.stdout) == (0, "out/index.html\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.jsonl",), "there is no trace and no folder nothing.jsonl"),
        (("notes", "-o", "x"), "there is no trace in notes"),
        (("notes", "--serve", "-o", "x"), "--serve writes nothing"),
        (("notes", "--port", "1"), "--port is for --serve"),
    ],
)
def test_the_command_says_what_does_not_fit(
    typed: Typed, words: tuple[str, ...], said: str
) -> None:
    done = typed("trace", "view", *words)

    assert done.returncode == 2
    assert said in done.stderr


def test_the_name_of_a_trace_moves_no_terminal(typed: Typed) -> None:
    folder = typed.folder / "theirs"
    folder.mkdir()
    bad = folder / "\x1b]0;title\x07\x9b2J.jsonl"
    bad.write_text('{"type":"TraceHeader","format":99,"toolrun":"1","session":"s","created":1}\n')

    done = typed("trace", "view", "theirs", "-o", "out")
    checked = typed("replay", "--check", "--json", "theirs")

    assert (done.returncode, checked.returncode) == (1, 1)
    assert "has format 99" in done.stderr
    assert [char for char in done.stderr + checked.stdout if char in "\x1b\x07\x9b"] == []
    assert json.loads(checked.stdout)["traces"][0]["file"].endswith("\x9b2J.jsonl")
