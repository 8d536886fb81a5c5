"""Does the kernel bound the memory of a whole box? Where a control group can be had.

It counts what no process maps as well: files in memory, pipes, sockets, page tables. Where none can
be had, `watch` bounds what it can see. Moving a process into a group waits for all processors, some
7 ms where nothing was moved lately; so it is done by a thread while the box starts, and the box is
given nothing to run before.
"""

# Control files are written whole and at once.
# ruff: noqa: PTH102, PTH106, PTH120, PTH123, PTH208
from __future__ import annotations

import contextlib
import itertools
import os
import re
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import msgspec

from toolrun.sandbox.watch import children

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "toolrun"
_NAME: Final = re.compile(rf"{_PREFIX}-(\d+)-(\d+)-\d+")
_KILLS: Final = re.compile(rb"^oom_kill (\d+)", re.MULTILINE)
_CHUNK: Final = 4096
_counter: Final = itertools.count()
_left: Final[set[str]] = set()


class Place(msgspec.Struct, frozen=True):
    """Where this process may make control groups.

    Attributes:
        folder: the group that they are made in.
        version: of control groups, 1 or 2: what the files are called.
    """

    folder: str
    version: int


class Group:
    """The control group of one box.

    Attributes:
        holds: whether it bounds the box's memory; False until `ready`, and where it failed.
    """

    def __init__(self, place: Place, memory_bytes: int, pid: int) -> None:
        """Begin to hold a process and all below it; they must run nothing of a tool's yet."""
        self.holds: bool = False
        self._place = place
        self._folder = f"{place.folder}/{_PREFIX}-{os.getpid()}-{_began(os.getpid())}-"
        self._folder += str(next(_counter))
        self._events: int | None = None
        self._seen = 0
        self._done = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(
            target=self._hold, args=(memory_bytes, pid), name="toolrun-cgroup", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # no thread is to be had
            self._hold(memory_bytes, pid)

    async def ready(self) -> None:
        """Wait until it holds, or has failed to."""
        if self._thread.is_alive():
            await anyio.wait_readable(self._done)

    def has_killed(self) -> bool:
        """Whether the kernel has killed a process for its memory since this was last asked."""
        if self._events is None or not self.holds:
            return False
        try:
            found = _KILLS.search(os.pread(self._events, _CHUNK, 0))
        except OSError:  # somebody has removed the group
            return False
        killed = int(found[1]) if found else 0
        before, self._seen = self._seen, killed
        return killed > before

    def close(self) -> None:
        """Remove it; its processes must be gone."""
        if self._thread.is_alive():
            self._thread.join()
        self.holds = False
        if self._done >= 0:
            os.close(self._done)
            self._done = -1
        if self._events is not None:
            os.close(self._events)
            self._events = None
        _remove(self._folder)

    def _hold(self, memory_bytes: int, pid: int) -> None:
        try:
            os.mkdir(self._folder)
            limits, events = _files(self._place.version, memory_bytes)
            for name, value, needed in limits:
                with contextlib.nullcontext() if needed else contextlib.suppress(OSError):
                    _write(f"{self._folder}/{name}", value)
            self._events = os.open(f"{self._folder}/{events}", os.O_RDONLY | os.O_CLOEXEC)
            _enter(f"{self._folder}/cgroup.procs", pid)
            self.holds = True
        except OSError:
            pass  # the watchdog bounds what it can see, as it does where there are no groups
        finally:
            os.eventfd_write(self._done, 1)


def hold(memory_bytes: int, pid: int) -> Group | None:
    """Bound the memory of a process that has just begun; None where no group can be had."""
    try:
        found = place()
        return None if found is None else Group(found, memory_bytes, pid)
    except OSError:  # no descriptor is to be had: as where there is no group
        return None


@cache
def place() -> Place | None:
    """Where groups can be made; what processes that are gone have left there is removed."""
    found = find(Path("/proc/self"))
    if found is not None:
        sweep(found)
    return found


def find(proc: Path) -> Place | None:
    """Where a process may make groups, by its folder in /proc.

    Raises:
        OSError: it cannot be told now, since no descriptor is to be had.
    """
    try:
        groups = (proc / "cgroup").read_text().splitlines()
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    except (FileNotFoundError, PermissionError):
        return None
    paths = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in groups}
    for fields in mounts:
        root, target, (kind, _, options) = fields[3], fields[4], fields[fields.index("-") + 1 :][:3]
        if kind == "cgroup" and "memory" in options.split(",") and "memory" in paths:
            folder = _shown(paths["memory"], root, target)
            if folder and os.access(folder, os.W_OK):
                return Place(folder, 1)
        elif kind == "cgroup2" and "" in paths and (own := _shown(paths[""], root, target)):
            above = _delegated(own, target)
            if above is not None:
                return Place(above, 2)
    return None


def sweep(where: Place) -> None:
    """Remove the groups of processes that are gone."""
    for name in os.listdir(where.folder):
        made = _NAME.fullmatch(name)
        if made is not None and _began(int(made[1])) != int(made[2]):
            with contextlib.suppress(OSError):
                os.rmdir(f"{where.folder}/{name}")


def _remove(folder: str) -> None:
    """Remove a group, and those before in which something was about to end still."""
    _left.add(folder)
    for each in tuple(_left):
        try:
            os.rmdir(each)
        except FileNotFoundError:
            pass
        except OSError:  # with the next one, or when the next process begins
            continue
        _left.discard(each)


def _shown(path: str, root: str, target: str) -> str | None:
    """The folder of a group, where a mount shows its hierarchy from a root down."""
    below = os.path.relpath(path, root)
    if below.startswith(".."):
        return None
    return os.path.normpath(f"{target}/{below}")


def _delegated(own: str, top: str) -> str | None:
    """The nearest group of version 2 that gives groups in it a limit of memory, and is ours.

    Groups with processes cannot, so it is mostly one above. Not beyond a limit: what bounds this
    process must bound its boxes as well.
    """
    folder = own
    while True:
        try:
            controllers = _read(f"{folder}/cgroup.subtree_control").split()
        except OSError:
            return None
        writable = all(os.access(path, os.W_OK) for path in (folder, f"{folder}/cgroup.procs"))
        if "memory" in controllers and writable:
            return folder
        with contextlib.suppress(FileNotFoundError):  # the topmost has none
            if _read(f"{folder}/memory.max").strip() != "max":
                return None
        if folder == top:
            return None
        folder = os.path.dirname(folder)


def _files(version: int, memory_bytes: int) -> tuple[list[tuple[str, str, bool]], str]:
    """What is written where, and whether it must succeed; and the file that counts kills."""
    size = str(memory_bytes)
    if version == 1:
        swap = [("memory.swappiness", "0", False), ("memory.memsw.limit_in_bytes", size, False)]
        # A group takes after the one that it is in, which may be told to wait instead of killing.
        kill = ("memory.oom_control", "0", True)
        return [("memory.limit_in_bytes", size, True), kill, *swap], "memory.oom_control"
    whole = [("memory.swap.max", "0", False), ("memory.oom.group", "1", False)]
    return [("memory.max", size, True), *whole], "memory.events"


def _enter(procs: str, pid: int) -> None:
    """Move a process and all below it; what they start from then on is born there."""
    moved: set[int] = set()
    file = os.open(procs, os.O_WRONLY | os.O_CLOEXEC)
    try:
        while left := [each for each in _tree(pid) if each not in moved]:
            for each in left:
                moved.add(each)
                with contextlib.suppress(ProcessLookupError):
                    os.write(file, str(each).encode())
    finally:
        os.close(file)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in children(pid, sure=True):  # one that is left out would have no bound
        yield from _tree(child)


def _began(pid: int) -> int | None:
    """When a process began, in ticks since the machine did; None if there is none."""
    try:
        status = _read(f"/proc/{pid}/stat")
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[19])


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def _write(path: str, value: str) -> None:
    with open(path, "w") as file:
        file.write(value)
