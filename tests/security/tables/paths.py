"""/proc and archives: paths that are more than files, and files that are full of paths."""

from __future__ import annotations

from typing import Final

from tests.security.attack import Attack, of, refused, sees

_AWAY: Final = refused("ENOENT")
_proc = of("/proc", "proc")


_CLOSED: Final = refused("EROFS", "EACCES", "ENOENT", "EPERM")


def _set(name: str, *paths: str, **more: object) -> Attack:
    return _proc(name, "write_what_is_there", _CLOSED, arguments={"paths": [*paths]}, **more)


_ROOT: Final = "outside, as root"
PROC: Final = (
    _set(
        "have the kernel run a program at the next crash",
        "/proc/sys/kernel/core_pattern",
        control=_ROOT,
    ),
    _set("have it run one for a module", "/proc/sys/kernel/modprobe"),
    _set("restart the machine through /proc", "/proc/sysrq-trigger"),
    _set("drop the machine's caches", "/proc/sys/vm/drop_caches", control=_ROOT),
    _set(
        "have others killed first",
        "/proc/self/oom_score_adj",
        control="outside",
        without="read-only /proc",
    ),
    _set(
        "write its own memory through /proc",
        "/proc/self/mem",
        control="outside",
        without="read-only /proc",
    ),
    _set(
        "map users anew",
        "/proc/self/uid_map",
        "/proc/self/gid_map",
        "/proc/self/setgroups",
        control="outside",
    ),
    _set("take another security label", "/proc/self/attr/exec", "/proc/self/attr/current"),
    _set("name a process", "/proc/self/comm", control="outside", without="read-only /proc"),
    _proc("the first process's memory", "first_memory", _CLOSED),
    _proc(
        "the memory of a process of the host",
        "memory_of",
        _AWAY,
        arguments={"pid": "{victim}"},
        control=_ROOT,
    ),
    _proc(
        "the descriptors of a process of the host",
        "descriptors_of",
        _AWAY,
        arguments={"pid": "{victim}"},
        control="outside",
    ),
    _proc(
        "the root of a process of the host",
        "root_of",
        _AWAY,
        arguments={"pid": "{victim}"},
        control="outside",
    ),
    _proc(
        "the kernel's memory", "write_what_is_there", _CLOSED, arguments={"paths": ["/proc/kcore"]}
    ),
    _proc(
        "the kernel's addresses",
        "kernel_addresses",
        lambda each: each.saw in {"hidden", "EACCES", "ENOENT"},
        control=_ROOT,
        works=sees("shown"),
    ),
    _proc(
        "mount a second /proc",
        "by_a_new_mount",
        refused("EPERM", "EACCES", "ENOSYS"),
        arguments={"path": "/tmp"},
        outside={"path": "/mnt"},
        control=_ROOT,
    ),
    _proc(
        "see processes of the host",
        "processes",
        lambda each: 0 < len(each.saw) <= 4,
        control="outside",
        works=lambda each: len(each.saw) > 4,
    ),
)


_REFUSED: Final = refused("EROFS", "ENOENT", "EACCES", "EXDEV", "EPERM", "refused")
_archive = of(
    "archive escapes",
    "archives",
    _REFUSED,
    arguments={"target": "{own}"},
    control="outside",
    profile="workspace-ro",
)


ARCHIVES: Final = (
    _archive("a member with .. in its name", "climb"),
    _archive("a member with an absolute name", "absolute"),
    _archive("a link, then a member through it", "through_link"),
    _archive("a link to a file, written to", "file_link"),
    _archive("a hard link to a file", "hard_link"),
    _archive("a zip's member with .. in its name", "zip_climb"),
    _archive(
        "a member that would replace a system's file",
        "absolute",
        arguments={"target": "/usr/lib/planted"},
        control="",
    ),
    _archive(
        "a member with .. where no workspace is",
        "climb",
        arguments={"target": "/etc/planted"},
        outside={"target": "{folder}/planted"},
        profile="pure",
    ),
    _archive(
        "a member that is a device",
        "device",
        arguments={"name": "disk"},
        control="outside, as root",
    ),
    _archive(
        "a zip of zeros",
        "zip_bomb",
        refused("ENOSPC", "EFBIG"),
        arguments={"mebibytes": 12},
        change={"disk_bytes": 8 << 20},
        control="",
        alone=True,
        profile="pure",
    ),
)
