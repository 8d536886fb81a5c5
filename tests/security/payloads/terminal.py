"""Attacks on the terminal that the host's user sits at."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import struct
import termios

from .trying import LIBC, attempt


def type_into_terminal() -> str:
    """TIOCSTI: as if the user had typed it."""

    def push() -> None:
        terminal = os.open("/dev/tty", os.O_RDWR)
        fcntl.ioctl(terminal, termios.TIOCSTI, b"x")

    return attempt(push)


def type_into(descriptor: int) -> str:
    return attempt(fcntl.ioctl, descriptor, termios.TIOCSTI, b"x")


def type_past_a_filter(descriptor: int) -> str:
    """The same request with bits beyond the 32 that the kernel looks at."""
    number = {"x86_64": 16, "aarch64": 29}[os.uname().machine]
    request = ctypes.c_ulong(termios.TIOCSTI | 1 << 32)
    if LIBC.syscall(number, ctypes.c_long(descriptor), request, b"x") == -1:
        import errno

        return errno.errorcode[ctypes.get_errno()]
    return "done"


def open_terminal() -> str:
    return attempt(lambda: os.close(os.open("/dev/tty", os.O_RDWR)))


def open_console() -> str:
    return attempt(lambda: os.close(os.open("/dev/console", os.O_RDWR)))


def terminals() -> list[str]:
    """The host's terminals; `ptmx` makes new ones."""
    try:
        return sorted(set(os.listdir("/dev/pts")) - {"ptmx"})
    except FileNotFoundError:
        return []


def take_terminal() -> str:
    """Make what is at hand the controlling terminal of a new session."""
    if os.fork() == 0:
        os.setsid()
        os._exit(0 if attempt(fcntl.ioctl, 0, termios.TIOCSCTTY, 0) == "done" else 1)
    return "ENOTTY" if os.waitstatus_to_exitcode(os.wait()[1]) else "done"


def resize(descriptor: int) -> str:
    size = struct.pack("HHHH", 1, 1, 0, 0)
    return attempt(fcntl.ioctl, descriptor, termios.TIOCSWINSZ, size)


def foreground() -> str:
    """Take the foreground from the user's shell."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    return attempt(os.tcsetpgrp, 0, os.getpgrp())
