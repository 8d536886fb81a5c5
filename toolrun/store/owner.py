"""Who holds a lease, and does that process still live?

An owner is written as `host/pid/start/boot/space/store`: where and when the process started, in
which pid namespace of which boot of the kernel, and one number of its own for each store. Of a
process of this boot and namespace it can be told at once that it is dead; of all others it is
believed when their lease has run out.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

from msgspec import Struct

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Owner(Struct, frozen=True):
    """A store that is open in a process."""

    host: str
    pid: str
    start: str
    boot: str
    space: str
    store: str

    @classmethod
    def here(cls) -> Owner:
        """A new one, of this process."""
        pid = os.getpid()
        host = socket.gethostname().replace("/", "-")
        return cls(host, str(pid), started(pid), boot(), _space(), secrets.token_hex(6))

    @classmethod
    def of(cls, text: str) -> Owner | None:
        """One as it is stored; None where that is none."""
        parts = text.split("/")
        return cls(*parts) if len(parts) == len(cls.__struct_fields__) else None

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.start}/{self.boot}/{self.space}/{self.store}"

    @property
    def shown(self) -> str:
        """For people."""
        return f"process {self.pid} on {self.host}"


def shown(owner: str) -> str:
    """An owner as it is stored, for people."""
    found = Owner.of(owner)
    return found.shown if found is not None else owner


def is_dead(owner: str) -> bool:
    """Whether an owner is known to live no more; False where that cannot be known from here."""
    found = Owner.of(owner)
    if found is None or not found.boot or not found.space or not found.start:
        return False
    if (found.host, found.boot, found.space) != (socket.gethostname(), boot(), _space()):
        return False
    pid = int(found.pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's, and there
    now = started(pid)  # "" where /proc is hidden from us
    return now == _GONE or bool(now and now != found.start)


_GONE: Final = "gone"


def started(pid: int) -> str:
    """When a process started, in ticks since the boot; "gone" where it ended, "" if unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # Killed, and not waited for by its parent yet: a pid that does nothing any more.
    return _GONE if fields[0] in "ZX" else fields[19]


@lru_cache(maxsize=1)
def boot() -> str:
    """Which boot of the kernel this is; "" where it does not say."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def now() -> float:
    """Seconds that no change of the clock moves, the same in all processes of this boot."""
    if boot():
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time()
