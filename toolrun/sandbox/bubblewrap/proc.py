"""Which entries of /proc does a box not see? What is told of the whole host, and needed by nothing.

The box's /proc is of its own process namespace, but some entries know no namespaces. Those that
only root may read or write are left, since a box's user is never root. So is what tells of load:
`/proc/stat` does too, and programs read that. `/proc/mounts` is the process's own, and names what
it sees anyway.
"""

# Paths are bubblewrap's arguments here; each cover is a mount more, some 0.07 ms.
# ruff: noqa: PTH112, PTH116, PTH123
from __future__ import annotations

import os
from functools import cache
from typing import Final

_FILES: Final = (
    "cmdline",  # how the host was booted, now and then with a secret
    "keys",  # of the user that boxes run under
    *("latency_stats", "sched_debug", "timer_stats"),  # what other processes are called
)
_ADDRESSES: Final = ("kallsyms", "modules")
_FOLDERS: Final = ("asound", "fs/cifs", "fs/nfsfs", "scsi")  # whose devices and servers
_OTHERS: Final = 0o006
_SETTINGS: Final = "/proc/sys/kernel"


@cache
def hidden() -> tuple[str, ...]:
    """The arguments that cover what there is of them, after `--proc`."""
    names = (*_FILES, *_FOLDERS, *(_ADDRESSES if _are_addresses_shown() else ()))
    parts: list[str] = []
    for path in (f"/proc/{name}" for name in names):
        if not os.access(path, os.F_OK) or not os.stat(path).st_mode & _OTHERS:
            continue
        if os.path.isdir(path):
            parts += ["--size", "4096", "--perms", "0555", "--tmpfs", path, "--remount-ro", path]
        else:
            # Without devices: it cannot even be opened.
            parts += ["--ro-bind", "/dev/null", path]
    return tuple(parts)


def _are_addresses_shown() -> bool:
    """Whether ordinary users see where the kernel's code lies, which is what an attack asks."""
    try:
        with open(f"{_SETTINGS}/kptr_restrict") as file:
            restricted = int(file.read())
        with open(f"{_SETTINGS}/perf_event_paranoid") as file:
            paranoid = int(file.read())
    except (OSError, ValueError):
        return True
    return restricted == 0 and paranoid <= 1
