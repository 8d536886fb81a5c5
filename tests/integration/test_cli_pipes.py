"""Does the command hold where nobody is: pipes, CI, plain terminals, closed ends, other locales?

Each case is a process, with the mock as its server.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import toolrun
from tests.rig.mock import Call, Step
from tests.unit.cli.work import fill

if TYPE_CHECKING:
    from tests.rig.mock import MockServer

pytestmark = pytest.mark.load  # a process for each case

ROOT: Final = str(Path(toolrun.__file__).parent.parent)
ESCAPE: Final = "\x1b"
SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
LOCALES: Final = [
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path)
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    return tmp_path


@pytest.fixture
def env(folder: Path, mock: MockServer) -> dict[str, str]:
    drop = ("TOOLRUN_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI", "TERM", "LC_", "LANG")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(drop)}
    return kept | {
        "PYTHONPATH": ROOT,
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_STATE_HOME": str(folder / "state"),
        "TOOLRUN_BASE_URL": mock.url,
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm-256color",
    }


def typed(
    folder: Path, env: dict[str, str], *words: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toolrun", *words],
        input=stdin, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def at_terminal(
    folder: Path, env: dict[str, str], *words: str, columns: int = 80, until: str = ""
) -> tuple[int, str]:
    """The exit code, and all that a terminal of so many columns was sent."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "toolrun", *words], env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen, deadline, left = "", time.monotonic() + 60, not until
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            seen += os.read(terminal, 65_536).decode(errors="replace")
            if not left and until in seen:
                os.write(terminal, b"/exit\r")
                left = True
    except OSError:  # what was behind the terminal has ended
        pass
    finally:
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen


@pytest.mark.parametrize("locale", LOCALES, ids=["utf8", "c"])
@pytest.mark.parametrize("more", [{}, {"CI": "true"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_question_from_a_pipe_has_its_answer_on_stdout_and_the_rest_on_stderr(
    folder: Path,
    env: dict[str, str],
    mock: MockServer,
    locale: dict[str, str],
    more: dict[str, str],
) -> None:
    mock.script(Step("Hm \x1b[31m.", "Caf\u00e9 \x1b]0;t\x07."))
    done = typed(folder, env | locale | more, "run", "-", stdin="How many?\n")
    assert done.returncode == 0, done.stderr
    assert ESCAPE not in done.stdout + done.stderr
    assert "\x07" not in done.stdout
    plain = "Caf\u00e9 \u241b]0;t\u2407." if "UTF-8" in locale["LC_ALL"] else "Caf\\xe9 "
    assert done.stdout.startswith(plain)
    assert done.stdout.count("\n") == 1
    assert "Hm" in done.stderr
    assert "1 step, 0 calls" in done.stderr
    assert mock.bodies()[0]["messages"][-1]["content"].strip() == "How many?"


@pytest.mark.parametrize("locale", LOCALES, ids=["utf8", "c"])
def test_chat_answers_a_pipe_line_by_line(
    folder: Path, env: dict[str, str], locale: dict[str, str]
) -> None:
    lines = "[[script:final]] one\n\n[[script:final]] two\n"
    done = typed(folder, env | locale, "chat", stdin=lines)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ESCAPE not in done.stdout
    assert done.stdout.count("Hello there, friend!\n") == 2


def test_colours_can_be_asked_for_where_there_is_no_terminal(
    folder: Path, env: dict[str, str], mock: MockServer
) -> None:
    mock.script(Step("Hm.", "Yes."))
    done = typed(folder, env | {"FORCE_COLOR": "1"}, "run", "hi")
    assert f"{ESCAPE}[2;3m" in done.stderr
    mock.script(Step("Hm.", "Yes."))
    done = typed(folder, env | {"FORCE_COLOR": "1", "NO_COLOR": "1"}, "run", "hi")
    assert ESCAPE not in done.stderr


@pytest.mark.parametrize(
    ("more", "columns", "coloured"),
    [({}, 80, True), ({"NO_COLOR": "1"}, 40, False), ({"TERM": "dumb"}, 40, False)],
)
def test_at_a_terminal_run_is_coloured_where_it_may_and_fits(
    folder: Path,
    env: dict[str, str],
    mock: MockServer,
    more: dict[str, str],
    columns: int,
    coloured: bool,  # noqa: FBT001 - a row of a table
) -> None:
    mock.script(Step("I think about it for a while, as one does. " * 4, "It is four words long."))
    code, seen = at_terminal(folder, env | more, "run", "hi", columns=columns)
    assert code == 0
    assert (f"{ESCAPE}[2;3m" in seen) is coloured
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert "It is four words long." in " ".join(plain.split())
    if "TERM" not in more:
        assert max(map(len, plain.replace("\r", "").split("\n"))) <= columns


def test_a_dumb_terminal_has_a_chat_without_escapes(folder: Path, env: dict[str, str]) -> None:
    code, seen = at_terminal(
        folder, env | {"TERM": "dumb"}, "chat", "--no-store", columns=40, until="/help lists"
    )
    assert code == 0
    assert "[2J" not in seen
    assert f"{ESCAPE}]" not in seen
    assert f"{ESCAPE}[3" not in seen


def test_a_screen_that_is_read_aloud_has_words_in_place_of_glyphs(
    folder: Path, env: dict[str, str]
) -> None:
    code, seen = at_terminal(
        folder, env, "chat", "--no-store", "--screen-reader", until="/help lists"
    )
    assert code == 0
    assert "note: /help lists" in seen
    assert "you: " in seen
    assert "\u2014" not in seen


def test_json_is_an_event_a_line_and_nothing_else(
    folder: Path, env: dict[str, str], mock: MockServer
) -> None:
    mock.script(Step("Hm.", "Yes \x1b[2J \u202e."))
    done = typed(folder, env, "run", "-", "--json", stdin="hi")
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["type"] == "SessionOpened"
    assert events[-1]["type"] == "TurnFinished"
    assert ESCAPE not in done.stdout
    assert "\u202e" not in done.stdout
    assert done.stderr == ""


def test_an_answer_that_fits_a_schema_is_one_value_that_jq_can_read(
    folder: Path, env: dict[str, str], mock: MockServer
) -> None:
    mock.script(Step("So.", '{"city": "Berlin"}'))
    done = typed(folder, env, "run", "-", "--output", "schema.json", stdin="Where?")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"city": "Berlin"}), done.stderr


SEND: Final = Step("Hm.", tool_calls=(Call("send", '{"text":"x"}'),))
TOOLS: Final = ("--tools", "my_tools.py")
CODES: Final = [
    ((Step(None, "Yes."),), ("run", "-"), 0),
    (tuple(Step(None, "no") for _ in range(8)), ("run", "-", "--output", "schema.json"), 1),
    ((), ("run", "-", "--efort", "low"), 2),
    ((SEND, SEND), ("run", "-", *TOOLS, "--approve", "all", "--limits-steps", "1"), 3),
    ((SEND, Step(None, "No.")), ("run", "-", *TOOLS, "--approve", "none"), 4),
    ((), ("run", "-", "--base-url", "http://127.0.0.1:9/v1"), 5),
    ((SEND,), ("run", "-", *TOOLS), 6),
]


@pytest.mark.parametrize(("steps", "words", "code"), CODES, ids=[str(each[2]) for each in CODES])
def test_each_end_has_its_code(
    folder: Path,
    env: dict[str, str],
    mock: MockServer,
    steps: tuple[Step, ...],
    words: tuple[str, ...],
    code: int,
) -> None:
    if steps:
        mock.script(*steps)
    done = typed(folder, env, *words, stdin="go\n")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout == "") is (code not in (0, 4))


@pytest.mark.parametrize("words", [("run", "hi"), ("run", "-"), ("chat", "--no-store")])
@pytest.mark.parametrize("end", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_end_is_no_traceback_and_does_not_hang(
    folder: Path, env: dict[str, str], words: tuple[str, ...], end: str
) -> None:
    command = f'exec "$@" {end}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-m", "toolrun", *words],
        input="[[script:final]] hi\n", env=env, cwd=folder, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "This is a bug" not in done.stderr
    assert done.returncode in (0, 1, 2)
    if end == "2>&-" and words != ("run", "hi"):
        assert "Hello there, friend!" in done.stdout
