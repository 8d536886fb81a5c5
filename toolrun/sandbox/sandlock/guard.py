"""Who ends a box that has no pid namespace to end with it? The guard: the ancestor of all of it.

A script of its own. It starts sandlock's supervisor, which starts the box; orphans come back to it
(it is their subreaper). On SIGTERM, or when the supervisor is gone, it kills all that is below it
until nothing is. The box cannot reach it: Landlock bounds whom it may signal.
Without its supervisor the box cannot fork any more, so the killing comes to an end.
"""

# Standard library, and sandlock in the supervisor; started for each box.
# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import array
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import sys
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_LEVELS = 64


def main() -> None:
    """Be the guard of the request that the descriptor of the first argument holds."""
    with open(int(sys.argv[1]), "rb") as file:
        request: dict[str, Any] = json.load(file)
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    supervisor = os.fork()
    if supervisor == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.close(request["info"])
        _supervise(request)
    os.write(request["info"], b'{"child-pid": %d}' % os.getpid())
    os.close(request["info"])
    for number in request["descriptors"]:
        os.close(number)
    status = _wait(supervisor, read)
    _end_all(supervisor)
    shutil.rmtree(request["folder"], ignore_errors=True)
    os._exit(status)


def _supervise(request: dict[str, Any]) -> None:
    """Be sandlock's supervisor; never returns."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    sys.path.append(request["site"])
    from sandlock import Sandbox  # type: ignore[import-not-found, import-untyped, unused-ignore]  # an extra

    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    message = json.dumps({name: request[name] for name in ("command", "env", "filters")}).encode()
    nothing = os.open("/dev/null", os.O_RDWR)
    passed = array.array("i", [nothing, nothing, nothing, *request["descriptors"]]).tobytes()
    here.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
    here.close()
    for number in request["descriptors"]:
        os.close(number)
    os.dup2(there.fileno(), 0)
    status = Sandbox(**request["policy"]).run_interactive(request["first"])
    os._exit(status & 0xFF)


def _wait(supervisor: int, wakeup: int) -> int:
    """Wait until the supervisor is gone, or the box shall end; gives the status."""
    while True:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == supervisor:
                    status = ended[1]
                    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + status % 128
        select.select([wakeup], [], [])
        if signal.SIGTERM in os.read(wakeup, 4096):
            return 128 + signal.SIGKILL


def _end_all(supervisor: int) -> None:
    """Kill the supervisor, then all that is left, until there is no child any more."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor, signal.SIGKILL)
    while True:
        for pid in _below(os.getpid(), _LEVELS):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        select.select([], [], [], 0.001)


def _below(pid: int, levels: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found + [each for child in found if levels for each in _below(child, levels - 1)]


if __name__ == "__main__":
    main()
