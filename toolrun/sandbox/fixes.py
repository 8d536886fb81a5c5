"""What would fix a probe that fails?"""

from __future__ import annotations

from typing import Final

_UPDATE: Final = (
    "Update what makes the boxes (bubblewrap: 0.8 or later) and the kernel (Linux 5.14)"
)
_FIXES: Final = {
    "marker": "Something else than the box's program answered: see which one is named above as the "
    "backend, and install it anew",
    "uid": "Run toolrun as an ordinary user, or as a root that can drop to another uid",
    "capabilities": "Start toolrun without ambient capabilities: setpriv --ambient-caps=-all "
    "--inh-caps=-all toolrun ...",
    "no_new_privs": "Install a bubblewrap that is not setuid: chmod u-s on its program, where the "
    "kernel lets users create namespaces",
    "network": "Allow network namespaces: sysctl -w user.max_net_namespaces=15000; in a container "
    "allow unshare(CLONE_NEWNET) in its seccomp profile",
    "interfaces": "Allow network namespaces: sysctl -w user.max_net_namespaces=15000",
    "proc": "Run toolrun as an ordinary user; as root, with nsenter (util-linux) and CAP_SETUID, "
    "so that it can drop its uid",
    "files": "Allow mount namespaces: sysctl -w user.max_mnt_namespaces=15000",
    "root": "Allow mount namespaces: sysctl -w user.max_mnt_namespaces=15000",
    "namespaces": "Install bubblewrap 0.8 or later, which can forbid further ones "
    "(--disable-userns)",
    "environment": "A script that stands in for the program sets variables: install the program "
    "itself",
    "processes": "Allow process namespaces: sysctl -w user.max_pid_namespaces=15000",
    "syscalls": "Use a kernel that filters system calls (CONFIG_SECCOMP_FILTER), and none that is "
    "emulated",
    "terminal": "Install bubblewrap 0.8 or later, which begins a session (--new-session)",
}


def fix(name: str) -> str:
    """What would fix a probe that fails, by its name."""
    return f"{_FIXES[name]}. {_UPDATE}" if name in _FIXES else _UPDATE
