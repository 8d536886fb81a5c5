"""Whose turn is it to change a workspace? One call's at a time, over all processes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import time
from typing import Final

import anyio

WAIT_SECONDS: Final = 30.0
"""Changes take milliseconds; whoever holds a workspace longer is stopped, or stuck."""
_POLL: Final = 0.005


async def lock(workspace: int) -> None:
    """Hold a workspace alone, by a descriptor of its folder, until `unlock`, or until it is closed.

    Raises:
        TimeoutError: somebody else has held it for 30 seconds.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not _taken(workspace):
        if time.monotonic() > deadline:
            raise TimeoutError(errno.ETIMEDOUT, "another process holds the workspace")
        await anyio.sleep(_POLL)


def unlock(workspace: int) -> None:
    """Let others change it."""
    with contextlib.suppress(OSError):
        fcntl.flock(workspace, fcntl.LOCK_UN)


def _taken(workspace: int) -> bool:
    try:
        fcntl.flock(workspace, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: as good as it can be
    return True
