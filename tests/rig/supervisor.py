"""How does a server never outlive the tests? A process that holds it and a pipe to whoever asked.

Usage: LOG COMMAND... . Runs the command in a session of its own and waits for it, or for the end of
its standard input (the asker has closed it, or is dead, however it died), or for SIGTERM. Then it
ends the whole tree: politely, then by force. Plain standard library.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_GRACE_S: Final = 8.0
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    log, command = sys.argv[1], sys.argv[2:]
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans come here, and are found
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: over.set())
    with Path(log).open("ab") as output:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - nothing runs in threads yet
        )
    threading.Thread(target=_watch_pipe, args=(over,), daemon=True).start()
    while server.poll() is None and not over.wait(0.1):
        pass
    _end_tree(server)
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch_pipe(over: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    over.set()


def _end_tree(server: subprocess.Popen[bytes]) -> None:
    _signal_group(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline and _descendants():
        _reap(server)
        time.sleep(0.05)
    while left := _descendants():
        for pid in left:
            _kill(pid)
        _reap(server)
        time.sleep(0.02)
    server.wait()


def _reap(server: subprocess.Popen[bytes]) -> None:
    """Collect what has ended: the server through `Popen`, which keeps its status, then orphans."""
    server.poll()
    for pid in _children(os.getpid()):
        if pid == server.pid:
            continue
        status = Path(f"/proc/{pid}/stat")
        try:
            ended = status.read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if ended:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue


def _descendants() -> list[int]:
    found, open_ = [], _children(os.getpid())
    while open_:
        pid = open_.pop()
        found.append(pid)
        open_ += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(c) for t in threads for c in (t / "children").read_text().split()]
    except OSError:
        return []


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main())
