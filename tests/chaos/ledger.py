"""What have tools really done? A file that outlives every process: a line for each deed."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Ledger:
    """Lines `TOOL KEY`, each on the disk before its writer goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, tool: str, key: str) -> None:
        """Note a deed."""
        with self._locked() as file:
            os.write(file, f"{tool} {key}\n".encode())
            os.fsync(file)

    def write_once(self, tool: str, key: str) -> None:
        """Note a deed unless it stands there: what a service does that honours the key."""
        with self._locked() as file:
            if not self.done(tool, key):
                os.write(file, f"{tool} {key}\n".encode())
                os.fsync(file)

    def done(self, tool: str, key: str) -> bool:
        """Whether it stands there."""
        return bool(self.counts()[tool, key])

    def counts(self) -> Counter[tuple[str, str]]:
        """How often each tool was at work under each key."""
        if not self.path.exists():
            return Counter()
        lines = self.path.read_text().splitlines()
        return Counter((tool, key) for tool, _, key in (line.partition(" ") for line in lines))

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)
