"""Does the prompt stand at once, where it should, and what becomes of what is wrong?"""

from __future__ import annotations

import os
import sys
import tty
from pathlib import Path

import pytest

from tests.rig.teletype import Teletype
from toolrun.cli.chat import beginning
from toolrun.cli.chat.terminal import history
from toolrun.cli.chat.terminal.history import Shared
from toolrun.cli.chat.terminal.picking import ago
from toolrun.cli.chat.terminal.reading import keyboard

_PROMPT = "\u276f"


@pytest.mark.parametrize(
    ("arguments", "term", "begins"),
    [
        (["chat"], "xterm", True),
        (["chat", "--model", "m"], "xterm", True),
        (["chat"], "dumb", False),
        (["chat"], "", False),
        (["chat", "--help"], "xterm", False),
        (["chat", "--screen-reader"], "xterm", False),
        (["run", "chat"], "xterm", False),
        ([], "xterm", False),
    ],
)
def test_a_prompt_is_drawn_at_once_only_for_a_conversation_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], term: str, *, begins: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert beginning.begins(arguments) is begins


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_no_prompt_is_drawn_where_one_end_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for each in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{each}.isatty", lambda there=each: there != stream, raising=False)
    assert not beginning.begins(["chat"])


def test_a_wrong_option_takes_the_prompt_away_and_leaves_the_terminal_as_it_was(
    tmp_path: Path,
) -> None:
    root = str(Path(beginning.__file__).parents[3])
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": root}
    command = (sys.executable, "-m", "toolrun", "chat", "--modle", "m")
    with Teletype(command, env=env, folder=tmp_path) as terminal:
        terminal.until(_PROMPT)
        since = len(terminal.seen)
        terminal.until("See toolrun chat --help.", since=since)
        after = bytes(terminal.seen[since:])
    assert b"--modle" in after
    assert after.rindex(b"\x1b[?2004l") < after.index(b"--modle")  # no bracketed paste any more


def test_what_draws_the_prompt_imports_neither_what_reads_options_nor_what_asks_servers() -> None:
    import subprocess

    code = "import sys, toolrun.cli.chat.terminal.face; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    there = set(done.stdout.split())
    late = {"cyclopts", "msgspec", "structlog", "sqlalchemy", "openai", "aiohttp", "rich", "anyio"}
    assert "prompt_toolkit" in there
    assert not there & late


def test_terminals_share_what_was_typed_and_the_newest_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one, other = Shared(), Shared()
    assert [list(each.load_history_strings()) for each in (one, other)] == [[], []]
    one.append_string("first\nof two lines")
    other.append_string("second")
    one.append_string("first\nof two lines")

    assert list(Shared().load_history_strings()) == ["first\nof two lines", "second"]
    assert (tmp_path / "toolrun" / "chat-history").stat().st_mode & 0o077 == 0


def test_of_a_long_history_the_end_is_read_and_a_long_entry_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(history, "_NEWEST", 500)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kept = Shared()
    list(kept.load_history_strings())
    for number in range(100):
        kept.store_string(f"entry {number}")
    kept.store_string("x" * 100_000)

    found = list(Shared().load_history_strings())
    assert found[:2] == ["entry 99", "entry 98"]
    assert 5 < len(found) < 20
    assert all(each.startswith("entry ") for each in found)


def test_a_history_that_cannot_be_kept_is_remembered_by_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "toolrun").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kept = Shared()
    assert list(kept.load_history_strings()) == []
    kept.append_string("typed")
    assert kept.get_strings() == ["typed"]


def test_keys_are_read_as_far_as_they_are_there_and_what_is_no_text_is_shown_as_that() -> None:
    out, into = os.openpty()
    tty.setraw(into)
    try:
        with os.fdopen(into, encoding="utf-8") as stdin, pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", stdin)
            os.write(out, b"caf\xe9 " + b"x" * 3_000)
            text = "".join(each.data for each in keyboard().read_keys())
            assert text == "caf\ufffd " + "x" * 3_000
    finally:
        os.close(out)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (5, "just now"),
        (300, "5 min ago"),
        (7300, "2 h ago"),
        (90_000, "1 d ago"),
        (9e6, "14 w ago"),
    ],
)
def test_times_are_said_in_few_words(passed: float, words: str) -> None:
    assert ago(1e9, 1e9 + passed) == words
