"""Which process does a number mean? A descriptor of it, that means the same one for as long."""

from __future__ import annotations

import os
import re
import select
from pathlib import Path


def hold(pid: int, *, first: bool) -> int | None:
    """A descriptor of a process; None if there is none, or another one has its number by now.

    Args:
        pid: its number.
        first: whether it has to be the first of a namespace below this one's.

    Raises:
        OSError: no descriptor is to be had now.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        if not first or _is_first(pid):
            return pidfd
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        pass
    except BaseException:
        os.close(pidfd)
        raise
    os.close(pidfd)
    return None


def has_ended(pidfd: int) -> bool:
    """Whether the process has ended."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _is_first(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_bytes()
    return re.search(rb"^NSpid:\t\d+(\t\d+)*\t1$", status, re.MULTILINE) is not None
