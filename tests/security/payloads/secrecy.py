"""Attacks on what only the host should know: its environment, its arguments, its keys."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time

from .trying import attempt, text_of


def environments() -> str:
    """All environments and command lines that there are to be read."""
    text = json.dumps(dict(os.environ))
    for name in os.listdir("/proc"):
        if name.isdigit():
            text += text_of(f"/proc/{name}/environ") + text_of(f"/proc/{name}/cmdline")
    return text


def environment_of(pid: int) -> str:
    return text_of(f"/proc/{pid}/environ")


def own_environment() -> str:
    return json.dumps(dict(os.environ))


def names_of_environment() -> list[str]:
    return sorted(os.environ)


def environment_of_first() -> str:
    return text_of("/proc/1/environ") + text_of("/proc/1/cmdline")


def memory_of_parents(backwards: str) -> str:
    """What others still have in their memory; it comes backwards, so that no call has it."""
    needle = backwards[::-1]
    found = "nothing"
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/mem", "rb", 0) as memory:
            for line in text_of(f"/proc/{name}/maps").splitlines():
                start, _, end = line.split()[0].partition("-")
                if "rw" not in line.split()[1]:
                    continue
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    memory.seek(int(start, 16))
                    if needle.encode() in memory.read(int(end, 16) - int(start, 16)):
                        found = needle
    return found


def usual_places() -> list[str]:
    """Where machines and containers keep keys; those that can be opened."""
    home = "/root"
    places = (
        *(f"{home}/{name}" for name in (".ssh", ".aws", ".netrc", ".gitconfig", ".pypirc")),
        *("/run/secrets", "/var/run/docker.sock", "/run/containerd/containerd.sock"),
        *("/etc/shadow", "/etc/ssh", "/etc/ssl/private", "/etc/kubernetes", "/etc/environment"),
        *("/var/lib", "/var/log", "/var/spool", "/home", "/srv", "/opt", "/boot", "/mnt", "/media"),
        *("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/machine-id", "/sys/kernel"),
    )
    return [path for path in places if os.path.lexists(path)]


def wait_with(argument: str, seconds: float) -> int:
    """Hold an argument while somebody looks at the command lines."""
    time.sleep(seconds)
    return len(argument)


def other_modules() -> list[str]:
    """What the parent's own modules would tell, were this its process."""
    return sorted(name for name in sys.modules if name.startswith(("toolrun", "pytest", "msgspec")))


def agent_socket() -> str:
    return attempt(lambda: os.stat(os.environ.get("SSH_AUTH_SOCK", "/nowhere")))


def inherited(path: str) -> list[str]:
    """The open descriptors that lead to a file."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{number}")
            if target.startswith(path):
                found.append(number)
    return found


def inherited_by_programs() -> list[str]:
    """The descriptors that a program gets which the tool starts."""
    import subprocess

    listing = subprocess.run(
        ["/bin/ls", "/proc/self/fd"], capture_output=True, text=True, check=True, close_fds=False
    )
    return listing.stdout.split()
