"""How is a part of the rig built once, and shared by all runs that need it?

A part is a folder named after a hash of its inputs. It is built in place, under a lock, since a
virtual environment does not move; a marker written last says that it is whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.rig.versions import cache_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.rig.versions import Progress

_MARKER = ".whole"


@dataclass(frozen=True, slots=True)
class Part:
    """A folder that is built once.

    Attributes:
        name: what it is, the beginning of the folder's name.
        inputs: all that its content depends on; any change makes another folder.
        build: fills the (existing, empty) folder.
        title: what a person reads while it is built.
    """

    name: str
    inputs: tuple[str, ...]
    build: Callable[[Path], None]
    title: str

    @property
    def path(self) -> Path:
        tag = f"{sys.implementation.cache_tag}-{platform.machine()}"
        digest = hashlib.sha256("\0".join((tag, *self.inputs)).encode()).hexdigest()
        return cache_root() / f"{self.name}-{digest[:12]}"

    def ensure(self, progress: Progress) -> Path:
        """Build the folder unless it is whole, and return it; safe when two runs do so at once."""
        path = self.path
        if (path / _MARKER).exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_name(f"{path.name}.lock"), self.title, progress):
            if (path / _MARKER).exists():
                return path
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            progress(f"{self.title} ...")
            begin = time.monotonic()
            self.build(path)
            (path / _MARKER).touch()
            progress(f"{self.title} ... {time.monotonic() - begin:.0f} s")
        return path


@contextmanager
def _locked(lock: Path, title: str, progress: Progress) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{title}: another run builds it, waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
