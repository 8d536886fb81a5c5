"""What hostile, and what ordinary code asks the kernel for. Standard library only: runs in the box.

`python syscalls.py FUNCTION JSON` runs one outside, as a control.
"""

# The box pays for every import; an attack is a function, and imports what it needs.
from __future__ import annotations

import ctypes
import errno
import os
import sys
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


def run(name: str, marker: str, arguments: dict[str, Any]) -> Any:
    print(marker, flush=True)
    return globals()[name](**arguments)


def call(number: int, *arguments: int | bytes | None) -> str:
    """A raw system call: "done", or the name of the error."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    if LIBC.syscall(ctypes.c_long(number), *words) >= 0:
        return "done"
    number = ctypes.get_errno()
    return errno.errorcode.get(number, str(number))


def try_each(numbers: dict[str, int]) -> dict[str, str]:
    """Each call with arguments that no call takes: what the kernel says has changed nothing."""
    return {name: call(number, *[-1] * 6) for name, number in numbers.items()}


def real_ones(numbers: dict[str, int]) -> dict[str, str]:
    """Calls that do something, and can be done outside without harm."""
    parameters = ctypes.create_string_buffer(120)
    return {
        "add_key": call(numbers["add_key"], b"user", b"toolrun", b"x", 1, -2),
        "keyctl": call(numbers["keyctl"], 0, -3, 0),
        "io_uring_setup": call(numbers["io_uring_setup"], 1, parameters.raw),
        "memfd_create": call(numbers["memfd_create"], b"name", 0),
        "kcmp": call(numbers["kcmp"], os.getpid(), os.getpid(), 0, 0, 0),
        "namespace": clone(numbers["clone"], 0x10000000),
        "process": clone(numbers["clone"], 0),
        "process by clone3": call(numbers["clone3"], None, 0),
    }


def clone(number: int, flags: int) -> str:
    """A process made by the raw call."""
    sigchld = 17
    pid = LIBC.syscall(ctypes.c_long(number), ctypes.c_long(flags | sigchld), 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    if pid < 0:
        return errno.errorcode[ctypes.get_errno()]
    os.waitpid(pid, 0)
    return "done"


def sockets() -> dict[str, str]:
    import socket

    def make(*arguments: int) -> str:
        try:
            socket.socket(*arguments).close()
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "done"

    stream, datagram, raw, packets = 1, 2, 3, 5
    return {
        **{f"family {family}": make(family, datagram, 0) for family in range(46)},
        "tcp": make(2, stream, 6),
        "udp over 6": make(10, datagram, 17),
        "routes": make(16, raw, 0),
        "netfilter": make(16, raw, 12),
        "generic": make(16, raw, 16),
        "raw": make(2, raw, 1),
        "sctp": make(2, stream, 132),
        "sctp packets": make(2, packets, 132),
        "mptcp": make(2, stream, 262),
    }


def terminal() -> dict[str, str]:
    """Type into a terminal of one's own, also with a command of more than 32 bits."""
    master, slave = os.openpty()
    letter = ctypes.create_string_buffer(b"x")
    seen = {}
    for name, command in (
        ("type", 0x5412),
        ("type, long", 0x5412 | 1 << 32),
        ("console", 0x541C),
        ("line discipline", 0x5423),
    ):
        done = LIBC.ioctl(slave, ctypes.c_ulong(command), letter)
        seen[name] = errno.errorcode[ctypes.get_errno()] if done < 0 else "done"
    seen["size"] = "done" if os.get_terminal_size(slave) is not None else ""
    os.close(master)
    os.close(slave)
    return seen


def foreign(code: str) -> int:
    """Run machine code in a child; gives its exit status as `waitpid` does."""
    import mmap

    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex(code))
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    pid = os.fork()
    if pid == 0:
        ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def limits() -> dict[str, int]:
    import resource

    names = ("CORE", "MSGQUEUE", "MEMLOCK", "SIGPENDING", "RTPRIO")
    return {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in names}


def read(paths: list[str]) -> dict[str, str]:
    """How many bytes each has, or the name of the error."""
    seen = {}
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY)
            seen[path] = f"{len(os.read(descriptor, 4096))} bytes"
            os.close(descriptor)
        except OSError as error:
            seen[path] = errno.errorcode[error.errno or 0]
    return seen


def addresses() -> list[str]:
    """Where the kernel's code lies."""
    try:
        with open("/proc/kallsyms") as file:  # noqa: PTH123
            return sorted({line.split()[0] for line in file})[:5]
    except OSError:
        return []


def hold(folders: list[str], mebibytes: int) -> str:
    """Write files, and wait."""
    import time

    for folder in folders:
        with open(f"{folder}/held", "wb") as file:  # noqa: PTH123
            file.write(bytes(mebibytes << 20))
    time.sleep(20)
    return "held"


def fill_sockets(mebibytes: int) -> str:
    """Memory of the kernel's: messages that nobody reads, from several processes."""
    import socket
    import time

    held = []
    for _ in range(8):
        if os.fork() == 0:
            break
    for _ in range(mebibytes):
        left, right = socket.socketpair()
        left.setblocking(False)  # noqa: FBT003
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        try:
            while True:
                left.send(bytes(65_536))
        except BlockingIOError:
            held.append((left, right))
        except OSError:
            break
    time.sleep(20)
    return "held"


def let_a_child_take(mebibytes: int) -> str:
    """A child takes memory; its parent returns as if nothing had been."""
    pid = os.fork()
    if pid == 0:
        held = [b"x" * (1 << 20) for _ in range(mebibytes)]
        os._exit(len(held) > mebibytes)
    os.waitpid(pid, 0)
    return "survived"


def square(number: int) -> int:
    return number * number


def view(memory: Any) -> Any:
    return memory.buf


def put(queue: Any, name: str) -> None:
    from multiprocessing import shared_memory

    memory = shared_memory.SharedMemory(name)
    queue.put(bytes(view(memory)[:5]))
    memory.close()


def ordinary_work() -> dict[str, Any]:
    """What tools do all day."""
    import sqlite3
    import ssl
    import subprocess
    import tempfile
    import threading

    seen: dict[str, Any] = {"ssl": ssl.create_default_context() is not None}
    found: list[int] = []
    threads = [threading.Thread(target=found.append, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen["threads"] = sorted(found)
    seen["subprocess"] = subprocess.run(
        ["/bin/sh", "-c", "ls / | head -1; (sleep 0 &) ; wait"], capture_output=True, check=True
    ).stdout.decode()
    with tempfile.TemporaryDirectory() as folder:
        base = sqlite3.connect(f"{folder}/base", isolation_level=None)
        base.execute("pragma journal_mode=wal")
        seen["sqlite"] = base.execute("select 6 * 7").fetchone()[0]
        base.close()
    seen["multiprocessing"] = processes()
    seen["asyncio"] = event_loop()
    seen["network"] = own_network()
    return seen


def processes() -> list[Any]:
    import concurrent.futures
    import multiprocessing
    from multiprocessing import shared_memory

    fork = multiprocessing.get_context("fork")
    with fork.Pool(2) as pool:
        squares = pool.map(square, range(4))
    memory = shared_memory.SharedMemory(create=True, size=1 << 20)
    view(memory)[:5] = b"hello"
    queue = fork.Queue()
    child = fork.Process(target=put, args=(queue, memory.name))
    child.start()
    said = queue.get(timeout=10).decode()
    child.join()
    memory.close()
    memory.unlink()
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=fork) as executor:
        return [*squares, said, executor.submit(square, 5).result()]


def event_loop() -> str:
    import asyncio

    async def main() -> str:
        child = await asyncio.create_subprocess_exec("/bin/echo", "here", stdout=-1)
        text = (await child.communicate())[0].decode().strip()
        return text + str(await asyncio.to_thread(square, 3))

    return asyncio.run(main())


def own_network() -> list[Any]:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        there, _ = server.accept()
        client.sendall(b"x")
        said = there.recv(1).decode()
        client.close()
        there.close()
    left, right = socket.socketpair()
    left.close()
    right.close()
    names = [name for _, name in socket.if_nameindex()]
    return [said, names, len(socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))]


if __name__ == "__main__":
    import json

    print(json.dumps(run(sys.argv[1], "control", json.loads(sys.argv[2]))))
