"""Where are layers mounted, and how do boxes get there? A `Holder` asks the process that mounts."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.bubblewrap.privilege import UNPRIVILEGED_UID
from toolrun.sandbox.descriptors import write_all
from toolrun.sandbox.layer.copied import copy_in
from toolrun.sandbox.layer.found import Overlaid
from toolrun.sandbox.layer.layer import Layer
from toolrun.sandbox.layer.places import FOLDER

if TYPE_CHECKING:
    from toolrun.sandbox.bubblewrap.privilege import Passage
    from toolrun.sandbox.profile import Profile

_SCRIPT: Final = Path(__file__).with_name("mounts.py")
_ANSWER_SECONDS: Final = 20
_OWN_INODES: Final = 8
"""Of the layer's own folders; a profile's number is what a tool may make."""


class Holder:
    """The process that mounts layers, for the boxes that one passage leads to.

    Args:
        interpreter: what it runs on; the boxes' user can read it.
        passage: the way into the boxes' user, and to what is staged for it.
    """

    def __init__(self, interpreter: str, passage: Passage) -> None:
        self._passage = passage
        self._staged = passage.namespace is not None
        # As root it mounts with root's own capabilities; else in a user namespace of its own.
        self._command = (*passage.as_root, interpreter, "-I", "-S", str(_SCRIPT))
        self._uid = UNPRIVILEGED_UID if passage.drop else os.getuid()
        self._process: subprocess.Popen[bytes] | None = None
        self._place = ""
        self._own_user = False
        self._names = itertools.count(1)
        self._lock: anyio.Lock | None = None

    async def open(self, folder: str, profile: Profile, stack: contextlib.ExitStack) -> Layer:
        """A fresh layer over a folder as it is now; it is gone when the stack is closed.

        Raises:
            SandboxUnavailable: none can be made; the message says why and what to do.
        """
        if self._passage.drop and not self._staged:
            raise _unavailable("this process is root, without CAP_SYS_ADMIN")
        name = str(next(self._names))
        request = {
            "open": name,
            "folder": folder,
            "size": profile.disk_bytes,
            "inodes": profile.inodes + _OWN_INODES,
            "uid": self._uid,
            "copy": self._unmapped(folder),
        }
        self._lock = self._lock or anyio.Lock()
        async with self._lock:
            process = self._running() or await self._start()
            stack.callback(self._drop, process, name)
            answer = await _asked(process, request)
        at = f"{self._place}/{name}"
        try:
            root = os.open(f"/proc/{process.pid}/root{at}/sized/upper", FOLDER)
        except OSError as error:
            raise _unavailable(f"it cannot be seen from here ({error.strerror})") from error
        stack.callback(os.close, root)
        source, prefix = f"{at}/merged", self._prefix(process.pid)
        if answer["kind"] == "overlay":
            return Layer(folder, source, prefix, root, Overlaid())
        owner = self._uid if self._staged else None
        copied = await anyio.to_thread.run_sync(
            copy_in, folder, root, owner, profile, answer["why"]
        )
        return Layer(folder, source, prefix, root, copied, "copy")

    def close(self) -> None:
        """End the process, and with it every layer that is left."""
        if self._process is not None:
            process, self._process = self._process, None
            with process:
                process.kill()

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # killed from outside: the next call gets another
        return self._process

    async def _start(self) -> subprocess.Popen[bytes]:
        nsenter_program()
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - vfork and exec: no wait; our script
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,
        )
        try:
            answer = await _answered(process)
        except BaseException:
            with process:
                process.kill()
            raise
        self._process, self._place = process, answer["place"]
        self._own_user = answer["user"]
        return process

    def _prefix(self, pid: int) -> tuple[str, ...]:
        """The command that leads to the layers: this process's child cannot give its number up."""
        nsenter, namespace = nsenter_program(), f"--mount=/proc/{pid}/ns/mnt"
        if self._staged:
            return (nsenter, namespace, *self._passage.drop[1:])
        user = (f"--user=/proc/{pid}/ns/user",) if self._own_user else ()
        return (nsenter, *user, namespace, "--preserve-credentials", "--")

    def _unmapped(self, folder: str) -> str:
        """Why files of a folder cannot be changed through an overlay, if they cannot."""
        owner = os.stat(folder)  # noqa: PTH116 - a string already
        if self._staged or (owner.st_uid, owner.st_gid) == (self._uid, os.getgid()):
            return ""
        return f"it belongs to user {owner.st_uid} and group {owner.st_gid}"

    def _drop(self, process: subprocess.Popen[bytes], name: str) -> None:
        if self._process is process:
            with contextlib.suppress(OSError):  # it is gone, and its layers with it
                _tell(process, {"drop": name})


def nsenter_program() -> str:
    """The program that enters a namespace.

    Raises:
        SandboxUnavailable: it is not there.
    """
    found = shutil.which("nsenter", path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin")
    if found is None:
        raise SandboxUnavailable(
            "sandbox: a writable workspace needs the program nsenter, which is missing. Install "
            'util-linux, or use a profile with workspace = "read-only"'
        )
    return found


async def _asked(process: subprocess.Popen[bytes], request: dict[str, Any]) -> dict[str, Any]:
    try:
        _tell(process, request)
    except OSError as error:
        raise _unavailable(f"the process that mounts is gone ({error.strerror})") from error
    return await _answered(process)


def _tell(process: subprocess.Popen[bytes], request: dict[str, Any]) -> None:
    assert process.stdin is not None
    # Not by the buffer: what it cannot get rid of would be an error again when it is closed.
    write_all(process.stdin.fileno(), json.dumps(request).encode() + b"\n")


async def _answered(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    # To the end, whoever is cancelled: the next request's answer would be this one's.
    with anyio.move_on_after(_ANSWER_SECONDS, shield=True) as waited:
        await anyio.wait_readable(process.stdout)
    if waited.cancelled_caught:
        process.kill()
        raise _unavailable(f"the process that mounts said nothing for {_ANSWER_SECONDS} s")
    line = process.stdout.readline()
    if not line:
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace").strip().splitlines()
        raise _unavailable(said[-1] if said else "the process that mounts said nothing")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise _unavailable(answer["error"])
    return answer


def _unavailable(said: str) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"sandbox: no writable layer can be made: {said}. It needs user namespaces that may mount "
        "(on Ubuntu 24.04 and later: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0), "
        'or CAP_SYS_ADMIN as root; else use a profile with workspace = "read-only"'
    )
