"""Who makes the layers of boxes? A process that holds a mount namespace, and mounts on request.

It needs no root: an ordinary user has every capability in a user namespace of its own, and may
mount a tmpfs and an overlay there. As real root it runs in the namespace where the boxes' files are
staged (`toolrun.sandbox.bubblewrap.stage`). The host sees none of it, and all of it is gone with
this process, which ends when its stdin does.

It says first where layers are, and whether it has a user namespace of its own: {"place", "user"}.
A request is a line of JSON: {"open": NAME, "folder", "size", "inodes", "uid", "copy"} or {"drop":
NAME}. Each "open" has an answer: {"kind": "overlay" | "copy", "why"}, or {"error"}.

A script of its own because `unshare` concerns a whole process; stdlib only, system calls by ctypes
because `os.unshare` is Python 3.12's.
"""

# Paths go to system calls; pathlib would double this script's start.
# ruff: noqa: PTH102, PTH103, PTH106, PTH112, PTH123
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from typing import Any

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV, MS_REC, MS_SLAVE, MS_BIND = 2, 4, 0x4000, 0x80000, 0x1000
MNT_DETACH = 2
FLAGS = MS_NOSUID | MS_NODEV
# Covered in this namespace alone: a folder of every Linux that no box needs a file of.
PLACES = ("/sys", "/dev/shm", "/mnt")  # noqa: S108 - of the box

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Answer requests until stdin ends."""
    os.umask(0o022)
    try:
        place, own_user = _own_namespace()
    except OSError as error:
        _answer({"error": f"{error.strerror}: {error.filename or 'namespace'}"})
        return
    _answer({"place": place, "user": own_user})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "drop" in request:
                _drop(f"{place}/{request['drop']}")
            else:
                _answer(_opened(f"{place}/{request['open']}", request))
        except OSError as error:
            if "open" in request:
                _answer({"error": f"{error.filename or 'layer'}: {error.strerror}"})


def _own_namespace() -> tuple[str, bool]:
    """Leave for a namespace that may mount: where layers are mounted in it, and whether it is new.

    Root of a container may lack the capability to mount, and has it in a user namespace below.
    """
    uid, gid = os.getuid(), os.getgid()
    own_user = uid != 0 or _libc.unshare(CLONE_NEWNS) != 0
    if own_user:
        _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _check(_libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None), "/")
    place = next(path for path in PLACES if os.path.isdir(path))
    _check(_libc.mount(b"none", place.encode(), b"tmpfs", FLAGS, b"mode=755,size=1m"), place)
    return place, own_user


def _opened(at: str, request: dict[str, Any]) -> dict[str, Any]:
    """A sized tmpfs, and over it an overlay of the folder where the kernel can make one."""
    sized, merged = f"{at}/sized", f"{at}/merged"
    os.makedirs(sized)
    os.mkdir(merged)
    size = f"mode=711,size={request['size']},nr_inodes={request['inodes']}"
    _check(_libc.mount(b"none", sized.encode(), b"tmpfs", FLAGS, size.encode()), "tmpfs")
    for name in ("upper", "work"):
        os.mkdir(f"{sized}/{name}", 0o755)
        os.chown(f"{sized}/{name}", request["uid"], request["uid"] if os.getuid() == 0 else -1)
    why = request["copy"] or _overlaid(request["folder"], sized, merged)
    if why:
        source = f"{sized}/upper".encode()
        _check(_libc.mount(source, merged.encode(), None, MS_BIND, None), "bind")
    return {"kind": "copy" if why else "overlay", "why": why}


def _overlaid(folder: str, sized: str, merged: str) -> str:
    """Mount the overlay; why that cannot be, if it cannot."""
    with contextlib.ExitStack() as stack:

        def opened(path: str) -> str:
            descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            # By descriptors: a path may hold the commas and colons that options are parted by.
            return f"/proc/self/fd/{descriptor}"

        try:
            # Where a folder was replaced is kept as such an attribute; tmpfs has them since 6.6.
            os.setxattr(f"{sized}/upper", "user.toolrun", b"1")
            os.removexattr(f"{sized}/upper", "user.toolrun")
            options = (
                f"lowerdir={opened(folder)},upperdir={opened(sized + '/upper')},"
                f"workdir={opened(sized + '/work')},userxattr"
            )
            _check(
                _libc.mount(b"overlay", merged.encode(), b"overlay", FLAGS, options.encode()),
                "overlay",
            )
        except OSError as error:
            return f"no overlay can be mounted ({error.strerror})"
    return ""


def _drop(at: str) -> None:
    for path in (f"{at}/merged", f"{at}/sized", at):
        _libc.umount2(path.encode(), MNT_DETACH)
        with contextlib.suppress(FileNotFoundError):  # where opening it failed half-way
            os.rmdir(path)


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


if __name__ == "__main__":
    main()
