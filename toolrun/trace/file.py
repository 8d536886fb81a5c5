"""Where do the lines of a trace go? `TraceFile`: a file that only its owner may read."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class TraceFile:
    """A file that lines are added to; made at the first of them, in place of one that is there.

    Args:
        path: of the file; its folder is made. Only its owner may read it (0600).
        head: gives the lines that it begins with, when it is made.

    Raises:
        OSError: from `write` and `close`: the disk is full, the folder may not be written, ....
    """

    def __init__(self, path: Path, head: Callable[[], bytes]) -> None:
        self.path = path
        self._head = head
        self._file: int | None = None

    def write(self, data: bytes) -> None:
        """Add whole lines, in one write unless the system takes only a part."""
        if self._file is None:
            begun = self._head()
            self._file = _create(self.path)
            data = begun + data
        _write(self._file, data)

    def close(self) -> None:
        """Let go of the file; it may be closed twice."""
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)  # a full disk may be told of as late as this


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_EXCL, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        pass
    file = os.open(path, flags | os.O_TRUNC, 0o600)
    if stat.S_ISREG(os.fstat(file).st_mode):  # not a pipe or a terminal
        os.fchmod(file, 0o600)  # it may have been there, open to others
    return file


def _write(file: int, data: bytes) -> None:
    """All of the data; one call of the system unless it takes only a part."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, data[written:])
