"""Attacks that reach for more privileges, other namespaces or the host's root."""

from __future__ import annotations

import ctypes
import os
import stat
import tempfile

from .trying import DONE, LIBC, attempt, libc, syscall, text_of

NEW_USER = 0x10000000


def _number(x86: int, arm: int) -> dict[str, int]:
    return {"x86_64": x86, "aarch64": arm}


def mount_tmpfs(path: str) -> str:
    return libc("mount", b"none", path.encode(), b"tmpfs", 0, None)


def remount(path: str) -> str:
    remount_bind = 32 | 4096
    return libc("mount", None, path.encode(), None, remount_bind, None)


def bind(source: str, target: str) -> str:
    return libc("mount", source.encode(), target.encode(), None, 4096, None)


def unmount(path: str) -> str:
    lazily = 2
    return libc("umount2", path.encode(), lazily)


def new_mount_api() -> str:
    return syscall(_number(430, 430), b"tmpfs", 0)  # fsopen


def clone_tree(path: str) -> str:
    open_tree_clone = 1
    return syscall(_number(428, 428), -100, path.encode(), open_tree_clone)


def unshare(flag: int) -> str:
    return libc("unshare", flag)


def clone_user() -> str:
    """A child in a user namespace of its own, by clone itself."""
    child = LIBC.syscall(_number(56, 220)[os.uname().machine], NEW_USER | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    if child > 0:
        os.waitpid(child, 0)
        return DONE
    return "EPERM" if ctypes.get_errno() == 1 else os.strerror(ctypes.get_errno())


def join_namespace(pid: int, kind: str) -> str:
    def enter() -> None:
        descriptor = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        if LIBC.setns(descriptor, 0) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return attempt(enter)


def change_root() -> str:
    return attempt(os.chroot, "/tmp")


def pivot() -> str:
    return syscall(_number(155, 41), b"/tmp", b"/tmp")


def chroot_and_climb(canary: str) -> str:
    """Out of a root by a folder that is above it: the old way out of chroot."""
    above = os.open("/", os.O_RDONLY)
    refusal = attempt(os.chroot, tempfile.mkdtemp())
    os.fchdir(above)
    for _ in range(64):
        os.chdir("..")
    return text_of(canary.lstrip("/")) if refusal == DONE else "!" + refusal


def climb(canary: str) -> str:
    above = os.open("/", os.O_RDONLY)
    os.fchdir(above)
    return text_of("../" * 64 + canary.lstrip("/"))


def by_handle(path: str) -> str:
    """Open by an inode's handle: it needs no path, and so no view of the file."""

    class Handle(ctypes.Structure):
        _fields_ = (("size", ctypes.c_uint), ("kind", ctypes.c_int), ("data", ctypes.c_char * 128))

    handle, mount = Handle(128), ctypes.c_int()
    made = libc(
        "name_to_handle_at", -100, path.encode(), ctypes.byref(handle), ctypes.byref(mount), 0
    )
    if made != DONE:
        return made
    root = os.open(os.path.dirname(path), os.O_RDONLY)
    return libc("open_by_handle_at", root, ctypes.byref(handle), os.O_RDONLY)


def become(uid: int) -> str:
    return attempt(os.setresuid, uid, uid, uid)


def become_group(gid: int) -> str:
    return attempt(os.setgroups, [gid])


def gain_capabilities() -> str:
    """Ask for all that a process can have."""

    class Header(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    class Data(ctypes.Structure):
        _fields_ = (("e", ctypes.c_uint32), ("p", ctypes.c_uint32), ("i", ctypes.c_uint32))

    header, data = Header(0x20080522, 0), (Data * 2)()
    data[0].e = data[0].p = 1 << 1  # CAP_DAC_OVERRIDE
    return libc("capset", ctypes.byref(header), data)


def status() -> dict[str, str]:
    lines = text_of("/proc/self/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def undo_no_new_privs() -> str:
    set_no_new_privs = 38
    return libc("prctl", set_no_new_privs, 0, 0, 0, 0)


def set_uid_mounts() -> list[str]:
    """The file systems where the bit of a set-uid program counts."""
    mounts = [line.split()[1] for line in text_of("/proc/self/mounts").splitlines()]
    return [path for path in mounts if not _flags(path) & os.ST_NOSUID]


def _flags(path: str) -> int:
    try:
        return os.statvfs(path).f_flag
    except OSError:
        return os.ST_NOSUID


def device_node(path: str) -> str:
    return attempt(os.mknod, path, 0o600 | stat.S_IFBLK, os.makedev(254, 0))


def open_devices(paths: list[str]) -> dict[str, str]:
    return {path: attempt(lambda path=path: os.close(os.open(path, os.O_RDWR))) for path in paths}


def reboot() -> str:
    no_such_command = 0x1234
    return libc("reboot", no_such_command)  # EINVAL for those who may


def load_module() -> str:
    return syscall(_number(175, 105), b"", 0, b"")


def swap_off() -> str:
    return libc("swapoff", b"/nowhere")


def host_name() -> str:
    return libc("sethostname", b"taken", 5)


def kernel_log() -> str:
    read_all, buffer = 3, ctypes.create_string_buffer(64)
    return libc("klogctl", read_all, buffer, 64)


def ptrace(pid: int) -> str:
    seize = 0x4206
    return libc("ptrace", seize, pid, 0, 0)


def read_memory(pid: int) -> str:
    """By process_vm_readv, as a debugger does."""

    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    buffer = ctypes.create_string_buffer(8)
    local = Vector(ctypes.addressof(buffer), 8)
    remote = Vector(_first_address(pid), 8)
    return libc("process_vm_readv", pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)


def _first_address(pid: int) -> int:
    text = text_of(f"/proc/{pid}/maps")
    return 0x400000 if text.startswith("!") else int(text.partition("-")[0], 16)


def take_descriptor(pid: int) -> str:
    """Take another process's descriptor: pidfd_getfd."""

    def take() -> None:
        pidfd = os.pidfd_open(pid)
        if LIBC.syscall(438, pidfd, 0, 0) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return attempt(take)


def shared_segment(key: int) -> str:
    """System V shared memory of the host."""
    return libc("shmget", key, 1, 0)
