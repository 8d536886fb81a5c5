"""Attacks through /proc: the host's kernel, other processes, its own."""

from __future__ import annotations

import os

from .trying import attempt, text_of


def write_what_is_there(paths: list[str]) -> dict[str, str]:
    """Opened, never written: where it succeeds the host must stay as it is."""
    return {path: attempt(lambda path=path: os.close(os.open(path, os.O_WRONLY))) for path in paths}


def read(path: str) -> str:
    return text_of(path)[:4000]


def first_memory() -> str:
    """The memory of the first process, which is bubblewrap's."""
    return attempt(lambda: os.close(os.open("/proc/1/mem", os.O_RDWR)))


def memory_of(pid: int) -> str:
    return attempt(lambda: os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR)))


def own_memory() -> str:
    return attempt(lambda: os.close(os.open("/proc/self/mem", os.O_WRONLY)))


def processes() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def root_of(pid: int) -> str:
    return attempt(lambda: os.listdir(f"/proc/{pid}/root/"))


def descriptors_of(pid: int) -> str:
    return attempt(lambda: os.listdir(f"/proc/{pid}/fd"))


def kernel_addresses() -> str:
    """ "shown" where the kernel's layout is."""
    text = text_of("/proc/kallsyms")
    if text.startswith("!"):
        return text[1:]
    return (
        "hidden" if {line.split()[0] for line in text.splitlines()[:100]} == {"0" * 16} else "shown"
    )


def write_core_pattern() -> str:
    return attempt(lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)))


def by_a_new_mount(path: str) -> str:
    """Mount a second proc, which would be writable."""
    from .trying import libc

    return libc("mount", b"proc", path.encode(), b"proc", 0, None)
