"""Do boxes' users get at root's folders, and does a folder that they cannot read get told?

The real kernel does it; so this is for root. The script runs in a process forked from the test's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.unit.sandbox.forked import Forked, script
from toolrun.sandbox.bubblewrap import stage
from toolrun.sandbox.bubblewrap.privilege import UNPRIVILEGED_UID, is_real_root
from toolrun.sandbox.layer.holder import nsenter_program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not is_real_root(), reason="nobody else stages anything")
USER = str(UNPRIVILEGED_UID)


def staging(requests: int, answers: int) -> None:
    """The script, between two pipes; it says first what its number is."""
    os.dup2(requests, 0)
    os.dup2(answers, 1)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    print(os.getpid(), flush=True)
    script(stage.__file__)


def test_a_file_in_a_private_folder_is_there_for_the_boxes_user_alone(tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "tools").mkdir(parents=True)
    tool, secret = private / "tools" / "tool.py", private / "secret"
    tool.write_text("a tool")
    secret.write_text("a secret")
    private.chmod(0o700)
    (their_in, requests), (answers, their_out) = os.pipe(), os.pipe()
    forked = Forked(lambda: staging(their_in, their_out), (their_in, their_out))
    os.close(their_in)
    os.close(their_out)
    try:
        with os.fdopen(requests, "w") as asking, os.fdopen(answers) as answering:
            json.dump({"folders": [str(private / "tools")], "uid": UNPRIVILEGED_UID}, asking)
            print(file=asking, flush=True)
            number, answer = int(answering.readline()), json.loads(answering.readline())
            if not answer["staged"]:
                pytest.skip("root may not mount here")

            def read(path: Path, *namespace: str) -> str:
                command = [nsenter_program(), *namespace, "-S", USER, "-G", USER, "cat", str(path)]
                return subprocess.run(command, capture_output=True, text=True, check=False).stdout

            there = f"--mount=/proc/{number}/ns/mnt"
            assert answer["unreadable"] == []
            assert read(tool) == ""
            assert read(tool, there) == "a tool"
            assert read(secret, there) == ""
    finally:
        ended = forked.wait()
    assert ended == 0


def test_what_a_user_cannot_read_is_found_by_trying(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")

    def tried() -> None:
        assert stage._unreadable([str(tmp_path), missing], os.getuid()) == [
            [missing, "No such file or directory"]
        ]

    assert Forked(tried).wait() == 0
