"""How does a process that holds a server end? Its standard input is closed; see `supervisor.py`."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any, Final

_STOP_S: Final = 20.0
"""Seconds that the supervisor has for the whole tree."""


def end(supervisor: subprocess.Popen[Any]) -> None:
    """Have a supervisor end its server, and wait for both."""
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    try:
        supervisor.wait(_STOP_S)
    except subprocess.TimeoutExpired:  # the supervisor itself hangs
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
