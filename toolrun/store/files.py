"""How does the file of a store come to be one that only its owner reads, and nobody's trap?

A file that is there is looked at, never opened: closing any descriptor of it would drop the locks
that SQLite holds on it for this process (sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite looks for beside the file: it writes what one of them says into that."""
_making = threading.Lock()


def _in_child() -> None:
    global _making  # noqa: PLW0603 - a thread that is not in the fork may hold it
    _making = threading.Lock()


os.register_at_fork(after_in_child=_in_child)


def prepare(path: Path) -> None:
    """See that the file is there, 0600, and this user's; a folder that is made is 0700.

    SQLite gives the files beside it (`-wal`, `-shm`) the same permissions.

    Raises:
        OSError: it cannot be written; it is another user's, or a link of one, or no file.
    """
    with _making:
        try:
            _make(path)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(path)
    for each in (path, *(path.with_name(path.name + end) for end in _BESIDE)):
        with contextlib.suppress(FileNotFoundError):
            _check(each)


def _make(path: Path) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, flags, 0o600))


def _check(path: Path) -> None:
    """Refuse what another user could read, write or point elsewhere."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        _refuse(path, found.st_uid, "is a link that", others=(0,))
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is no file; give another path", str(path))
    _refuse(path, found.st_uid, "is there already and")
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o600)  # it may have been open to others


def _refuse(path: Path, owner: int, what: str, others: tuple[int, ...] = ()) -> None:
    if owner not in (os.geteuid(), *others):
        raise PermissionError(
            errno.EPERM, f"{what} belongs to another user ({owner}); give another path", str(path)
        )
