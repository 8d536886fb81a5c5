"""Does a command in a box behave as one outside: as it comes, to the byte, until Ctrl-C?"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import toolrun
from tests.unit.cli.work import until

BOX = (sys.executable, "-m", "toolrun", "sandbox", "run", "pure", "--")


@pytest.fixture
def env() -> dict[str, str]:
    root = str(Path(toolrun.__file__).parent.parent)
    return os.environ | {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


def start(env: dict[str, str], *words: str, **streams: Any) -> subprocess.Popen[bytes]:
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **streams}
    return subprocess.Popen(words, env=env, cwd=env["TMPDIR"], **streams)


def test_streams_are_passed_on_as_they_come_and_to_the_byte(env: dict[str, str]) -> None:
    rest = bytes(range(256)) * 500 + "ä\ufffd".encode() + b"\xc3"
    with start(env, *BOX, "sh", "-c", "cat; exit 5") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for word in (b"one\n", b"two\n"):
            process.stdin.write(word)
            process.stdin.flush()
            assert process.stdout.readline() == word
        out, _ = process.communicate(rest, timeout=30)
    assert (out, process.returncode) == (rest, 5)


def test_a_terminal_obeys_no_box_and_ctrl_c_ends_it(env: dict[str, str]) -> None:
    mark = f"sleep 6{os.getpid()}"
    ours, theirs = pty.openpty()
    try:
        script = f"printf '\\033[2Jup\\n'; {mark} & wait"
        with start(env, *BOX, "sh", "-c", script, stdout=theirs) as process:
            assert os.read(ours, 100).decode() == "␛[2Jup\r\n"
            until(lambda: running(mark))
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
    finally:
        os.close(ours)
        os.close(theirs)
    until(lambda: not running(mark))


def running(command: str) -> bool:
    words = command.encode().split()
    for entry in Path("/proc").iterdir():
        try:
            if (entry / "cmdline").read_bytes().split(b"\0")[:-1] == words:
                return True
        except OSError:
            continue
    return False


def test_a_file_on_stdin_cannot_be_written(env: dict[str, str], tmp_path: Path) -> None:
    code = """
try:
    open("/proc/self/fd/0", "w").write("changed")
finally:
    print("tried")
"""
    file = tmp_path / "file"
    changed = []
    for way in ((sys.executable,), (*BOX, "python3")):
        file.write_text("as it was")
        file.chmod(0o666)
        with (
            file.open() as stdin,
            start(env, *way, "-c", code, stdin=stdin, stderr=subprocess.DEVNULL) as process,
        ):
            out, _ = process.communicate(timeout=30)
        assert out == b"tried\n"
        changed.append(file.read_text())
    assert changed == ["changed", "as it was"]
