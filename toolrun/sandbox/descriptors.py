"""How do bytes and descriptors get to a process that starts? Pipes, and memory that can be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import contextlib


def pipe(stack: contextlib.ExitStack, give: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe: its read end belongs to `stack`, its write end to `give`."""
    read, write = os.pipe2(os.O_CLOEXEC)
    stack.callback(os.close, read)
    give.callback(os.close, write)
    return read, write


def memory(give: contextlib.ExitStack, content: bytes) -> int:
    """A descriptor to read bytes from: unlike a pipe it takes any number without waiting."""
    descriptor = os.memfd_create("toolrun", os.MFD_CLOEXEC)
    give.callback(os.close, descriptor)
    write_all(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def write_all(descriptor: int, content: bytes) -> None:
    """Write all bytes, however many are taken at once.

    Raises:
        OSError: they do not fit, or nobody takes them.
    """
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
