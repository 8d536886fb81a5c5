"""Attacks that outlive the call, or its time."""

from __future__ import annotations

import ctypes
import os
import signal
import time

from .secrecy import environments
from .trying import LIBC, attempt


def daemon(token: str, then_sleep: float) -> str:
    """A process in a session of its own whose parents are gone, deaf to signals."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.set_inheritable(write, False)
            _become_named(token)
        os._exit(0)
    os.close(write)
    os.read(read, 1)  # ends when it has been executed
    alive = token in environments()
    time.sleep(then_sleep)
    return "alive" if alive else "never began"


def _become_named(token: str) -> None:
    os.execv("/bin/sh", ["/bin/sh", "-c", f"sleep 47 # {token}; true"])


def stopped_daemon(token: str) -> str:
    """One that sleeps a sleep that only SIGKILL ends."""
    child = os.fork()
    if child == 0:
        os.setsid()
        _become_named(token)
    time.sleep(0.1)
    os.kill(child, signal.SIGSTOP)
    return "alive"


def daemon_without_death_signal(token: str) -> str:
    """One that has the kernel forget who its parent is."""
    child = os.fork()
    if child == 0:
        set_death_signal = 1
        LIBC.prctl(set_death_signal, 0, 0, 0, 0)
        os.setsid()
        _become_named(token)
    time.sleep(0.1)
    return "alive"


def leave_in_the_middle(token: str) -> None:
    """The parent ends without a result, the child goes on with its pipes."""
    if os.fork() == 0:
        os.setsid()
        _become_named(token)
    time.sleep(0.1)
    os._exit(0)


def hold_the_pipes(token: str) -> str:
    """Children that keep stdout and the result's pipe open after the result."""
    pipe = max(int(name) for name in os.listdir("/proc/self/fd") if name.isdigit())
    for _ in range(4):
        if os.fork() == 0:
            for number in range(3, pipe + 1):
                attempt(os.set_inheritable, number, True)
            _become_named(token)
    return "done"


def zombies(count: int) -> int:
    for _ in range(count):
        if os.fork() == 0:
            os._exit(0)
    return count


def lasting_thread() -> str:
    import threading

    threading.Thread(target=time.sleep, args=(60,)).start()
    return "done"


def at_exit() -> str:
    import atexit

    atexit.register(time.sleep, 60)
    return "done"


def destructor() -> object:
    """What a finalizer would do when the interpreter ends."""
    import sys

    class Slow:
        def __del__(self) -> None:
            time.sleep(60)

    sys.modules["slow"] = Slow()  # type: ignore[assignment]
    return "done"


def double_fork(token: str) -> None:
    """Out of the tree that a supervisor may know, then on for a minute."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            _become_named(token)
        os._exit(0)
    os.wait()
    time.sleep(60)


def vfork() -> None:
    """A parent that the kernel holds until its child is done: it takes no signal but SIGKILL."""
    wait_for_child = 0x4000 | signal.SIGCHLD  # CLONE_VFORK
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    if LIBC.syscall(number, wait_for_child, 0, 0, 0, 0) == 0:
        time.sleep(60)
        os._exit(0)


def close_all_and_stay() -> None:
    """Looks ended to whoever waits for the ends of pipes."""
    os.closerange(0, 256)
    time.sleep(60)


def burn() -> None:
    while True:
        pass


def burn_in_c() -> None:
    """Without giving the interpreter a chance to notice."""
    LIBC.memset.restype = None
    block = ctypes.create_string_buffer(1 << 26)
    while True:
        LIBC.memset(block, 1, 1 << 26)


def relay() -> None:
    """CPU time is each process's own: a runner that hands on before it is used up."""
    while True:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
        if os.fork():
            signal.pause()


def slow_output() -> None:
    """Always about to say something."""
    while True:
        print("almost", flush=True)
        time.sleep(0.1)
