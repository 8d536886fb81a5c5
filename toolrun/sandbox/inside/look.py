"""What can be reached from inside a box? Attacks that `probe` runs there; stdlib only."""

# No import that the box does not need.
# ruff: noqa: PTH115, PTH123
from __future__ import annotations

import errno
import os
from typing import Any

_ADD_KEY = {"x86_64": 248, "aarch64": 217}


def look(token: str, port: int, canary: str) -> dict[str, Any]:
    """Try to get out by every way that a profile closes, and report what happened."""
    status = _status()
    return {
        "marker": token,
        "pid_namespace": os.readlink("/proc/self/ns/pid"),
        "uid": os.getuid(),
        "capabilities": status["CapEff"],
        "no_new_privs": status["NoNewPrivs"],
        "env": sorted(os.environ),
        "connect": _connect(port),
        "interfaces": _interfaces(),
        "proc_sys": _open("/proc/sys/kernel/core_pattern", os.O_WRONLY),
        "canary": _open(canary, os.O_RDONLY),
        "root": _open("/probe", os.O_WRONLY | os.O_CREAT),
        "userns": _user_namespace(),
        "keyring": _keyring(),
        "terminal": _open("/dev/tty", os.O_RDWR),
    }


def _status() -> dict[str, str]:
    with open("/proc/self/status") as file:
        lines = [line.partition(":") for line in file]
    return {name: value.strip() for name, _, value in lines}


def _open(path: str, flags: int) -> str:
    # Opened, never written: where the probe succeeds, the host must stay as it is.
    try:
        os.close(os.open(path, flags))
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "opened"


def _interfaces() -> list[str]:
    with open("/proc/net/dev") as file:
        return [line.split(":")[0].strip() for line in file if ":" in line]


def _connect(port: int) -> str:
    import socket

    try:
        with socket.socket() as client:
            client.settimeout(1)
            return errno.errorcode.get(client.connect_ex(("127.0.0.1", port)), "reached")
    except OSError as error:  # no socket at all
        return errno.errorcode[error.errno or 0]


def _user_namespace() -> str:
    import ctypes

    clone_newuser = 0x10000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(clone_newuser) == 0:
        return "made"
    return errno.errorcode[ctypes.get_errno()]


def _keyring() -> str:
    """A call that every filter refuses, with arguments that the kernel itself refuses otherwise."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    number = _ADD_KEY.get(os.uname().machine, -1)
    libc.syscall(number, None, None, None, 0, 0)
    return errno.errorcode[ctypes.get_errno()]
