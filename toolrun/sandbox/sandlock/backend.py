"""How does sandlock become a box? `Sandlock` describes it; a guard starts it and ends it."""

# Paths are sandlock's arguments here: strings, resolved once.
# ruff: noqa: PTH110
from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import marshal
import os
import shutil
import signal
import socket
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.backend import Start
from toolrun.sandbox.bubblewrap import seccomp
from toolrun.sandbox.bubblewrap.privilege import (
    UNPRIVILEGED_UID,
    Passage,
    Passages,
    is_real_root,
)
from toolrun.sandbox.bubblewrap.seccomp_policy import ALLOW
from toolrun.sandbox.code import python
from toolrun.sandbox.descriptors import memory, pipe
from toolrun.sandbox.order import ENVIRONMENT, HOME
from toolrun.sandbox.view import SYSTEM_FOLDERS, runtime

if TYPE_CHECKING:
    from toolrun.sandbox.order import Order
    from toolrun.sandbox.profile import Guarantee, Profile

_GUARANTEES: Final[frozenset[Guarantee]] = frozenset(
    {"network", "environment", "privileges", "terminal", "resident-memory", "tree-kill"}
)
_HERE: Final = Path(__file__).parent
_NUMBERS: Final = (3, 4)
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_REFUSED: Final = 0x0005_0001  # EPERM


class Sandlock:
    """Boxes of Landlock and seccomp, in the namespaces of the host: see `Backend`.

    Files are what Landlock says, but their names and dates can be seen, and the modes of the user's
    own files changed; the host's processes can be counted; the disk is the host's; threads are not
    counted. So "files", "processes", "proc", "disk" and "limits" are not promised.
    """

    name = "sandlock"

    def __init__(self) -> None:
        self.guarantees: frozenset[Guarantee] = (
            _GUARANTEES | {"syscalls"} if seccomp.machine() else _GUARANTEES - {"network"}
        )
        self._passages = Passages()

    def identity(self) -> str:
        """The package's place.

        Raises:
            SandboxUnavailable: it is not installed, or the kernel is too old for it.
        """
        return f"{_site()}/sandlock"

    def remedy(self, said: str) -> str:
        """What would fix what sandlock said."""
        if "andlock" in said and "ABI" in said:
            return "Landlock's sixth version is needed: Linux 6.12, with landlock among its LSMs"
        return "Landlock's sixth version is needed: see sandlock.landlock_abi_version()"

    def close(self) -> None:
        """Give back the mount namespaces."""
        self._passages.close()

    async def start(self, order: Order, give: contextlib.ExitStack) -> Start:
        """See `Backend.start`."""
        _check(order.profile)
        prefix = (await self._passage(order)).prefix
        with contextlib.ExitStack() as keep:
            folder = tempfile.mkdtemp(prefix="toolrun-")
            keep.callback(shutil.rmtree, folder, ignore_errors=True)
            if is_real_root():
                os.chown(folder, UNPRIVILEGED_UID, UNPRIVILEGED_UID)
            control, control_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            keep.callback(control.close)
            give.callback(control_end.close)
            boot, there = memory(give, _boot(order, folder)), control_end.fileno()
            info, info_end = pipe(keep, give)
            request = {
                "site": _site(),
                "folder": folder,
                "info": info_end,
                "descriptors": [boot, there],
                "policy": _policy(order, folder),
                "first": [runtime().interpreter, "-I", "-S", "-B", "-c", _first(), "0"],
                "command": python(*_NUMBERS),
                "env": dict(ENVIRONMENT),
                "filters": [base64.b64encode(each).decode() for each in _filters()],
            }
            asked = memory(give, json.dumps(request).encode())
            guard = (runtime().interpreter, "-I", "-S", "-B", str(_HERE / "guard.py"), str(asked))
            start = Start(
                command=(*prefix, *guard),
                inherit=(asked, boot, there, info_end),
                control=control,
                info=info,
                ends_by=signal.SIGTERM,
            )
            # From here on they are the caller's.
            keep.pop_all()
            return start

    async def _passage(self, order: Order) -> Passage:
        shown = runtime()
        needed = {folder.path for folder in order.view.folders} | set(shown.folders)
        return await self._passages.get(needed | {_site()}, shown.interpreter)


def _check(profile: Profile) -> None:
    """Refuse what takes a namespace: a loopback or a file system of the box's own."""
    for key, value in (("network", "allow-list"), ("workspace", "scratch")):
        if getattr(profile, key) == value:
            raise SandboxUnavailable(
                f"sandbox profile {profile.name!r} has {key} = {value!r}, which sandlock cannot "
                "make. Use the backend bubblewrap or container"
            )


@cache
def _site() -> str:
    """The folder that sandlock is imported from."""
    found = importlib.util.find_spec("sandlock")
    if found is None or found.origin is None:
        raise SandboxUnavailable(
            "sandbox: sandlock is not installed. pip install toolrun[sandlock]"
        )
    return str(Path(found.origin).resolve().parent.parent)


@cache
def _first() -> str:
    return (_HERE.parent / "inside" / "first.py").read_text("utf-8")


def _boot(order: Order, folder: str) -> bytes:
    """What the shim is given, with a home of the box's own; others' processes do not count."""
    boot: dict[str, Any] = marshal.loads(order.boot)  # noqa: S302 - made by `toolrun.sandbox.code`
    boot["env"] = {**boot["env"], "HOME": folder, "TMPDIR": folder}
    boot["writable"] = [folder]
    boot["limits"] = {k: v for k, v in boot["limits"].items() if k != "RLIMIT_NPROC"}
    return marshal.dumps(boot)


def _policy(order: Order, folder: str) -> dict[str, Any]:
    """The keyword arguments of `sandlock.Sandbox`."""
    shown = [*SYSTEM_FOLDERS, "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"]
    shown += ["/proc", *_DEVICES, *runtime().folders]
    shown += [each.path for each in order.view.folders]
    shown += [each.source for each in order.binds if not each.writable]
    writable = [each.source for each in order.binds if each.writable]
    return {
        "fs_readable": [path for path in shown if os.path.exists(path)],
        "fs_writable": [folder, "/dev/null", *writable],
        "fs_denied": [mask.path for masks in order.masks for mask in masks],
        "cwd": folder if order.cwd == HOME else order.cwd,
        "clean_env": True,
        "max_processes": order.profile.processes,
    }


def _filters() -> list[bytes]:
    """The filter of bubblewrap's boxes, and one that refuses sockets: there is no other network."""
    machine = seccomp.machine()
    if machine is None:
        return []
    number = seccomp.number("socket", machine)
    assert number is not None
    load, equal, give = 0x20, 0x15, 0x06
    code = (
        (load, 0, 0, 0),
        (equal, 0, 1, number),
        (give, 0, 0, _REFUSED),
        (give, 0, 0, ALLOW),
    )
    return [seccomp.program(machine), b"".join(struct.pack("=HBBI", *each) for each in code)]
