"""Who stands between a `Box` and a container? It starts the engine and hands the descriptors over.

A script of its own, run by the host's interpreter: what a box inherits, it inherits, and passes on
through a Unix socket that is bound into the container. The kernel says which process connected:
that is the container's first. A guard of it removes the container if this process is killed.
"""

# Standard library only: started for each box.
# ruff: noqa: PTH101, PTH108, PTH123, S103, S603
from __future__ import annotations

import array
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
_SECONDS = 30
_SAID = 16_384


def main() -> None:
    """Be the relay of the request that the descriptor of the first argument holds."""
    with open(int(sys.argv[1]), "rb") as file:
        request: dict[str, Any] = json.load(file)
    os.environ.clear()
    os.environ.update(request["engine_env"])
    _end_with_parent()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(request["socket"])
    os.chmod(request["socket"], 0o666)  # its folder is private
    listener.listen(1)
    guard = _guard(request)
    engine = subprocess.Popen(
        request["run"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - there are no threads here
    )
    assert engine.stderr is not None
    connection, said = _connected(listener, engine, engine.stderr.fileno())
    os.unlink(request["socket"])
    listener.close()
    if connection is not None:
        _hand_over(connection, request)
    while more := os.read(engine.stderr.fileno(), _SAID):
        said += more[: _SAID - len(said)]
    status = engine.wait()
    if connection is None:
        sys.stderr.buffer.write(said)
        sys.stderr.flush()
    os.write(guard, b".")
    os._exit(status if status >= 0 else 128 - status)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _guard(request: dict[str, Any]) -> int:
    """Fork a process that removes the container unless it is told that this one ended well.

    If toolrun itself has ended, the root's folder goes, too: nobody else would remove it.
    """
    owner = os.pidfd_open(os.getppid())
    read, write = os.pipe()
    if os.fork():
        os.close(read)
        os.close(owner)
        return write
    os.setsid()
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.dup2(read, above := max(read, owner, 8) + 1)
    os.dup2(owner, 4)
    os.dup2(above, 3)
    os.closerange(5, 1024)
    if os.fork() == 0 and os.read(3, 1) != b".":
        for _ in range(2):  # the engine may have been about to make it
            subprocess.run(request["remove"], check=False)
            if select.select([4], [], [], 1)[0]:
                shutil.rmtree(request["folder"], ignore_errors=True)
    os._exit(0)


def _connected(
    listener: socket.socket, engine: subprocess.Popen[bytes], stderr: int
) -> tuple[socket.socket | None, bytes]:
    """The connection of the container's first process, and what the engine has said before.

    None if the engine ended before. What it says is read at once: a pipe that is full would keep
    it from going on.
    """
    said, ended = b"", os.pidfd_open(engine.pid)
    watched = [listener.fileno(), ended, stderr]
    while True:
        ready, _, _ = select.select(watched, [], [], _SECONDS)
        if listener.fileno() in ready or stderr not in ready:
            break
        more = os.read(stderr, _SAID)
        said += more[: _SAID - len(said)]
        if not more:
            watched.remove(stderr)
    os.close(ended)
    return (listener.accept()[0] if listener.fileno() in ready else None), said


def _hand_over(connection: socket.socket, request: dict[str, Any]) -> None:
    """Say which process is the first, and give it all the descriptors; none stays here."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, _, _ = struct.unpack("iII", credentials)
    if _may_signal(pid):
        os.write(request["info"], b'{"child-pid": %d}' % pid)
    os.close(request["info"])
    passed = [0, 1, 2, *request["descriptors"]]
    message = json.dumps({name: request[name] for name in ("command", "env", "filters")}).encode()
    rights = array.array("i", passed).tobytes()
    connection.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    for number in request["descriptors"]:
        os.close(number)


def _may_signal(pid: int) -> bool:
    """Whether this user may end the container's processes: not those of a daemon that is root's."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
