"""Does `toolrun trace view` do what a person types?"""

from __future__ import annotations

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
