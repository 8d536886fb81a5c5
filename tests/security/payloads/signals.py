"""Attacks by signals, on the host's processes and on the box's own."""

from __future__ import annotations

import ctypes
import os
import signal
import time

from .trying import DONE, attempt, libc


def kill(pid: int) -> str:
    return attempt(os.kill, pid, signal.SIGTERM)


def stop(pid: int) -> str:
    return attempt(os.kill, pid, signal.SIGCONT)


def kill_by_descriptor(pid: int) -> str:
    return attempt(lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGCONT))


def kill_group(pid: int) -> str:
    return attempt(os.killpg, pid, signal.SIGCONT)


def kill_thread(pid: int) -> str:
    return libc("tgkill", pid, pid, int(signal.SIGCONT))


def queue(pid: int) -> str:
    """A signal with a value, as sigqueue sends it."""
    return libc("sigqueue", pid, int(signal.SIGCONT), ctypes.c_void_p(0))


def own_signals_of_descriptor(pid: int) -> str:
    """Have the kernel send SIGIO to another process: F_SETOWN."""
    import fcntl

    read, _ = os.pipe()
    return attempt(fcntl.fcntl, read, fcntl.F_SETOWN, pid)


def kill_everything() -> str:
    """Whatever this process may signal; itself it spares."""
    return attempt(os.kill, -1, signal.SIGKILL)


def kill_the_first_process() -> str:
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        said = attempt(os.kill, 1, number)
    time.sleep(0.1)
    return said


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop_the_session() -> None:
    os.kill(-1, signal.SIGSTOP)
    os.killpg(0, signal.SIGSTOP)


def deaf() -> str:
    """Block and ignore all there is, and wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        attempt(signal.signal, number, signal.SIG_IGN)
    time.sleep(60)
    return DONE


def deaf_to_cpu_limit() -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


def segfault() -> None:
    ctypes.string_at(0)
