"""Attacks on clocks, priorities and the limits themselves."""

from __future__ import annotations

import ctypes
import os
import resource
import time

from .trying import attempt, libc, syscall

LIMITS = (
    *("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_FSIZE"),
    *("RLIMIT_CORE",),
)


def raise_limit(name: str) -> str:
    number = getattr(resource, name)
    hard = resource.getrlimit(number)[1]
    if hard == resource.RLIM_INFINITY:
        hard = 1 << 40
        resource.setrlimit(number, (hard, hard))
    try:
        resource.setrlimit(number, (hard + 1, hard + 1))
    except ValueError:
        return "EPERM"
    return "done"


def limits() -> dict[str, int]:
    return {name: resource.getrlimit(getattr(resource, name))[1] for name in LIMITS}


def limit_of_another(pid: int) -> str:
    """Lower a limit of a process: prlimit. Nothing is changed: what is set is what is read."""

    class Pair(ctypes.Structure):
        _fields_ = (("soft", ctypes.c_uint64), ("hard", ctypes.c_uint64))

    old = Pair()
    said = libc("prlimit", pid, 4, None, ctypes.byref(old))
    return said if said != "done" else libc("prlimit", pid, 4, ctypes.byref(old), None)


def set_clock() -> str:
    """To what it is anyway."""
    return attempt(time.clock_settime, time.CLOCK_REALTIME, time.time())


def adjust_clock() -> str:
    class Timex(ctypes.Structure):
        _fields_ = (("modes", ctypes.c_uint), ("rest", ctypes.c_char * 256))

    return libc("adjtimex", ctypes.byref(Timex(modes=0x4000)))  # ADJ_TICK


def time_namespace() -> str:
    new_time = 0x80
    return libc("unshare", new_time)


def offsets_of_time_namespace() -> str:
    return attempt(lambda: os.close(os.open("/proc/self/timens_offsets", os.O_WRONLY)))


def go_first() -> str:
    return attempt(os.setpriority, os.PRIO_PROCESS, 0, -20)


def real_time() -> str:
    return attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))


def real_time_disk() -> str:
    """A class of input and output that starves the others."""
    return syscall({"x86_64": 251, "aarch64": 30}, 1, 0, 1 << 13)


def wake_the_machine() -> str:
    """A timer that wakes a machine which sleeps."""
    return syscall({"x86_64": 283, "aarch64": 85}, 8, 0)  # timerfd_create, CLOCK_REALTIME_ALARM


def core_dump() -> list[str]:
    """End with a memory image of what was held: it must not be kept."""
    if os.fork() == 0:
        os.chdir("/tmp")
        os.abort()
    _, status = os.wait()
    return ["dumped"] if os.WCOREDUMP(status) else ["nothing"]


def ignore_alarm_and_rewind() -> None:
    """Tell one's own clock another time; the parent has its own."""
    time.monotonic = lambda: 0.0
    time.time = lambda: 0.0
    while True:
        pass
