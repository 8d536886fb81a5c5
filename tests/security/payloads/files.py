"""Attacks on files that the box was not given, or not to write."""

from __future__ import annotations

import errno
import mmap
import os

from .trying import DONE, attempt, libc, text_of


def read(paths: list[str]) -> dict[str, str]:
    return {path: text_of(path)[:100] for path in paths}


def listing(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        return ["!" + errno.errorcode[error.errno or 0]]


def write(paths: list[str]) -> dict[str, str]:
    """Open for writing, which changes nothing where it succeeds; make what is not there."""

    def touch(path: str) -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))

    return {path: attempt(touch, path) for path in paths}


def write_what_is_there(paths: list[str]) -> dict[str, str]:
    return {path: attempt(lambda path=path: os.close(os.open(path, os.O_WRONLY))) for path in paths}


def truncate(path: str) -> str:
    return attempt(os.truncate, path, 0)


def append(path: str) -> str:
    return attempt(lambda: open(path, "a").close())


def unlink(path: str) -> str:
    return attempt(os.unlink, path)


def rename(path: str) -> str:
    return attempt(os.rename, path, path + ".other")


def chmod(path: str) -> str:
    return attempt(os.chmod, path, 0o777)


def utime(path: str) -> str:
    return attempt(os.utime, path, (1, 1))


def mkdir(path: str) -> str:
    return attempt(os.mkdir, path + ".folder")


def symlink(path: str) -> str:
    return attempt(os.symlink, "/etc", path + ".link")


def hard_link(path: str) -> str:
    return attempt(os.link, path, path + ".link")


def fifo(path: str) -> str:
    return attempt(os.mkfifo, path + ".fifo")


def attribute(path: str) -> str:
    return attempt(os.setxattr, path, "user.planted", b"x")


def nameless(path: str) -> str:
    return attempt(lambda: os.close(os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR)))


def reopen(path: str) -> str:
    """Read-only at first; then for writing, through the descriptor's name in /proc."""
    descriptor = os.open(path, os.O_RDONLY)
    return attempt(lambda: os.close(os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)))


def change_by_descriptor(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    return attempt(os.fchmod, descriptor, 0o777)


def map_and_write(path: str) -> str:
    def change() -> None:
        descriptor = os.open(path, os.O_RDWR)
        with mmap.mmap(descriptor, 1) as memory:
            memory[0] = 0

    return attempt(change)


def exchange(path: str) -> str:
    """Swap it with a file of the box's own in one step."""
    mine = os.path.dirname(path) + "/mine"
    if attempt(lambda: open(mine, "w").close()) != DONE:
        mine = "/tmp/mine"
        open(mine, "w").close()
    swap = 2
    return libc("renameat2", -100, mine.encode(), -100, path.encode(), swap)


def replace_temporary_folder(path: str) -> str:
    return attempt(os.rename, path, path.rstrip("/") + ".gone")


def path_descriptor(path: str) -> str:
    """A descriptor of a hidden file without leave to read it, made into one with."""
    try:
        descriptor = os.open(path, os.O_PATH)
    except OSError as error:
        return "!" + errno.errorcode[error.errno or 0]
    return text_of(f"/proc/self/fd/{descriptor}")


def size_of(path: str) -> str:
    """A hidden file's length tells of it, too."""
    try:
        return str(os.stat(path).st_size)
    except OSError as error:
        return "!" + errno.errorcode[error.errno or 0]
