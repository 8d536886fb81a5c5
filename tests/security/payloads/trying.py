"""How does an attack say what happened to it? "done", or the name of the error."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any, Final

LIBC: Final = ctypes.CDLL(None, use_errno=True)
DONE: Final = "done"


def attempt(action: Any, *arguments: Any) -> str:
    """Call something that raises `OSError` where it is refused."""
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return DONE


def libc(name: str, *arguments: Any) -> str:
    """Call a function of the C library that gives -1 where it is refused."""
    if getattr(LIBC, name)(*arguments) == -1:
        return errno.errorcode[ctypes.get_errno()]
    return DONE


def syscall(numbers: dict[str, int], *arguments: Any) -> str:
    """Make a system call by its number, which depends on the machine."""
    return libc("syscall", numbers[os.uname().machine], *arguments)


def text_of(path: str) -> str:
    """The first bytes of a file, or "!" and the name of the error."""
    try:
        with open(path, "rb") as file:
            return file.read(65536).decode(errors="replace")
    except OSError as error:
        return "!" + errno.errorcode[error.errno or 0]
