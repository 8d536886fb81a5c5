"""How are the finished files of a trace compressed? In a thread, to the same bytes each time."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
from typing import TYPE_CHECKING, Final

from toolrun.trace.layout import packed, packing

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

AT_ONCE: Final = 128 * 1024
"""Bytes that take less than making a thread would be worth."""

_BLOCK: Final = 1 << 20
_LEVEL: Final = 6


class Packing:
    """Compresses files, one after the other; what fails leaves the plain file, and is logged."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    def add(self, path: Path) -> None:
        """Compress a file that nobody writes to any more: now where it is small, else beside."""
        with contextlib.suppress(OSError):
            if path.stat().st_size <= AT_ONCE and self._threads is None:
                _pack(path)
                return
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor

            # Not a daemon: a program that ends waits for it.
            self._threads = ThreadPoolExecutor(1, "toolrun-trace")
        self._threads.submit(_pack, path)

    @property
    def runs(self) -> bool:
        """Whether there is something to wait for."""
        return self._threads is not None

    def wait(self) -> None:
        """Return when all is compressed; blocks."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()


def _pack(path: Path) -> None:
    temporary = packing(path)
    try:
        _compress(path, temporary)
        temporary.rename(packed(path))
        path.unlink()
    except OSError as error:
        import structlog

        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        structlog.get_logger("toolrun").warning(
            "a finished file of a trace could not be compressed; it stays as it is",
            path=str(path),
            error=f"{type(error).__name__}: {error}",
        )


def _compress(path: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(source, "rb") as plain:  # noqa: PTH123 - a descriptor
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            open(os.open(target, flags, 0o600), "wb") as raw,  # noqa: PTH123 - a descriptor
            # Neither a name nor a time: the same bytes for the same file.
            gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as writer,
        ):
            shutil.copyfileobj(plain, writer, _BLOCK)
