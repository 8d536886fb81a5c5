"""How is a file opened that only its owner may read, and that is nobody's trap?"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_WRITE: Final = os.O_APPEND | os.O_CLOEXEC
_BLOCK: Final = 1 << 16


def create(path: Path) -> int:
    """A new file, in place of one that is there; its folder is made (0700, the file 0600).

    Raises:
        OSError: it cannot be written; what is there is another user's, or a link of one, or a
            session that is open writes it.
    """
    flags = os.O_WRONLY | os.O_CREAT | _WRITE
    try:
        return _alone(os.open(path, flags | os.O_EXCL, 0o600), path)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        pass
    file = _owned(path, flags)
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.ftruncate(file, 0)
    return file


def create_new(path: Path) -> int:
    """A new file where there is none.

    Raises:
        OSError: it cannot be written; there is one.
    """
    return _alone(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _WRITE, 0o600), path)


def reopen(path: Path) -> int:
    """A file that is there, to add to; half a line at its end is cut off.

    Raises:
        OSError: as `create`.
    """
    file = _owned(path, os.O_RDWR | _WRITE)
    try:
        os.ftruncate(file, _whole(file))
    except BaseException:
        os.close(file)
        raise
    return file


def _owned(path: Path, flags: int) -> int:
    """Open a file that may be there already."""
    try:
        file = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        _refuse(path, path.lstat().st_uid, "is a link that", others=(0,))
        file = os.open(path, flags, 0o600)
    try:
        found = os.fstat(file)
        if stat.S_ISREG(found.st_mode):  # not a pipe or a terminal
            # Another user would read on, whatever the mode says.
            _refuse(path, found.st_uid, "is there already and")
            os.fchmod(file, 0o600)  # it may have been open to others
            return _alone(file, path)
    except BaseException:
        os.close(file)
        raise
    return file


def _alone(file: int, path: Path) -> int:
    """See that nobody else writes a file, in this process or another, as long as it is open."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        what = "another session that is open writes it; give each a path of its own"
        raise BlockingIOError(errno.EWOULDBLOCK, what, str(path)) from None
    except OSError:
        pass  # a file system without locks
    return file


def _refuse(path: Path, owner: int, what: str, others: tuple[int, ...] = ()) -> None:
    if owner not in (os.geteuid(), *others):
        raise PermissionError(
            errno.EPERM, f"{what} belongs to another user ({owner}); give another path", str(path)
        )


def _whole(file: int) -> int:
    """How many bytes of a file are whole lines."""
    end = os.fstat(file).st_size
    while end > 0:
        begin = max(0, end - _BLOCK)
        newline = os.pread(file, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0
