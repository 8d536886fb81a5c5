"""Attacks that fill disks, use up inodes and descriptors, and flood what reads them."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Any

from .trying import DONE, attempt, libc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MIB = 1 << 20


def fill(folder: str, mebibytes: int) -> dict[str, Any]:
    written, why = 0, ""
    for number in range(mebibytes):
        try:
            with open(f"{folder}/{number}", "wb", buffering=0) as file:
                written += file.write(bytes(_MIB))
        except OSError as error:
            why = errno.errorcode[error.errno or 0]
            break
    return {"written": written, "why": why}


def fill_unlinked(folder: str, mebibytes: int) -> dict[str, Any]:
    """Into files without a name, which no listing shows."""
    written, why = 0, ""
    held = []
    for _ in range(mebibytes // 4):
        try:
            descriptor = os.open(f"{folder}/gone", os.O_CREAT | os.O_RDWR)
            os.unlink(f"{folder}/gone")
            held.append(descriptor)
            for _ in range(4):
                written += os.write(descriptor, bytes(_MIB))
        except OSError as error:
            why = errno.errorcode[error.errno or 0]
            break
    return {"written": written, "why": why}


def reserve(folder: str, mebibytes: int) -> dict[str, Any]:
    """Take the room without writing."""
    written, why = 0, ""
    for number in range(0, mebibytes, 8):
        descriptor = os.open(f"{folder}/{number}", os.O_CREAT | os.O_RDWR)
        why = attempt(os.posix_fallocate, descriptor, 0, 8 * _MIB)
        if why != DONE:
            break
        written += 8 * _MIB
    return {"written": written, "why": why.replace(DONE, "")}


def fill_through_map(folder: str, mebibytes: int) -> None:
    """A sparse file of which more is touched than there is room for, beside another one."""
    import mmap

    with open(f"{folder}/half", "wb") as file:
        file.write(bytes(mebibytes * _MIB // 2))
    descriptor = os.open(f"{folder}/sparse", os.O_CREAT | os.O_RDWR)
    os.truncate(descriptor, mebibytes * _MIB)
    memory = mmap.mmap(descriptor, mebibytes * _MIB)
    for page in range(0, mebibytes * _MIB, 4096):
        memory[page] = 1


def large_file(size: int) -> str:
    with open("/tmp/large", "wb") as file:
        return attempt(os.truncate, file.fileno(), size)


def _many(make: Callable[[str], object], count: int) -> int:
    for number in range(count):
        make(f"/tmp/{number}")
    time.sleep(1)
    return count


def many_files(count: int) -> int:
    return _many(lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY)), count)


def many_folders(count: int) -> int:
    return _many(os.mkdir, count)


def many_links(count: int) -> int:
    return _many(lambda path: os.symlink("/nowhere", path), count)


def many_fifos(count: int) -> int:
    return _many(os.mkfifo, count)


def many_in_shared_memory(count: int) -> int:
    for number in range(count):
        os.close(os.open(f"/dev/shm/{number}", os.O_CREAT | os.O_WRONLY))
    time.sleep(1)
    return count


def nest(depth: int) -> int:
    """Folders so deep that whoever clears them away by path cannot."""
    for _ in range(depth):
        os.mkdir("deeper")
        os.chdir("deeper")
    return depth


def open_descriptors(limit: int) -> dict[str, Any]:
    held: list[int] = []
    why = ""
    while len(held) < limit and not why:
        try:
            held += os.pipe()
        except OSError as error:
            why = errno.errorcode[error.errno or 0]
    return {"started": len(held), "why": why}


def flood(descriptor: int) -> None:
    while True:
        os.write(descriptor, b"x" * 65536)


def flood_both() -> None:
    while True:
        os.write(1, b"x" * 4096)
        os.write(2, b"y" * 4096)


def flood_from_many(processes: int) -> None:
    for _ in range(processes):
        if os.fork() == 0:
            flood(1)
    time.sleep(1)


def trickle() -> None:
    """A byte at a time: a wake-up of the reader each."""
    while True:
        os.write(1, b"x")


def flood_without_utf8() -> None:
    while True:
        os.write(1, b"\xf0\x9f" * 4096)


def flood_with_escapes() -> None:
    while True:
        os.write(1, b"\x1b]0;x\x07\x1b[2J" * 1024)


def large_result(size: int) -> str:
    return "x" * size


def wide_result() -> list[int]:
    return [0] * (1 << 20)


def deep_result() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def endless_result() -> Iterator[int]:
    """A generator that never ends."""
    while True:
        yield 1


def large_error(size: int) -> None:
    raise RuntimeError("x" * size)


def large_progress(size: int) -> Iterator[str]:
    yield "x" * size


def flood_result() -> None:
    from .forgery import result_pipe

    pipe = result_pipe()
    os.write(pipe, b"J" + (2**31).to_bytes(4, "big"))
    flood(pipe)


def flood_progress() -> None:
    from .forgery import result_pipe

    pipe = result_pipe()
    while True:
        os.write(pipe, b"P\0\0\0\0" * 1000)


def enlarge_pipe() -> str:
    """Kernel memory: a pipe's buffer of more than a user may have."""
    set_size = 1031
    read, _ = os.pipe()
    return libc("fcntl", read, set_size, 1 << 26)
