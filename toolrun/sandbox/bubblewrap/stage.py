"""How does an unprivileged uid reach what only root can? Run as root, once for each `Sandbox`.

In a mount namespace of its own, each folder is mounted where it was, so that the uid can get at it:
private folders above it (a home of mode 0700) are covered by an empty one, and the folder's owner
is mapped to the uid (an idmapped mount, Linux 5.12), so that files of mode 0600 can be read too.
The host sees none of it. The parent keeps the namespace by a descriptor; this process ends.

A script of its own because `unshare` concerns a whole process; stdlib only, syscalls by ctypes
because `os.unshare` is Python 3.12's. Numbers: asm-generic/unistd.h, linux/mount.h.
"""

# Paths go to system calls; pathlib would double this script's start.
# ruff: noqa: PTH103, PTH112, PTH113, PTH116, PTH120, PTH123, PTH208
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import stat
import sys
import time
from typing import Any

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_SLAVE, MS_NOSUID, MS_NODEV = 0x4000, 0x80000, 2, 4
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 428, 429, 442
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE = -100, 0x1000, 0x8000
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH = 1, 4
MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_IDMAP = 0x2, 0x4, 0x00100000

_libc = ctypes.CDLL(None, use_errno=True)
_PAUSES = (0.05, 0.2)
"""Seconds."""


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def main() -> None:
    """Stage the folders of the request on stdin; answer on stdout; wait until stdin closes."""
    request = json.loads(sys.stdin.readline())
    folders, uid = request["folders"], request["uid"]
    staged = True
    try:
        _own_namespace()
    except PermissionError:
        staged = False  # a container without CAP_SYS_ADMIN: what can be read without, is
    if staged:
        _mount(folders, uid)
    answer = {"staged": staged, "unreadable": _unreadable(folders, uid)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


def _own_namespace() -> None:
    _check(_libc.unshare(CLONE_NEWNS))
    # Slave: what the host unmounts goes here too, nothing of this goes to the host.
    _check(_libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None))


def _mount(folders: list[str], uid: int) -> None:
    trees = [(folder, _tree(folder, uid)) for folder in sorted(folders, key=len)]
    for blocked in sorted({path for path in map(_blocked, folders) if path}, key=len):
        if os.path.isdir(blocked):
            flags = MS_NOSUID | MS_NODEV
            _check(_libc.mount(b"none", blocked.encode(), b"tmpfs", flags, b"mode=755,size=1m"))
    for folder, tree in trees:
        if not os.path.lexists(folder):
            _mount_point(folder, is_folder=stat.S_ISDIR(os.fstat(tree).st_mode))
        path = folder.encode()
        flags = MOVE_MOUNT_F_EMPTY_PATH
        _check(_libc.syscall(SYS_MOVE_MOUNT, tree, b"", AT_FDCWD, path, flags))
        os.close(tree)


def _tree(folder: str, uid: int) -> int:
    """A detached mount of a folder, its owner mapped to the uid where the file system can."""
    flags = OPEN_TREE_CLONE | AT_RECURSIVE | os.O_CLOEXEC
    tree = _check(_libc.syscall(SYS_OPEN_TREE, AT_FDCWD, folder.encode(), flags))
    owner = os.fstat(tree)
    if owner.st_uid != uid:
        namespace = _user_namespace(owner.st_uid, owner.st_gid, uid)
        attr = _MountAttr(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_IDMAP, 0, 0, namespace)
        # A refusal (old kernel, a file system without it) is no failure: `_unreadable` looks.
        _libc.syscall(
            SYS_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, ctypes.byref(attr), ctypes.sizeof(attr)
        )
        os.close(namespace)
    return tree


def _user_namespace(owner: int, group: int, uid: int) -> int:
    """A descriptor of a user namespace that maps an owner and its group to the uid."""
    for pause in _PAUSES:  # while many boxes start and end, the kernel refuses one now and then
        with contextlib.suppress(_Refused):
            return _mapped(owner, group, uid)
        time.sleep(pause)
    return _mapped(owner, group, uid)


class _Refused(OSError):
    """There is no user namespace to be had."""


def _mapped(owner: int, group: int, uid: int) -> int:
    ready, unshared = os.pipe()
    child = os.fork()
    if child == 0:
        failed = _libc.unshare(CLONE_NEWUSER)
        os.write(unshared, bytes([ctypes.get_errno() if failed else 0]))
        signal.pause()
        os._exit(0)
    try:
        if (number := os.read(ready, 1)[0]) != 0:
            why = f"{os.strerror(number)}; see sysctl user.max_user_namespaces"
            raise _Refused(f"unshare(CLONE_NEWUSER) failed: {why}")
        for name, inside in (("uid_map", owner), ("gid_map", group)):
            with open(f"/proc/{child}/{name}", "w") as file:
                file.write(f"{inside} {uid} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready)
        os.close(unshared)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _blocked(path: str) -> str | None:
    """The topmost folder above a path that others cannot pass, if any."""
    parts = path.split("/")
    for count in range(2, len(parts)):
        above = "/".join(parts[:count])
        if not os.stat(above).st_mode & stat.S_IXOTH:
            return above
    return None


def _mount_point(path: str, *, is_folder: bool) -> None:
    if is_folder:
        os.makedirs(path, mode=0o755)
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _unreadable(folders: list[str], uid: int) -> list[list[str]]:
    """What the uid still cannot read, by trying it as that uid: [path, reason] each."""
    ready, answer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        os.write(answer, json.dumps(_try_each(folders)).encode())
        os._exit(0)
    os.close(answer)
    with open(ready, "rb") as pipe:
        found: list[list[str]] = json.load(pipe)
    os.waitpid(child, 0)
    return found


def _try_each(folders: list[str]) -> list[list[str]]:
    failed = []
    for folder in folders:
        try:
            if os.path.isfile(folder):
                os.close(os.open(folder, os.O_RDONLY))
            else:
                os.listdir(folder)
        except OSError as error:
            failed.append([_first_closed(folder), str(error.strerror)])
    return failed


def _first_closed(path: str) -> str:
    parts = path.split("/")
    for count in range(2, len(parts)):
        above = "/".join(parts[:count])
        if not os.access(above, os.X_OK):
            return above
    return path


def _check(result: Any) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


if __name__ == "__main__":
    main()
