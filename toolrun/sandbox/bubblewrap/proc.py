"""Which entries of /proc does a box not see? What is told of the whole host, and needed by nothing.

The box's /proc is of its own process namespace, but some entries know no namespaces. Those that
only root may read or write are left, since a box's user is never root. `/proc/mounts` stays as
well: it is the process's own, and names what it sees anyway.
"""

# Paths are bubblewrap's arguments here; each cover is a mount more, some 0.07 ms.
# ruff: noqa: PTH112, PTH116
from __future__ import annotations

import os
from functools import cache
from typing import Final

_FILES: Final = (
    "cmdline",  # how the host was booted, now and then with a secret
    "keys",  # of the user that boxes run under
    *("kallsyms", "modules"),  # where the kernel's code lies, which is what an attack on it asks
    *("interrupts", "latency_stats", "sched_debug", "timer_stats"),  # when others do what
)
_FOLDERS: Final = ("asound", "fs/cifs", "fs/nfsfs", "scsi")  # whose devices and servers
_OTHERS: Final = 0o006


@cache
def hidden() -> tuple[str, ...]:
    """The arguments that cover what there is of them, after `--proc`."""
    parts: list[str] = []
    for path in (f"/proc/{name}" for name in (*_FILES, *_FOLDERS)):
        if not os.access(path, os.F_OK) or not os.stat(path).st_mode & _OTHERS:
            continue
        if os.path.isdir(path):
            parts += ["--size", "4096", "--perms", "0555", "--tmpfs", path, "--remount-ro", path]
        else:
            # Without devices: it cannot even be opened.
            parts += ["--ro-bind", "/dev/null", path]
    return tuple(parts)
