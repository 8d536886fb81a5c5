"""What waits inside a box? A worker: each job gets a process of its own, and leaves nothing behind.

The worker never runs what a job brings, but for the import of the tool's module; what a job leaves
(processes, files) is gone before the next one starts, or the worker ends and another box is used.
Standard library only, and little of it: a cold call pays for every import here.
"""

# Names, not objects: pathlib is an import that every box would pay for.
# ruff: noqa: PTH106, PTH108, PTH116, PTH208
from __future__ import annotations

import os
import sys

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_HELLO, _SWEPT, _ALONE = b"H", b"S", b"A"
_DESCRIPTORS = 1_024
_JOB_DESCRIPTORS = 6
_KILL = 9
_MSG_CMSG_CLOEXEC = 0x40000000
_PR_SET_DUMPABLE = 4
_SWEEP_ROUNDS = 2_000
_LIMITS = 16
_WAITING = 128


def start(boot: dict[str, Any], control: int) -> None:
    """Serve jobs until the other side hangs up; never returns.

    Args:
        boot: see `toolrun.sandbox.code.boot`.
        control: descriptor of a connected socket (AF_UNIX, SOCK_SEQPACKET).
    """
    import _socket

    # None should be there; what is not meant must not be, whatever started this.
    os.closerange(3, control)
    os.closerange(control + 1, _DESCRIPTORS)
    os.set_inheritable(control, False)  # noqa: FBT003 - the parameter's name differs by platform
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, control)
    os.environ.update(boot["env"])
    sys.dont_write_bytecode = True
    job = _code(boot, "job_code")
    folders = {folder: _used(folder) for folder in boot["writable"]}
    alone = _pid_namespace() != boot["outside"]
    _say_hello(socket, boot["proxy_port"])
    # A tool's module is imported here: it must have no way to send descriptors out of the box.
    socket.shutdown(_socket.SHUT_WR)
    if alone:  # else it serves once, and what supervises its calls has to look into it
        _hide(boot)
    prepared: dict[str, int] | None = None
    while True:
        request = _receive(socket, _socket.MSG_DONTWAIT)
        if request is None:  # nobody waits: time to prepare
            if prepared is None:
                prepared = _prepare(boot, job)
            request = _receive(socket, 0)
        if request is None or (prepared and prepared != _times(prepared)):
            os._exit(0)  # a file of the tool's has changed: another box will see it
        if "threads" in boot:
            # What is forked from here would lack them: this process is the job.
            os.write(request[-1], _ALONE)
            socket.close()
            _child(boot, job, request)
        standing = _standing()
        status = _fork(boot, job, socket, request, alone=alone)
        os.write(request[-1], _SWEPT + status.to_bytes(4, "big", signed=True))
        os.close(request[-1])
        if not alone or not all(_clean(*item) for item in folders.items()):
            os._exit(0)
        if standing != _standing():
            os._exit(0)


def _say_hello(socket: Any, port: int | None) -> None:
    """Say that the worker is up; with it goes what the loopback takes at the proxy's port."""
    import _socket

    if port is None:
        socket.send(_HELLO)
        return
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", port))
    listener.listen(_WAITING)
    rights = listener.fileno().to_bytes(4, sys.byteorder)
    socket.sendmsg([_HELLO], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    listener.close()


def _code(boot: dict[str, Any], key: str) -> dict[str, Any]:
    import marshal

    code: CodeType = marshal.loads(boot[key])  # noqa: S302 - bytes that the parent compiled
    names: dict[str, Any] = {"__name__": f"toolrun.sandbox.inside.{key}"}
    exec(code, names)  # noqa: S102 - as above
    return names


def _receive(socket: Any, flags: int) -> list[int] | None:
    """The descriptors of the next job; None where there is none, or will be none any more."""
    try:
        message, ancillary, *_ = socket.recvmsg(
            1, 4 * _JOB_DESCRIPTORS + 32, flags | _MSG_CMSG_CLOEXEC
        )
    except BlockingIOError:
        return None
    if not message or not ancillary:
        os._exit(0)
    data = ancillary[0][2]
    return [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, len(data), 4)]


def _quiet() -> None:
    """What an import prints is nobody's output."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _prepare(boot: dict[str, Any], job: dict[str, Any]) -> dict[str, int]:
    """Import what a job would import, under its limits; gives the tool's own files, and times."""
    import gc

    _quiet()
    job["limit"](boot["limits"])
    for key, name in (("build_code", "build_arguments"), ("values_code", "encode")):
        job["part"](boot, key, name)
    if boot["preload"]:
        known = set(sys.modules)
        try:
            job["load"](boot)
        except BaseException:  # noqa: BLE001 - the job will raise it, and say so
            for name in set(sys.modules) - known:
                del sys.modules[name]
        if len(os.listdir("/proc/self/task")) > 1:
            boot["threads"] = True
    gc.collect()
    gc.freeze()
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    own = [file for file in files if file and file.startswith(boot["own"])]
    return _times(dict.fromkeys(own, 0))


def _hide(boot: dict[str, Any]) -> None:
    """Have no job reach into this process by /proc or a system call, the first one neither."""
    import _ctypes  # `ctypes` takes three times as long

    process: Any = None  # what dlopen is given for all that is loaded
    prctl = _ctypes.dlsym(_ctypes.dlopen(process, 0), "prctl")

    def set_dumpable(value: int) -> None:
        if _ctypes.call_function(prctl, (_PR_SET_DUMPABLE, value, 0, 0, 0)) != 0:
            os._exit(1)

    set_dumpable(0)
    boot["set_dumpable"] = set_dumpable


def _fork(
    boot: dict[str, Any], job: dict[str, Any], socket: Any, request: list[int], *, alone: bool
) -> int:
    """Run a job in a child, and end whatever it started; gives its status, as `waitpid` does.

    Where this process is not alone in its namespace, others would be killed: whatever made the box
    ends what is left then.
    """
    child = os.fork()
    if child == 0:
        socket.close()
        _child(boot, job, request)
    for descriptor in request[:-1]:
        os.close(descriptor)
    status = os.waitpid(child, 0)[1]
    if alone:
        _sweep()
    return status


def _child(boot: dict[str, Any], job: dict[str, Any], request: list[int]) -> None:
    import marshal

    if "set_dumpable" in boot:
        boot["set_dumpable"](1)  # its own /proc files are its own again
    if "numpy.random" in sys.modules:  # the standard library's `random` does it by itself
        sys.modules["numpy.random"].seed()
    content, stdin, stdout, stderr, result, told = request
    os.close(told)
    with open(content, "rb") as file:  # noqa: PTH123 - a descriptor
        details = marshal.load(file)  # noqa: S302 - from the parent
    for descriptor, standard in ((stdin, 0), (stdout, 1), (stderr, 2)):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper
    job["run"](boot, details, result)


def _pid_namespace() -> str:
    return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - an import of the box's


def _sweep() -> None:
    """Kill every process of the box but its first and this one, and wait until they are gone."""
    for _ in range(_SWEEP_ROUNDS):
        try:
            os.kill(-1, _KILL)
        except ProcessLookupError:
            return
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        _pause()
    os._exit(1)


def _pause() -> None:
    import time

    time.sleep(0.0005)


def _standing() -> tuple[Any, ...]:
    """What any process of its user can change of this one: priority, processors, limits.

    The jobs after it would inherit that, and what was lowered cannot be raised again.
    """
    import resource

    return (
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getscheduler(0),
        os.sched_getaffinity(0),
        [resource.getrlimit(number) for number in range(_LIMITS)],
    )


def _used(folder: str) -> tuple[Any, ...]:
    """The inodes and blocks that a file system has in use, and its root's mode and names."""
    space = os.statvfs(folder)
    used = space.f_files - space.f_ffree, space.f_blocks - space.f_bfree
    # What is there from the start leads to a mount, such as that of the tool's own folder.
    return *used, os.stat(folder).st_mode, os.listdir(folder)


def _clean(folder: str, before: tuple[Any, ...]) -> bool:
    """Remove what a job left in a writable folder; whether it is as it was before."""
    if _used(folder) == before:
        return True
    try:
        for entry in os.scandir(folder):
            if entry.name not in before[-1]:
                _remove(entry)
    except (OSError, RecursionError):
        return False
    return _used(folder) == before


def _remove(entry: os.DirEntry[str]) -> None:
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.path)
        return
    for inner in os.scandir(entry.path):
        _remove(inner)
    os.rmdir(entry.path)


def _times(files: dict[str, int]) -> dict[str, int]:
    """When each file was changed."""
    times = {}
    for file in files:
        try:
            times[file] = os.stat(file).st_mtime_ns
        except OSError:
            times[file] = -1
    return times
