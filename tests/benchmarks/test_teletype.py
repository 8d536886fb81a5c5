"""Does the terminal that keys are timed in see each letter when it comes, and no sooner?"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.rig.teletype import Teletype

if TYPE_CHECKING:
    from pathlib import Path

LATE: Final = 0.2
"""Seconds that the program takes for each key: what the driver has to measure."""
ECHO: Final = f"""
import os, sys, time, tty
tty.setraw(0)
print("ready", end="", flush=True)
while (key := os.read(0, 100)) != b"q":
    time.sleep({LATE})
    os.write(1, b"\\x1b[1m" + key + b"\\x1b[0m")
"""
ASKS: Final = """
import os, tty
tty.setraw(0)
os.write(1, b"\\x1b[6")
os.write(1, b"n")
os.write(1, b"told " + os.read(0, 100)[1:])
"""


def test_a_letter_is_seen_when_it_comes(tmp_path: Path) -> None:
    with Teletype((sys.executable, "-c", ECHO), env=os.environ, folder=tmp_path) as terminal:
        terminal.until("ready")
        for letter in "ĀāĂ":
            since = len(terminal.seen)
            pressed = time.perf_counter()
            terminal.type(letter)
            assert terminal.until(letter, since=since) - pressed >= LATE
        with pytest.raises(TimeoutError, match="'Q' did not come"):
            terminal.until("Q", 0.1)
        used = terminal.cpu_s()
        assert 0 < used < 60


def test_a_program_is_told_what_it_asks_a_terminal(tmp_path: Path) -> None:
    with Teletype((sys.executable, "-c", ASKS), env=os.environ, folder=tmp_path) as terminal:
        terminal.until("told [1;1R")
