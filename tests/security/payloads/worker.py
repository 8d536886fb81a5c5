"""Attacks on the worker that forks a job for each call: what one job leaves for the next.

`state` is what a job finds: it must be the same after each of the others as in a new box.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import sys
import threading
import time
from typing import Any

from .clocks import LIMITS
from .forgery import descriptors
from .trying import LIBC, attempt, libc


def state() -> dict[str, Any]:
    """Whatever a job can find that another one might have left."""
    found: dict[str, Any] = {
        "cwd": os.getcwd(),
        "umask": os.umask(0o022),
        "environment": dict(os.environ),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in LIMITS},
        "signals": {
            int(number): str(signal.getsignal(number))
            for number in signal.valid_signals()
            if number != signal.SIGCHLD
        },
        "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        "descriptors": sorted(target.partition(":")[0] for target in descriptors().values()),
        "threads": len(os.listdir("/proc/self/task")),
        "processes": sum(name.isdigit() for name in os.listdir("/proc")),
        "modules": "planted" in sys.modules,
        "builtins": [hasattr(module, "planted") for module in (builtins, json)],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "scheduler": os.sched_getscheduler(0),
        "processors": sorted(os.sched_getaffinity(0)),
        "all limits": [resource.getrlimit(number) for number in range(16)],
        "segment": libc("shmget", 4711, 1, 0),
        "recursion": sys.getrecursionlimit(),
        "timers": [signal.getitimer(which) for which in (0, 1, 2)],
        "abstract": _named_socket(),
    }
    for folder in ("/tmp", "/dev/shm"):
        found[folder] = sorted(os.listdir(folder))
        found[f"{folder}, mode"] = oct(os.stat(folder).st_mode)
        found[f"{folder}, used"] = os.statvfs(folder).f_blocks - os.statvfs(folder).f_bfree
    return found


def before_and_after(name: str) -> list[dict[str, Any]]:
    """The same job: what it finds, and what it finds once it has done something."""
    before = state()
    globals()[name]()
    os.chdir("/")
    try:
        return [before, state()]
    except OSError as error:
        return [before, {"error": repr(error)}]


def _named_socket() -> str:
    with socket.socket(socket.AF_UNIX) as client:
        return attempt(client.connect, "\0left-behind")


# What the worker must not let itself be done


def write_memory() -> str:
    return attempt(lambda: os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDWR)))


def write_memory_by_call() -> str:
    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    buffer = ctypes.create_string_buffer(8)
    # The worker was this process until it forked: its objects lie where this one's do.
    local = Vector(ctypes.addressof(buffer), 8)
    remote = Vector(id(sys.modules), 8)
    vectors = (ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    return libc("process_vm_writev", os.getppid(), *vectors)


def trace() -> str:
    seize = 0x4206
    return libc("ptrace", seize, os.getppid(), 0, 0)


def take_control_socket() -> str:
    """The descriptor that the worker hears of jobs by."""

    def take() -> None:
        pidfd = os.pidfd_open(os.getppid())
        for number in range(3, 16):
            if LIBC.syscall(438, pidfd, number, 0) >= 0:
                return
        raise OSError(ctypes.get_errno(), "none")

    return attempt(take)


def open_descriptors_of_worker() -> str:
    return attempt(lambda: os.listdir(f"/proc/{os.getppid()}/fd"))


def find_control_socket() -> list[str]:
    """Its own copy, if one was left open, and what can be said through it."""
    found = []
    for number, target in descriptors().items():
        if target.startswith("socket:"):
            with contextlib.suppress(OSError):
                os.write(int(number), b"S\0\0\0\0" * 3)
                found.append(number)
    return found


# What the next job must not find


def change_process() -> str:
    """All that a process keeps about itself."""
    os.chdir("/")
    os.umask(0)
    os.environ["PLANTED"] = "1"
    os.nice(5)
    sys.setrecursionlimit(77_777)
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    signal.setitimer(signal.ITIMER_REAL, 60)
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    return "done"


def change_modules() -> str:
    """All that an interpreter keeps."""
    sys.modules["planted"] = sys
    json.planted = True  # type: ignore[attr-defined]
    builtins.planted = True  # type: ignore[attr-defined]
    sys.path.insert(0, "/tmp")
    with open("/tmp/json.py", "w") as file:
        file.write("planted = True\n")
    return "done"


def leave_files() -> str:
    """With names and modes that make them hard to remove."""
    for folder in ("/tmp", "/dev/shm"):
        os.makedirs(f"{folder}/closed/inner")
        with open(f"{folder}/closed/inner/file\n\x1b[2J", "w") as file:
            file.write("planted")
        os.symlink("/", f"{folder}/root")
        os.mkfifo(f"{folder}/fifo")
        os.chmod(f"{folder}/closed/inner", 0)
        os.chmod(f"{folder}/closed", 0)
    return "done"


def leave_deep_folders() -> str:
    os.chdir("/tmp")
    for _ in range(1500):
        os.mkdir("deeper")
        os.chdir("deeper")
    return "done"


def fill_temporary_folder() -> str:
    def fill() -> None:
        with open("/tmp/full", "wb", buffering=0) as file:
            while file.write(bytes(1 << 20)) == 1 << 20:
                pass

    attempt(fill)
    return "done"


def close_temporary_folder() -> str:
    return attempt(os.chmod, "/tmp", 0)


def leave_daemons() -> str:
    """Processes and a thread; one hears a name that the next job may ask."""
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0left-behind")
    server.listen()
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
    return "done"


def leave_shared_memory() -> str:
    with open("/dev/shm/sem.planted", "wb") as file:
        file.write(bytes(32))
    libc("shmget", 4711, 1 << 20, 0o1666)
    return "done"


def leave_locked_pages() -> str:
    """A descriptor that is passed to itself in a message stays open while nobody reads it."""
    left, right = socket.socketpair()
    socket.send_fds(left, [b"x"], [left.fileno(), right.fileno()])
    return "done"


# What ends the worker, or holds it up


def kill_worker() -> str:
    return attempt(os.kill, os.getppid(), signal.SIGKILL)


def stop_worker() -> str:
    return attempt(os.kill, os.getppid(), signal.SIGSTOP)


def kill_everything() -> str:
    return attempt(os.kill, -1, signal.SIGKILL)


def interrupt_worker() -> str:
    """Signals that Python makes exceptions of."""
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM, signal.SIGPIPE):
        attempt(os.kill, os.getppid(), number)
    return "done"


def lower_limits_of_worker() -> str:
    """Those of another process of the same user can be set."""

    class Pair(ctypes.Structure):
        _fields_ = (("soft", ctypes.c_uint64), ("hard", ctypes.c_uint64))

    none = Pair(0, 0)
    said = "done"
    for number in (resource.RLIMIT_STACK, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
        said = libc("prlimit", os.getppid(), int(number), ctypes.byref(none), None)
    return said


def starve_worker() -> str:
    """Without a descriptor it hears of no job."""

    class Pair(ctypes.Structure):
        _fields_ = (("soft", ctypes.c_uint64), ("hard", ctypes.c_uint64))

    none = Pair(0, 0)
    return libc("prlimit", os.getppid(), int(resource.RLIMIT_NOFILE), ctypes.byref(none), None)


def bind_worker() -> str:
    """To one of the machine's processors."""
    return attempt(os.sched_setaffinity, os.getppid(), {min(os.sched_getaffinity(0))})


def slow_worker() -> str:
    attempt(os.setpriority, os.PRIO_PROCESS, os.getppid(), 19)
    return attempt(os.sched_setscheduler, os.getppid(), os.SCHED_IDLE, os.sched_param(0))


def fork_until_the_end() -> None:
    """So fast that the worker's sweep has to race it."""
    for _ in range(8):
        if os.fork() == 0:
            while True:
                with contextlib.suppress(OSError):
                    if os.fork():
                        os._exit(0)
    time.sleep(0.05)
