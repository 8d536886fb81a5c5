"""How is a file of a folder reached, whatever lies in its way? By descriptors, never by links.

Each component of a path is opened from the folder above it, and none may be a link: whoever plants
one between a look and an act leads nobody out of the folder.
"""

# Descriptors and names inside them: what pathlib has no form for.
from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolrun.sandbox.layer.layer import Parts

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK: Final = 1 << 20
MODE: Final = 0o777
"""What is kept of a mode: neither setuid, setgid nor sticky."""


@contextlib.contextmanager
def folder_at(root: int, parts: Parts) -> Iterator[int]:
    """A descriptor of a folder below another.

    Raises:
        OSError: it is not there, or a part of the way is no folder (a link, say).
    """
    descriptor = os.open(".", FOLDER, dir_fd=root)
    try:
        for part in parts:
            below = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def status_of(folder: int, name: str) -> os.stat_result | None:
    """What lies under a name in a folder, links not followed; None where nothing does."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def file_at(folder: int, name: str) -> Iterator[int]:
    """A descriptor of a regular file in a folder, to read.

    Raises:
        OSError: it is not there, cannot be read, or is something else.
    """
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{name} is no regular file any more")
        yield descriptor
    finally:
        os.close(descriptor)


def content_of(folder: int, name: str) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: see `file_at`.
    """
    with file_at(folder, name) as descriptor:
        return b"".join(chunks(descriptor))


def digest_of(folder: int, name: str) -> str:
    """The sha256 of a regular file.

    Raises:
        OSError: see `file_at`.
    """
    digest = hashlib.sha256()
    with file_at(folder, name) as descriptor:
        for chunk in chunks(descriptor):
            digest.update(chunk)
    return digest.hexdigest()


def chunks(descriptor: int) -> Iterator[bytes]:
    """What is left to read."""
    while chunk := os.read(descriptor, _CHUNK):
        yield chunk


def unlock(folder: int, name: str, status: os.stat_result) -> None:
    """Let this process into something of its own that a tool has closed to its owner.

    For a layer alone, which nobody else sees: the mode that counts is the one in `status`.
    """
    if status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode):
        needed = 0o700 if stat.S_ISDIR(status.st_mode) else 0o400
        if status.st_mode & needed != needed:
            os.chmod(name, stat.S_IMODE(status.st_mode) | needed, dir_fd=folder)
