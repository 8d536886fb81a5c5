"""What hostile code tries. Standard library only: it runs in the box, and outside as a control.

Each attack prints the marker before it begins, so that one that is killed has proven that it ran,
and returns what it saw. `python attacks.py NAME JSON` runs one outside.
"""

# Attacks use what system calls take; the box pays for every import.
# ruff: noqa: PTH115, PTH123, PTH208
from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import sys
import time
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)


def attack(name: str, marker: str, arguments: dict[str, Any]) -> dict[str, Any]:
    print(marker, flush=True)
    return {"marker": marker, "saw": ATTACKS[name](**arguments)}


def attempt(action: Any, *arguments: Any) -> str:
    """ "done", or the name of the error."""
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def libc(name: str, *arguments: Any) -> str:
    if getattr(LIBC, name)(*arguments) == -1:
        return errno.errorcode[ctypes.get_errno()]
    return "done"


# Network


def connect(port: int) -> str:
    import socket

    with socket.socket() as client:
        client.settimeout(2)
        return attempt(client.connect, ("127.0.0.1", port))


def connect_abstract(name: str) -> str:
    import socket

    with socket.socket(socket.AF_UNIX) as client:
        return attempt(client.connect, "\0" + name)


def interfaces() -> list[str]:
    import socket

    return [name for _, name in socket.if_nameindex()]


# Files


def read(paths: list[str]) -> dict[str, str]:
    seen = {}
    for path in paths:
        try:
            with open(path, "rb") as file:
                seen[path] = file.read(100).decode(errors="replace")
        except OSError as error:
            seen[path] = "!" + errno.errorcode[error.errno or 0]
    return seen


def listing(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        return ["!" + errno.errorcode[error.errno or 0]]


def open_for_writing(paths: list[str]) -> dict[str, str]:
    def touch(path: str) -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))

    return {path: attempt(touch, path) for path in paths}


def change_workspace() -> dict[str, str]:
    return {
        "write": attempt(lambda: open("notes.md", "w")),
        "append": attempt(lambda: open("notes.md", "a")),
        "create": attempt(lambda: open("new.md", "w")),
        "unlink": attempt(os.unlink, "notes.md"),
        "rename": attempt(os.rename, "notes.md", "other.md"),
        "chmod": attempt(os.chmod, "notes.md", 0o777),
        "utime": attempt(os.utime, "notes.md", (1, 1)),
        "mkdir": attempt(os.mkdir, "folder"),
        "symlink": attempt(os.symlink, "/etc", "etc"),
    }


def device_nodes() -> dict[str, str]:
    import stat

    return {
        "mknod": attempt(os.mknod, "/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0)),
        "mem": attempt(lambda: open("/dev/mem", "rb")),
        "kmsg": attempt(lambda: open("/dev/kmsg", "rb")),
    }


# Processes and privileges


def kill(pid: int) -> str:
    return attempt(os.kill, pid, signal.SIGKILL)


def ptrace(pid: int) -> str:
    seize = 0x4206
    return libc("ptrace", seize, pid, 0, 0)


def mount() -> str:
    return libc("mount", b"none", b"/tmp", b"tmpfs", 0, None)


def unshare(flag: int) -> str:
    return libc("unshare", flag)


def processes() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def environments() -> str:
    text = json.dumps(dict(os.environ))
    for pid in processes():
        for name in ("environ", "cmdline"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as file:
                text += file.read().decode(errors="replace")
    return text


def descriptors() -> dict[str, str]:
    seen = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            seen[number] = os.readlink(f"/proc/self/fd/{number}")
    return seen


def status() -> dict[str, str]:
    with open("/proc/self/status") as file:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in file)}


def raise_limits() -> dict[str, str]:
    import resource

    seen = {}
    for name in ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_CORE"):
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        try:
            resource.setrlimit(number, (hard + 1, hard + 1))
        except ValueError:
            seen[name] = "EPERM"
        else:
            seen[name] = "done"
    return seen


def type_into_terminal() -> dict[str, str]:
    import fcntl
    import termios

    def push() -> None:
        terminal = os.open("/dev/tty", os.O_RDWR)
        fcntl.ioctl(terminal, termios.TIOCSTI, b"x")

    return {
        "tty": attempt(push),
        "stdin": attempt(fcntl.ioctl, 0, termios.TIOCSTI, b"x"),
        "session": str(os.getsid(0) != 0),
    }


# Exhaustion


def fork_bomb(limit: int) -> dict[str, Any]:
    started = 0
    why = ""
    while started < limit:
        try:
            pid = os.fork()
        except OSError as error:
            why = errno.errorcode[error.errno or 0]
            break
        if pid == 0:
            time.sleep(5)
            os._exit(0)
        started += 1
    return {"started": started, "why": why}


def thread_bomb(limit: int) -> dict[str, Any]:
    import threading

    started = 0
    why = ""
    while started < limit:
        try:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        except RuntimeError as error:
            why = str(error)
            break
        started += 1
    return {"started": started, "why": why}


def take_memory(mebibytes: int) -> int:
    held = []
    for _ in range(mebibytes):
        held.append(b"\1" * (1 << 20))
        time.sleep(0.0005)
    time.sleep(30)
    return len(held)


def take_memory_together(children: int, mebibytes: int) -> None:
    for _ in range(children):
        if os.fork() == 0:
            take_memory(mebibytes)
    time.sleep(30)


def take_shared_memory(mebibytes: int) -> None:
    import mmap

    memory = mmap.mmap(-1, mebibytes << 20)
    for page in range(0, mebibytes << 20, 4096):
        memory[page] = 1
    time.sleep(30)


def fill(folder: str, mebibytes: int) -> dict[str, Any]:
    written = 0
    why = ""
    for number in range(mebibytes):
        try:
            with open(f"{folder}/{number}", "wb", buffering=0) as file:
                written += file.write(bytes(1 << 20))
        except OSError as error:
            why = errno.errorcode[error.errno or 0]
            break
    return {"written": written, "why": why}


def large_file(size: int) -> str:
    with open("/tmp/large", "wb") as file:
        return attempt(os.truncate, file.fileno(), size)


def many_files(count: int) -> int:
    for number in range(count):
        os.close(os.open(f"/tmp/{number}", os.O_CREAT | os.O_WRONLY))
    time.sleep(30)
    return count


def flood(descriptor: int) -> None:
    while True:
        os.write(descriptor, b"x" * 65536)


def large_result(size: int) -> str:
    return "x" * size


def burn() -> None:
    while True:
        pass


# Survival


def daemon(token: str, then_sleep: float) -> str:
    """A process in a session of its own whose parents are gone, deaf to signals."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.set_inheritable(write, False)  # noqa: FBT003 - positional only
            os.execv("/bin/sh", ["/bin/sh", "-c", f"sleep 47 # {token}; true"])
        os._exit(0)
    os.close(write)
    os.read(read, 1)  # ends when it has been executed
    alive = token in environments()
    time.sleep(then_sleep)
    return "alive" if alive else "never began"


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def kill_the_first_process() -> str:
    return attempt(os.kill, 1, signal.SIGKILL)


# Results


def result_pipe() -> int:
    pipes = [int(number) for number, target in descriptors().items() if target.startswith("pipe:")]
    return max(pipes)


def forge(hexadecimal: str, then_sleep: float = 0, then_exit: int | None = None) -> None:
    os.write(result_pipe(), bytes.fromhex(hexadecimal))
    time.sleep(then_sleep)
    if then_exit is not None:
        os._exit(then_exit)


def flood_result() -> None:
    pipe = result_pipe()
    os.write(pipe, b"J" + (2**31).to_bytes(4, "big"))
    flood(pipe)


def flood_progress() -> None:
    pipe = result_pipe()
    while True:
        os.write(pipe, b"P\0\0\0\0" * 1000)


def close_everything() -> None:
    os.closerange(0, 256)


ATTACKS: dict[str, Any] = {
    name: value
    for name, value in globals().items()
    if callable(value) and getattr(value, "__module__", None) == __name__
}

if __name__ == "__main__":
    print(json.dumps(attack(sys.argv[1], "control", json.loads(sys.argv[2]))))
