"""Do real shells complete commands, options and values, and is the manual a page that they show?"""

from __future__ import annotations

import os
import pty
import select
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import toolrun
from toolrun.cli.shells.__main__ import made
from toolrun.cli.shells.scripts import bash, fish, zsh
from toolrun.cli.shells.tree import Command, Option

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(toolrun.__file__).parent / "cli" / "shells"
LINES = (
    ("toolrun ", {"run", "chat", "sessions", "completion"}),
    ("toolrun tr", {"trace"}),
    ("toolrun --config x tr", {"trace"}),
    ("toolrun run --eff", {"--effort"}),
    ("toolrun run --effort ", {"low", "medium", "high"}),
    ("toolrun run --effort=l", {"low"}),
    ("toolrun run --profile py", {"python"}),
    ("toolrun run --tools pyth", {"python"}),
    ("toolrun run --tools files,pyth", {"files,python"}),
    ("toolrun run check --limits-st", {"--limits-steps"}),
    ("toolrun sandbox show py", {"python"}),
    ("toolrun completion f", {"fish"}),
    ("toolrun run --output sch", {"schema one.json"}),
    ("toolrun sessions show ber", {"berlin-1"}),
    ("toolrun run --resume ber", {"berlin-1"}),
)
"""What is typed, and what is offered, among others where there are several."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program `toolrun`, a file, and a store whose sessions have hostile names."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "toolrun"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m toolrun "$@"\n')
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    (work / "schema one.json").write_text("{}")
    store = tmp_path / "state" / "toolrun" / "sessions.db"
    store.parent.mkdir(parents=True)
    with sqlite3.connect(store) as database:
        database.execute("CREATE TABLE sessions (id TEXT, title TEXT, updated REAL)")
        rows = [
            ("berlin-1", "How warm\x1b[2J\tis it?\n", 2.0),
            ("ber$(touch pwned)", "x", 1.0),
            ("ber`touch pwned`", "x", 1.0),
            ("--yes", "x", 1.0),
        ]
        database.executemany("INSERT INTO sessions VALUES (?, ?, ?)", rows)
    return work


@pytest.fixture
def env(folder: Path) -> dict[str, str]:
    root = folder.parent
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TOOLRUN_")}
    return kept | {
        "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(HOME.parent.parent.parent),
        "XDG_STATE_HOME": str(root / "state"),
        "XDG_CONFIG_HOME": str(root / "config"),
        "XDG_DATA_HOME": str(root / "data"),
        "HOME": str(root),
        "LC_ALL": "C.UTF-8",
    }


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("TOOLRUN_NEED_SHELLS"):
            pytest.fail(f"{name} is not here; .ci/run installs it")
        pytest.skip(f"needs {name}; `.ci/run` installs it")
    return found


BASH = r"""
source "$1"
while IFS= read -r line; do
  read -ra COMP_WORDS <<<"${line/=/ = }"
  [[ $line == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _toolrun
  printf '%s\x1f' "${COMPREPLY[@]}"
  echo
done
"""


@pytest.mark.load
def test_bash_completes(folder: Path, env: dict[str, str]) -> None:
    typed = "".join(f"{line}\n" for line, _ in LINES)
    done = subprocess.run(
        [shell("bash"), "--norc", "-c", BASH, "bash", HOME / "toolrun.bash"],
        input=typed, env=env, cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    offered = [set(line.split("\x1f")) - {""} for line in done.stdout.splitlines()]
    for (line, expected), found in zip(LINES, offered, strict=True):
        assert expected <= found, (line, found)
        assert len(expected) > 1 or found == expected, (line, found)
    assert not (folder / "pwned").exists()


@pytest.mark.load
def test_fish_completes(folder: Path, env: dict[str, str]) -> None:
    script = "source $argv[1]; while read -l line; echo \\x1d; complete -C $line; end"
    typed = "".join(f"{line}\n" for line, _ in LINES)
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", script, HOME / "toolrun.fish"],
        input=typed, env=env, cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    parts = done.stdout.split("\x1d\n")[1:]
    for (line, expected), part in zip(LINES, parts, strict=True):
        found = {each.partition("\t")[0].replace("\\ ", " ") for each in part.splitlines()}
        found = {each.removeprefix("--effort=") for each in found}
        assert expected <= found, (line, found)
        assert len(expected) > 1 or found == expected, (line, found)
    assert not (folder / "pwned").exists()


class Zsh:
    """A zsh at a terminal, whose keys are pressed."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        words = [shell("zsh"), "-f", "-i"]
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            os.chdir(folder)
            os.execve(words[0], words, env | {"TERM": "dumb", "PS1": "", "COLUMNS": "200"})
        self._seen = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def shows(self, text: str, seconds: float = 20) -> str:
        deadline = time.monotonic() + seconds
        while text not in self._seen:
            assert time.monotonic() < deadline, f"{text!r} is not in {self._seen!r}"
            if select.select([self._terminal], [], [], 0.1)[0]:
                self._seen += os.read(self._terminal, 65_536).decode(errors="replace")
        before, _, self._seen = self._seen.partition(text)
        return before

    def close(self) -> None:
        os.close(self._terminal)
        os.waitpid(self._pid, 0)


@pytest.fixture
def interactive(folder: Path, env: dict[str, str]) -> Iterator[Zsh]:
    made = Zsh(folder, env)
    yield made
    made.close()


SHOWN = "show() { zle -I; print -r -- \"<<$BUFFER>>\"; BUFFER=; }; zle -N show; bindkey '^G' show"


@pytest.mark.load
def test_zsh_completes(interactive: Zsh, folder: Path) -> None:
    read = f"autoload -U compinit && compinit -u -D && source {HOME / 'toolrun.zsh'}"
    interactive.type(f"{read}; {SHOWN}; echo rea''dy\n")
    interactive.shows("ready")
    for line, expected in LINES:
        if len(expected) > 1:
            continue
        (word,) = expected
        begun = line[: line.rfind(" ") + 1]
        begun += "--effort=" if "=" in line else ""
        interactive.type(f"{line}\t\x07")
        interactive.shows("<<")
        whole = interactive.shows(">>")
        assert whole.rstrip() == begun + word.replace(" ", "\\ "), line
    assert not (folder / "pwned").exists()


def test_what_ships_is_made_of_the_commands_as_they_are() -> None:
    for name, text in made().items():
        assert (HOME / name).read_text() == text, f"{name} is old: python -m toolrun.cli.shells"


def test_no_text_of_a_command_is_more_than_a_text_to_a_shell(tmp_path: Path) -> None:
    nasty = 'it\'s `touch pwned` $(touch pwned) "x" \\ [a:b]; touch pwned'
    option = Option(("--an-option",), "text", nasty)
    found = [Command((), nasty, (option,), (), ("sub",)), Command(("sub",), nasty, (option,))]
    for name, script in (("bash", bash), ("zsh", zsh), ("fish", fish)):
        file = tmp_path / name
        file.write_text(script(found, ["pure"], ["python"]))
        command = (
            f"autoload -U compinit; compinit -u -D; source {file}"
            if name == "zsh"
            else f"source {file}"
        )
        flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
        done = subprocess.run(
            [shell(name), *flags, "-c", command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), name
    assert not (tmp_path / "pwned").exists()


def test_the_manual_is_a_page_without_faults() -> None:
    page = HOME / "toolrun.1"
    linted = subprocess.run(
        [shell("mandoc"), "-T", "lint", "-W", "warning", page],
        capture_output=True,
        text=True,
        check=False,
    )
    faults = [each for each in linted.stdout.splitlines() if "missing date" not in each]
    assert faults == [], "but for the date, which would change the page with each release"
    shown = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=78", page], capture_output=True, text=True, check=True
    )
    plain = "".join(shown.stdout.split("\b")) if "\b" not in shown.stdout else _plain(shown.stdout)
    for text in ("NAME", "toolrun sandbox run", "--limits-tool-calls", "EXIT STATUS", "130"):
        assert text in plain


def _plain(shown: str) -> str:
    """A page without what prints letters twice."""
    kept: list[str] = []
    for each in shown:
        if each == "\b":
            kept.pop()
        else:
            kept.append(each)
    return "".join(kept)


def test_nothing_is_offered_where_no_store_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolrun.cli.shells.values import session_lines

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert session_lines() == []
    (tmp_path / "toolrun").mkdir()
    (tmp_path / "toolrun" / "sessions.db").write_bytes(b"no database at all" * 100)
    assert session_lines() == []
    assert list((tmp_path / "toolrun").iterdir()) == [tmp_path / "toolrun" / "sessions.db"]


def test_a_title_is_one_line_that_no_terminal_obeys(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolrun.cli.shells.values import session_lines

    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent / "state"))
    assert session_lines() == ["berlin-1\tHow warm\u241b[2J is it?"]
