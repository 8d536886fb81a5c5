"""What the contract's tests run in a box of each backend. Standard library only.

Each prints the marker before it does anything, so that one that is killed has proven that it ran.
Those that sleep hold what they took until they are killed. Alone in one file: a container or a
guard has to show nothing else.
"""

# ruff: noqa: PTH115, PTH123, PTH208
from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys
import time
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)


def attempt(action: Any, *arguments: Any) -> str:
    """ "done", or the name of the error."""
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def returns(marker: str, value: int) -> dict[str, Any]:
    print(marker)
    print("to stderr", file=sys.stderr)
    return {"twice": 2 * value}


def raises(marker: str) -> None:
    print(marker)
    raise ValueError("as meant")


def environment(marker: str) -> dict[str, str]:
    print(marker)
    return dict(os.environ)


def status(marker: str) -> dict[str, str]:
    print(marker)
    with open("/proc/self/status") as file:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in file)}


def descriptors(marker: str) -> list[str]:
    print(marker)
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return found


def processes(marker: str, victim: int) -> dict[str, Any]:
    print(marker)
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return {"count": len(numbers), "kill": attempt(os.kill, victim, signal.SIGKILL)}


def connect(marker: str, port: int, name: str) -> dict[str, str]:
    print(marker)

    def tcp() -> None:
        socket.create_connection(("127.0.0.1", port), 1).close()

    def abstract() -> None:
        socket.socket(socket.AF_UNIX).connect("\0" + name)

    return {"tcp": attempt(tcp), "abstract": attempt(abstract)}


def read(marker: str, paths: list[str]) -> dict[str, str]:
    print(marker)
    seen = {}
    for path in paths:
        try:
            with open(path) as file:
                seen[path] = file.read()
        except OSError as error:
            seen[path] = errno.errorcode[error.errno or 0]
    return seen


def write(marker: str, paths: list[str]) -> dict[str, str]:
    print(marker)

    def touch(path: str) -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))

    return {path: attempt(touch, path) for path in paths}


def calls(marker: str) -> dict[str, str]:
    print(marker)
    numbers = {"keyctl": 250, "perf_event_open": 298, "bpf": 321, "io_uring_setup": 425}
    seen = {}
    for name, number in numbers.items():
        failed = LIBC.syscall(number, 0, 0, 0, 0, 0) == -1
        seen[name] = errno.errorcode[ctypes.get_errno()] if failed else "done"
    seen["unshare"] = "done" if LIBC.unshare(0x10000000) == 0 else "refused"
    return seen


def raise_limits(marker: str) -> list[str]:
    import resource

    print(marker)
    seen = []
    for number in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_AS):
        hard = resource.getrlimit(number)[1]
        try:
            resource.setrlimit(number, (hard + 1, hard + 1))
            seen.append("done")
        except ValueError:
            seen.append("refused")
    return seen


def terminal(marker: str) -> str:
    print(marker)
    return attempt(os.open, "/dev/tty", os.O_RDWR)


def daemon(marker: str, token: str, then_sleep: float) -> str:
    """A process in a session of its own whose parents are gone, deaf to signals."""
    print(marker)
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.set_inheritable(write_end, False)  # noqa: FBT003 - positional only
            os.execv("/bin/sh", ["/bin/sh", "-c", f"sleep 47 # {token}; true"])
        os._exit(0)
    os.close(write_end)
    os.read(read_end, 1)  # ends when it has been executed
    print("alive", flush=True)
    time.sleep(then_sleep)
    return "alive"


def fork_bomb(marker: str, limit: int) -> dict[str, Any]:
    print(marker, flush=True)
    started, why = 0, ""
    while started < limit and not why:
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


def take_memory(marker: str, mebibytes: int) -> None:
    print(marker, flush=True)
    held = []
    for _ in range(mebibytes):
        held.append(b"\1" * (1 << 20))
        time.sleep(0.0005)
    time.sleep(30)


def fill(marker: str, mebibytes: int) -> dict[str, Any]:
    print(marker)
    written, why = 0, ""
    for number in range(mebibytes):
        try:
            with open(f"/tmp/{number}", "wb", buffering=0) as file:
                written += file.write(bytes(1 << 20))
        except OSError as error:
            why = errno.errorcode[error.errno or 0]
            break
    return {"written": written, "why": why}


def many_files(marker: str, count: int) -> None:
    print(marker, flush=True)
    for number in range(count):
        os.close(os.open(f"/tmp/{number}", os.O_CREAT | os.O_WRONLY))
    time.sleep(30)


def flood(marker: str) -> None:
    print(marker, flush=True)
    while True:
        os.write(1, b"x" * 65_536)


def forge(marker: str) -> None:
    print(marker, flush=True)
    for number in range(3, 16):
        try:
            os.write(number, b"nonsense that is no frame")
        except OSError:
            continue
    os._exit(0)


def leave(marker: str, name: str) -> list[str]:
    print(marker)
    before = os.listdir("/tmp")
    with open(f"/tmp/{name}", "w") as file:
        file.write("left behind")
    return before
