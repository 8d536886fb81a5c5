"""How much does a box use right now? Sampled: rlimits bind single processes, not their sum."""

# Every 20 ms: no objects for names in /proc.
# ruff: noqa: PTH208
from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.sandbox.order import SCRATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolrun.sandbox.job import Status
    from toolrun.sandbox.profile import Profile

INTERVAL: Final = 0.02
"""Seconds between two samples: a tree is caught some 20 to 40 MiB above its limit."""

_KIB: Final = 1024
_TMPFS: Final = ("/tmp", "/dev/shm")  # noqa: S108 - of the box


def exceeded(init: int, profile: Profile, *, memory: bool = True) -> tuple[Status, str] | None:
    """Which limit the tree below a box's first process exceeds, and how to say so.

    Args:
        init: the box's first process.
        profile: says the limits.
        memory: look at that, too.
    """
    writable = (*_TMPFS, SCRATCH) if profile.workspace == "scratch" else _TMPFS
    files, size = written(init, writable)
    if memory:
        room = profile.memory_bytes - size
        # What a fork shares is counted for each process first: quick, and rather too much.
        if resident_bytes(init) > room and resident_bytes(init, _proportional) > room:
            return memory_limit(profile)
    if files > profile.inodes:
        return "disk_limit", f"created more than {profile.inodes} files"
    return None


def memory_limit(profile: Profile) -> tuple[Status, str]:
    """What is said of a box that exceeds its memory, whoever found out."""
    return "memory_limit", f"used more than {profile.memory_bytes >> 20} MiB of memory"


def resident_bytes(init: int, count: Callable[[int], int] | None = None) -> int:
    """Anonymous and shared resident memory of a process and all below it, in bytes.

    Orphans of a box are adopted by its first process, so the tree below that is complete.

    Args:
        init: the process.
        count: how that of one is counted; by default pages that several share count for each.
    """
    count = count or _resident
    total = 0
    pending = [init]
    while pending:
        pid = pending.pop()
        total += count(pid)
        pending += children(pid)
    return total


def written(init: int, writable: Iterable[str] = _TMPFS) -> tuple[int, int]:
    """Files and folders in the writable file systems of a box, and their bytes.

    Both take memory that no process maps. Nothing is counted where they cannot be seen. What is
    mapped there counts twice: rather too early than too late.
    """
    files = size = 0
    for name in writable:
        place = f"/proc/{init}/root{name}"
        try:
            if _device(place) == _device(name):
                continue  # the host's own: a box without a mount namespace has none of these
            status = os.statvfs(place)
        except OSError:
            continue
        files += status.f_files - status.f_ffree
        size += (status.f_blocks - status.f_bfree) * status.f_frsize
    return files, size


def _device(path: str) -> int:
    return os.stat(path).st_dev  # noqa: PTH116 - every 20 ms


def _resident(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    total = 0
    for line in status.splitlines():
        # File pages are left out: they are the page cache's, shared with everybody.
        if line.startswith((b"RssAnon:", b"RssShmem:")):
            total += int(line.split()[1]) * _KIB
    return total


def _proportional(pid: int) -> int:
    """The same with each page parted among those that share it; ten times as slow."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
    except OSError:
        return _resident(pid)
    lines = [line for line in rollup.splitlines() if line.startswith((b"Pss_Anon:", b"Pss_Shmem:"))]
    return sum(int(line.split()[1]) for line in lines) * _KIB


def children(pid: int, *, sure: bool = False) -> list[int]:
    """The processes that a process has started; none where it has ended, or cannot be seen.

    Raises:
        OSError: no descriptor is to be had to see them, and it has to be `sure`.
    """
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())
    except OSError as error:  # it ended meanwhile
        if sure and error.errno in {errno.EMFILE, errno.ENFILE}:
            raise
    return found
