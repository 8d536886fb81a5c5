"""Is a question on a terminal that only shows lines answered by what was typed after it?"""

from __future__ import annotations

import os
import pty
import subprocess
import sys

_ASKS = """
import anyio, select, sys
from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.chat.lines import Lines

async def asked():
    choices = (Choice("y", "yes"), Choice("n", "no"))
    print("said", await Lines().ask(Question("delete it?", choices)), flush=True)

assert select.select([sys.stdin], [], [], 10)[0], "nothing was typed"
print("pending", flush=True)
anyio.run(asked)
"""


def test_what_was_typed_before_a_question_does_not_answer_it() -> None:
    """Such as a command for the shell, while a model thinks: its Enter let a call run."""
    keys, terminal = pty.openpty()
    os.write(keys, b"y\n")
    with subprocess.Popen(
        [sys.executable, "-c", _ASKS],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "dumb", "PROMPT_TOOLKIT_NO_CPR": "1"},
    ) as process:
        os.close(terminal)
        seen = b""
        while b"\x1b[?2004h" not in seen:  # the line below the question is read
            seen += os.read(keys, 4096)
        os.write(keys, b"n\r")
        while b"\n" not in seen.partition(b"said ")[2]:
            seen += os.read(keys, 4096)
        process.wait(10)
    assert b"pending" in seen.partition(b"delete it?")[0]
    assert b"said no" in seen
    os.close(keys)
