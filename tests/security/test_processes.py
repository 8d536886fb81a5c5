"""Under which user does a box run, what do others see of it, and what survives outside?"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.security.conftest import Attacks, Control, Survivors

pytestmark = pytest.mark.security
AS_ROOT = os.geteuid() == 0


def _below(process: int) -> Iterator[int]:
    """The children of a process, and theirs."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _below(child)


def test_root_does_not_run_boxes_as_root_and_arguments_are_no_words(attack: Attacks) -> None:
    uids: set[int] = set()
    words_seen: set[bytes] = set()
    token = secrets.token_hex(8)

    def look() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not ended.is_set():
            for process in _below(os.getpid()):
                folder = Path(f"/proc/{process}")
                with contextlib.suppress(OSError):
                    program, *words = (folder / "cmdline").read_bytes().split(b"\0")
                    words_seen.update(words)
                    words_seen.update((folder / "environ").read_bytes().split(b"\0"))
                    # Not those that get there: they begin as root, to become nobody.
                    inside = any(b"toolrun.sandbox.inside.shim" in word for word in words)
                    if inside and Path(program.decode()).name.startswith("python"):
                        uids.add(folder.stat().st_uid)

    ended = threading.Event()
    watcher = threading.Thread(target=look)
    watcher.start()
    attack("secrecy.wait_with", argument=token, seconds=0.5)
    ended.set()
    watcher.join()
    assert uids == {65_533 if AS_ROOT else os.geteuid()}
    assert not [word for word in words_seen if token.encode() in word]


def test_a_daemon_does_survive_outside(control: Control, survivors: Survivors) -> None:
    token = secrets.token_hex(8)

    assert control("survivors.daemon", token=token, then_sleep=0) == "alive"
    assert survivors(token)
    end(token)


def test_two_forks_do_evade_a_time_out_outside(survivors: Survivors) -> None:
    token = secrets.token_hex(8)
    code = f"from tests.security.payloads import survivors; survivors.double_fork({token!r})"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", code], timeout=2, check=False)

    assert survivors(token)
    end(token)


def end(token: str) -> None:
    """Kill what has a token on its command line."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and token in (folder / "cmdline").read_text(errors="replace"):
                os.kill(int(folder.name), signal.SIGKILL)
