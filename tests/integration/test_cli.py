"""Does the command hold as a process: pipes, signals, locales, and keys in a real terminal?"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import toolrun
from tests.integration.pane import Pane
from tests.rig.mock import Call, Step
from tests.unit.cli.work import PROMPT, READING, counting, fill, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.mock import MockServer

ROOT = str(Path(toolrun.__file__).parent.parent)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path)
    return tmp_path


@pytest.fixture
def env(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TOOLRUN_")}
    return kept | {
        "PYTHONPATH": ROOT,
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_STATE_HOME": str(folder / "state"),
        "PYTHONUTF8": "1",
    }


@pytest.fixture
def typed(folder: Path, env: dict[str, str], mock: MockServer) -> Typed:
    return Typed(folder, {**env, "TOOLRUN_BASE_URL": mock.url})


class Typed:
    """Runs command lines in a folder."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = env

    def __call__(
        self, *words: str, stdin: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "toolrun", *words],
            input=stdin,
            env=self.env | env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "toolrun", *words],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            cwd=self.folder,
            text=True,
        )


def test_run_gives_the_answer_on_stdout_and_the_rest_on_stderr(
    typed: Typed, mock: MockServer
) -> None:
    counting(mock)
    done = typed("run", "How many words?", *READING)
    assert done.returncode == 0
    assert done.stdout == "There are 4.\n"
    lines = done.stderr.splitlines()
    assert lines[:-1] == [
        "  ┊ I should count.",
        "  » I will count.",
        '  ▶ word_count(path="notes.md")  [sandbox workspace-ro]',
        "    │ counting ␛[2J notes.md",
        lines[4],
        "  ┊ The tool has counted.",
    ]
    assert re.fullmatch(r"  ◀ word_count \(\d\.\d\d s\): 4", lines[4])
    assert lines[-1].startswith("— 2 steps, 1 call, ")
    sent = mock.bodies()
    assert sent[0]["messages"][-1] == {"role": "user", "content": "How many words?"}
    assert sent[1]["messages"][-2]["reasoning"] == "I should count."


@pytest.mark.parametrize(
    ("sent", "state"),
    [
        pytest.param(signal.SIGINT, "sampling", marks=pytest.mark.load),
        pytest.param(signal.SIGTERM, "sampling", marks=pytest.mark.load),
        (signal.SIGINT, "tool"),
    ],
)
def test_ctrl_c_cancels_the_turn(
    typed: Typed, mock: MockServer, sent: signal.Signals, state: str
) -> None:
    if state == "sampling":
        mock.script(Step("Slow. " * 50, "Hello.", chunk_delay_s=0.1, chunks_per_write=1))
    else:
        mock.script(Step("Hm.", tool_calls=(Call("wait", '{"seconds":60}'),)))
    with typed.start("run", "hi", "--tools", "my_tools.py:wait", "--trace", "t.jsonl") as process:
        assert process.stderr is not None
        process.stderr.read(6)  # reasoning has come
        trace = typed.folder / "t.jsonl"
        awaited = "ToolCallStarted" if state == "tool" else "UserMessage"
        until(lambda: trace.exists() and f'"{awaited}"' in trace.read_text())
        process.send_signal(sent)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "! cancelled" in err
    assert "Traceback" not in err
    until(lambda: mock.running() == 0)
    replayed = typed("replay", "t.jsonl", "--quiet")
    assert replayed.returncode == 0, replayed.stdout


@pytest.mark.parametrize(
    ("sent", "code"),
    [(signal.SIGINT, 0), pytest.param(signal.SIGTERM, 130, marks=pytest.mark.load)],
)
def test_a_signal_ends_a_chat_that_waits_for_a_pipe(
    typed: Typed, sent: signal.Signals, code: int
) -> None:
    with typed.start("chat", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        while "/help lists" not in process.stdout.readline():
            pass
        process.send_signal(sent)
        assert process.wait(20) == code


@pytest.mark.load
def test_a_signal_between_two_lines_ends_a_chat_at_a_terminal(pane: Pane) -> None:
    pane.shows(PROMPT)
    pane.signal(signal.SIGINT)
    pane.shows("Ctrl-C once more leaves")
    pane.signal(signal.SIGTERM)
    pane.shows("ended with 130")


@pytest.mark.load
def test_a_reader_that_goes_away_is_no_error(typed: Typed, mock: MockServer) -> None:
    mock.script(Step(None, "word " * 50_000))
    with typed.start("run", "hi") as process:
        assert process.stdout is not None
        assert process.stdout.read(10) == "word word "
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_help_is_quick_and_lists_the_commands(typed: Typed) -> None:
    code = (
        "import sys; from toolrun.cli.app import command; code = command(['--help']);"
        "late = {'openai', 'jsonschema', 'structlog', 'prompt_toolkit', 'pydantic', 'anyio'};"
        "sys.exit(f'imported: {late & set(sys.modules)}' if late & set(sys.modules) else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=typed.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in ("run", "chat", "replay", "demo", "init", "tools"):
        assert re.search(rf"│ {name} ", done.stdout)
    assert typed("--version").stdout.strip() == toolrun.__version__


def test_it_works_in_a_c_locale(typed: Typed, mock: MockServer) -> None:
    mock.script(Step("Naïve.", "Café ☕ 日本."))
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = typed("run", "hi", **env)
    assert (done.returncode, done.stdout) == (0, "Caf\\xe9 \\u2615 \\u65e5\\u672c.\n")
    assert done.stderr.startswith("  : Na\\xefve.\n-- 1 step")


@pytest.fixture
def pane(folder: Path, env: dict[str, str], mock: MockServer) -> Iterator[Pane]:
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux to press keys in; `.ci/run` installs it")
    words = ("chat", "--base-url", mock.url, "--tools", "my_tools.py")
    pane = Pane(folder, env | {"LC_ALL": "C.UTF-8"}, *words)
    yield pane
    pane.close()


@pytest.mark.load
def test_chat_keeps_the_partial_text_of_a_turn_that_ctrl_c_stops(
    pane: Pane, mock: MockServer
) -> None:
    mock.script(
        Step("Hm.", "alpha beta gamma " * 40, chunk_delay_s=0.1, chunks_per_write=1), name="slow"
    )
    pane.shows(PROMPT)
    pane.say("[[script:slow]] go")
    pane.shows("alpha beta")
    pane.press("C-c")
    pane.shows("! cancelled")
    assert "alpha beta" in pane.screen()
    until(lambda: mock.running() == 0)
    pane.say("[[script:final]]")
    pane.shows("Hello there, friend!")
    pane.press("C-d")
    pane.shows("ended with 0")


def test_chat_stops_a_tool_with_ctrl_c_and_leaves_with_two(pane: Pane, mock: MockServer) -> None:
    mock.script(Step("Hm.", tool_calls=(Call("wait", '{"seconds":60}'),)), name="wait")
    pane.shows(PROMPT)
    pane.say("[[script:wait]] go")
    pane.shows("▶ wait(seconds=60")
    pane.press("C-c")
    pane.shows("✗ wait (cancelled")
    pane.say("[[script:final]]")
    pane.shows("Hello there, friend!")
    pane.type("half a line")
    pane.shows("half a line")
    pane.press("C-c")  # drops the line
    pane.press("C-c")
    pane.shows("Ctrl-C once more leaves")
    pane.press("C-c")
    pane.shows("ended with 0")


def test_chat_asks_before_a_call_that_waits(pane: Pane, mock: MockServer, folder: Path) -> None:
    send = Step("Hm.", tool_calls=(Call("send", '{"text":"hi"}'),))
    mock.script(send, Step(None, "First done."), name="send")
    pane.shows(PROMPT)
    pane.say("[[script:send]] one")
    pane.shows("send would run TRUSTED")
    pane.shows("y  yes")  # what is typed before that is no answer
    pane.say("not now")
    pane.shows("the user denied it: not now")
    pane.shows("First done.")
    mock.script(send, Step(None, "Second done."), name="send2")
    pane.say("[[script:send2]] two")
    until(lambda: pane.screen().count("would run") == 2)
    pane.shows("y  yes")
    pane.say("y")
    pane.shows("sent hi")
    pane.shows("Second done.")
    history = (folder / "state" / "toolrun" / "chat-history").read_text()
    assert "[[script:send]] one" in history
    assert "not now" not in history


@pytest.mark.load
def test_run_asks_a_person_before_a_call_that_waits(
    folder: Path, env: dict[str, str], mock: MockServer
) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux to press keys in; `.ci/run` installs it")
    mock.script(
        Step("Hm.", tool_calls=(Call("send", '{"text":"hi"}'),)),
        Step("Again.", tool_calls=(Call("send", '{"text":"all"}'),)),
        Step(None, "Both done."),
    )
    words = ("run", "go", "--base-url", mock.url, "--tools", "my_tools.py", ">", "answer.txt")
    pane = Pane(folder, env | {"LC_ALL": "C.UTF-8"}, *words)
    try:
        pane.shows("run send?")
        pane.say("e")
        pane.shows('? {"text": "hi"}')
        pane.press("BSpace", "BSpace")
        pane.say(' there"}')
        pane.shows("sent hi there")
        until(lambda: pane.screen().count("run send?") == 2)
        pane.say("not to all")
        pane.shows("ended with 4")
        assert "parked" not in pane.screen()
        assert (folder / "answer.txt").read_text() == "Both done.\n"
        assert "the user denied it: not to all" in mock.bodies()[2]["messages"][-1]["content"]
    finally:
        pane.close()


@pytest.mark.load
def test_chat_takes_back_a_preamble_and_shows_it_as_one(pane: Pane, mock: MockServer) -> None:
    text = "I will look that up for you, which takes a moment, since it is wider than the pane."
    call = Call("wait", '{"seconds":0}')
    mock.script(
        Step("Hm.", text, tool_calls=(call,), chunk_delay_s=0.02), Step(None, "Done."), name="p"
    )
    pane.shows(PROMPT)
    pane.say("[[script:p]] go")
    pane.shows("Done.")
    lines = [line for line in pane.screen().splitlines() if line.startswith("  » ")]
    assert len(lines) == 2
    assert " ".join(line.removeprefix("  » ") for line in lines) == text
    assert pane.screen().count("I will look") == 1
