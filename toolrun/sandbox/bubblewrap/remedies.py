"""What would fix what bubblewrap says when it does not start?"""

from __future__ import annotations

from typing import Final

# Each: what bubblewrap says, and what to do about it.
# ruff: noqa: ISC004 - pairs of a tuple and one long string
_REMEDIES: Final = (
    (
        ("new namespace failed", "No permissions to create", "setting up uid map"),
        "This machine does not let ordinary users create namespaces. Allow it: "
        "sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1; on Ubuntu "
        "24.04 and later install the package bubblewrap, which AppArmor allows, or "
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; in a container start it with "
        "--security-opt seccomp=FILE, the file that toolrun sandbox seccomp prints",
    ),
    (
        ("find source path", "Can't bind mount", "Can't mkdir", "Can't create file"),
        "A file or folder that the box shows is gone or cannot be read by its user: check that "
        "path and the folders above it",
    ),
    (
        ("Can't set hostname",),
        "This container's seccomp profile refuses what makes a box: start it with "
        "--security-opt seccomp=FILE, the file that toolrun sandbox seccomp prints",
    ),
    (
        ("Can't mount proc", "/proc/sys/user/max_user_namespaces"),
        "This container hides parts of /proc: start it with --security-opt systempaths=unconfined "
        "(podman: --security-opt unmask=ALL)",
    ),
    (
        ("execvp", "Permission denied"),
        "The interpreter cannot be read by the boxes' user: use one outside a private home",
    ),
)


def remedy(said: str) -> str:
    """What would fix what bubblewrap said."""
    for signs, fix in _REMEDIES:
        if any(sign in said for sign in signs):
            return fix
    return "Run the sandbox's program by hand with --help to see whether it starts"
