"""How is an attack on a terminal run? By a process that has one: `run` makes it, and speaks to it.

A test has no terminal to lose in most places where tests run. So the sandbox is used by a process
whose controlling terminal is one of ours, and the control runs in its place.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


def run(words: list[str], orders: Any) -> Any:
    """Run a command with a terminal: orders by a file, what it saw by another."""
    ours, theirs = pty.openpty()
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "orders").write_text(json.dumps(orders))
            command = [sys.executable, "-m", "tests.security.in_terminal", folder, *words]
            with subprocess.Popen(
                command,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                cwd=REPOSITORY,
            ) as process:
                process.wait(60)
            saw = Path(folder) / "saw"
            if not saw.exists():
                os.set_blocking(ours, False)
                raise AssertionError(os.read(ours, 10_000).decode(errors="replace"))
            return json.loads(saw.read_text())
    finally:
        os.close(ours)
        os.close(theirs)


def main() -> None:
    import fcntl
    import termios

    folder, where = sys.argv[1:]
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    orders = json.loads((Path(folder) / "orders").read_text())
    if where == "inside":
        from tests.security.arena import in_box

        outcome = in_box("together", {"attacks": orders})
        saw = None if outcome.value is None else json.loads(bytes(outcome.value))
    else:
        from tests.security.payloads.battery import together

        saw = together(orders)
    (Path(folder) / "saw").write_text(json.dumps(saw))


if __name__ == "__main__":
    main()
