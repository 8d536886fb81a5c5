"""What is the first process of a container? It fetches its descriptors and starts the shim.

With an argument it is one of sandlock's: it is connected already, by the descriptor of that number,
and becomes the shim itself.

A container's engine passes on three streams, and copies them. So this process connects to the
socket that is bound into the container, receives the descriptors that any box inherits, and gives
them to the shim: from there on a container is a box like every other. It ends with the shim, or
when the other side of the socket does; the kernel then kills what is left. Python 3.9 or later.
"""

# Standard library only, and started for each box.
from __future__ import annotations

import array
import base64
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import sys
from typing import Any

SOCKET = "/run/toolrun"
_DESCRIPTORS = 16
_ABOVE = 32
_MESSAGE = 262_144
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def main() -> None:
    """Be the first process; never returns."""
    is_connected = len(sys.argv) > 1
    if is_connected:
        connection = socket.socket(fileno=os.dup(int(sys.argv[1])))
    else:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(SOCKET)
    size = array.array("i").itemsize
    message, ancillary, _, _ = connection.recvmsg(_MESSAGE, socket.CMSG_SPACE(_DESCRIPTORS * size))
    received = array.array("i", ancillary[0][2])
    child = 0 if is_connected else os.fork()
    if child == 0:
        _become(json.loads(message), list(received))
    for descriptor in received:
        os.close(descriptor)
    os._exit(_wait(child, connection))


def _become(start: dict[str, Any], received: list[int]) -> None:
    """Give the descriptors their numbers, 0 and up, and execute the shim."""
    above = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _ABOVE) for descriptor in received]
    for number, descriptor in enumerate(above):
        os.dup2(descriptor, number)
    os.closerange(len(above), 1024)
    for each in start["filters"]:
        _filter(base64.b64decode(each))
    os.execve(start["command"][0], start["command"], start["env"])  # noqa: S606 - in the box


def _filter(program: bytes) -> None:
    """Put a filter of system calls on this process and all that come after it."""
    libc = ctypes.CDLL(None, use_errno=True)
    described = _Program(len(program) // 8, program)
    for call in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0),
    ):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "the filter of system calls was not taken")


def _wait(child: int, connection: socket.socket) -> int:
    """Wait for the shim, adopting orphans, or for the other side to hang up; gives the status."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == child:
                    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + status % 128
                if pid == 0:
                    break
        except ChildProcessError:
            return 1
        ready, _, _ = select.select([read, connection.fileno()], [], [])
        if connection.fileno() in ready:
            return 1
        os.read(read, 4096)


if __name__ == "__main__":
    main()
