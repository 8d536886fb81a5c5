"""What does a test leave behind: processes, descriptors, threads, tasks, temporary folders?

Servers that live as long as the test run are made known, and don't count. Each test is looked at
twice, thousands of them: pathlib would take as long again as what the kernel does.
"""

# ruff: noqa: PTH115, PTH123, PTH208

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

PREFIX: Final = "toolrun-"
GRACE_S: Final = 6.0
"""A busy machine takes its time to close what a box had; nobody waits who left nothing."""
_POLL_S = 0.01

# Where an idle thread of a pool waits for work. anyio and trio keep theirs for 10 s and reuse
# them; a thread that still works stands in another function, and is a leak.
_IDLE: Final = frozenset(
    {
        ("concurrent/futures/thread.py", "_worker"),
        ("anyio/_backends/_asyncio.py", "run"),
        ("trio/_core/_thread_cache.py", "_work"),
        ("toolrun/tools/threads.py", "_work"),
    }
)
_WAITING_MODULES = ("threading.py", "queue.py")


@dataclass
class Known:
    """What outlives a test on purpose: the processes of servers, and the pipes to them.

    Descriptors go by number and what they point to: a number is used again.
    """

    pids: set[int]
    fds: dict[int, str]

    def add(self, pid: int, fds: Collection[int] = ()) -> None:
        """Don't count this process, its descendants, and these descriptors."""
        self.pids.add(pid)
        self.add_descriptors(fds)

    def add_descriptors(self, fds: Collection[int]) -> None:
        """Don't count these descriptors while they are open."""
        self.fds |= {fd: str(Path(f"/proc/self/fd/{fd}").readlink()) for fd in fds}


KNOWN: Final = Known(set(), {})


@dataclass(frozen=True)
class Snapshot:
    """What there is at a moment. Descriptors go by number and what they point to."""

    processes: dict[int, str]
    descriptors: dict[int, str]
    threads: dict[int, str]
    folders: frozenset[str]


def snapshot() -> Snapshot:
    """Look at this process now."""
    return Snapshot(_processes(), _descriptors(), _threads(), _folders())


def left_since(before: Snapshot) -> list[str]:
    """What is there now and was not before, a line each; idle threads of pools don't count."""
    now = snapshot()
    lines = [
        f"process {pid}: {what}"
        for pid, what in now.processes.items()
        if pid not in before.processes
    ]
    lines += [
        f"descriptor {fd}: {_named_socket(what)}"
        for fd, what in now.descriptors.items()
        if before.descriptors.get(fd) != what
    ]
    lines += [
        f"thread {what}" for ident, what in now.threads.items() if ident not in before.threads
    ]
    lines += [f"temporary folder {path}" for path in sorted(now.folders - before.folders)]
    return lines


def wait_until_clean(before: Snapshot, grace_s: float = GRACE_S) -> list[str]:
    """What is left once it had its time to go: nothing, as soon as nothing is left."""
    return _poll(lambda: left_since(before), grace_s)


def _poll(look: Callable[[], list[str]], grace_s: float) -> list[str]:
    until = time.monotonic() + grace_s
    while (left := look()) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return left


def tasks() -> frozenset[asyncio.Task[object]]:
    """The tasks of the running asyncio loop."""
    return frozenset(asyncio.all_tasks())


async def tasks_left_since(
    before: frozenset[asyncio.Task[object]], grace_s: float = GRACE_S
) -> list[str]:
    """The tasks of the running asyncio loop that are new, once they had their time to end.

    Trio needs no such look: its tasks have a parent that waits for them.
    """
    until = time.monotonic() + grace_s
    while (left := tasks() - before) and time.monotonic() < until:
        await asyncio.wait(left, timeout=_POLL_S)
    return [f"task {task.get_name()}: {task.get_coro()!r}" for task in left]


def _processes() -> dict[int, str]:
    return dict(_descendants(os.getpid()))


def _descendants(pid: int) -> Iterator[tuple[int, str]]:
    for child in _children(pid):
        if child not in KNOWN.pids:
            yield child, _command(child)
            yield from _descendants(child)


def _children(pid: int) -> list[int]:
    threads = f"/proc/{pid}/task"
    found: list[int] = []
    with suppress(OSError):  # the process has ended since
        for thread in os.listdir(threads):
            with suppress(OSError), open(f"{threads}/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, UnicodeDecodeError):
        return "gone"
    return words[:200] or ("zombie: it ended and was not waited for" if state == "Z" else "?")


def _descriptors() -> dict[int, str]:
    found: dict[int, str] = {}
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of this very listing
            found[int(fd)] = os.readlink(f"/proc/self/fd/{fd}")
    return {fd: what for fd, what in found.items() if KNOWN.fds.get(fd) != what}


def _named_socket(what: str) -> str:
    inode = what.removeprefix("socket:[").removesuffix("]")
    if inode == what:
        return what
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] == inode:
                local, remote = (int(fields[at].rpartition(":")[2], 16) for at in (1, 2))
                return f"{what} {table}, port {local} to port {remote}"
    return what


def _threads() -> dict[int, str]:
    frames = sys._current_frames()  # nothing else tells where a thread stands
    found: dict[int, str] = {}
    for thread in threading.enumerate():
        if thread.ident is None or thread is threading.current_thread():
            continue
        frame = frames.get(thread.ident)
        while frame is not None and frame.f_code.co_filename.endswith(_WAITING_MODULES):
            frame = frame.f_back
        place = "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_code.co_name}"
        if not any(place.endswith(f"{path}:{name}") for path, name in _IDLE):
            found[thread.ident] = f"{thread.name!r} in {place}"
    return found


def _folders() -> frozenset[str]:
    folder = tempfile.gettempdir()
    return frozenset(f"{folder}/{name}" for name in os.listdir(folder) if name.startswith(PREFIX))
