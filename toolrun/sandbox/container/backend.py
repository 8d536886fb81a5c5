"""How does a container become a box? `Container` describes it; a relay starts it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.sandbox.backend import Start
from toolrun.sandbox.bubblewrap import seccomp
from toolrun.sandbox.bubblewrap.privilege import Passages, is_real_root
from toolrun.sandbox.code import python
from toolrun.sandbox.container import engine as engines
from toolrun.sandbox.container import rootfs
from toolrun.sandbox.descriptors import memory, pipe
from toolrun.sandbox.order import ENVIRONMENT
from toolrun.sandbox.view import runtime

if TYPE_CHECKING:
    from toolrun.sandbox.order import Order
    from toolrun.sandbox.profile import Guarantee

_HERE: Final = Path(__file__).parent
_RELAY: Final = str(_HERE / "relay.py")
_NUMBERS: Final = (3, 4)
"""The descriptors of what the shim is given, and of its socket, in the box."""


class Container:
    """Boxes of podman or docker: see `Backend`.

    Args:
        name: the engine; podman, else docker, where None.
        runtime: what runs its containers ("runc", "runsc"); the engine's default where None.
    """

    name = "container"
    guarantees: frozenset[Guarantee] = engines.guarantees()

    def __init__(self, name: engines.Name | None = None, runtime: str | None = None) -> None:
        self._wanted = name
        self._runtime = runtime
        self._engine: engines.Engine | None = None
        self._folder: Path | None = None
        self._owner = os.getpid()
        self._passages = Passages()

    def identity(self) -> str:
        """The program and what it runs containers with."""
        return f"{engines.find(self._wanted)[1]}:{self._runtime or ''}"

    def remedy(self, said: str) -> str:
        """What would fix what the engine said."""
        return engines.remedy(said)

    def close(self) -> None:
        """Give back the root's folder, and the mount namespaces."""
        self._passages.close()
        # In a forked process it is the other's, and so are the boxes that it serves.
        if self._folder is not None and self._owner == os.getpid():
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def start(self, order: Order, give: contextlib.ExitStack) -> Start:
        """See `Backend.start`."""
        if self._engine is None:
            name, program = engines.find(self._wanted)
            self._engine = await engines.ask(name, program, self._runtime)
        engine = self._engine
        root = self._root(engine)
        prefix = await self._prefix(engine, order)
        box = f"toolrun-{secrets.token_hex(8)}"
        assert self._folder is not None
        path = f"{self._folder}/sockets/{box}"
        if engine.name == "podman":
            targets = engines.binds(order, runtime().folders)
            rootfs.make_mount_points(self._folder / "root", targets)
        described = engines.arguments(engine, order, box, path, root, runtime().folders)
        with contextlib.ExitStack() as keep:
            control, control_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            keep.callback(control.close)
            give.callback(control_end.close)
            boot, there = memory(give, order.boot), control_end.fileno()
            info, info_end = pipe(keep, give)
            request = {
                "run": [*described, *_first()],
                "remove": [engine.program, "rm", "--force", "--volumes", box],
                "engine_env": engines.environment(),
                "folder": str(self._folder),
                "socket": path,
                "info": info_end,
                "descriptors": [boot, there],
                "command": python(*_NUMBERS),
                "env": dict(ENVIRONMENT),
                "filters": [base64.b64encode(each).decode() for each in _filters()],
            }
            asked = memory(give, json.dumps(request).encode())
            relay = (sys.executable, "-I", "-S", "-B", _RELAY, str(asked))
            start = Start(
                command=(*prefix, *relay),
                inherit=(asked, boot, there, info_end),
                control=control,
                info=info,
                is_parent=False,  # the engine is another process's, or a daemon's
            )
            # From here on they are the caller's.
            keep.pop_all()
            return start

    def _root(self, engine: engines.Engine) -> tuple[str, ...]:
        """What the root is made of, and with it the folder of the relays' sockets."""
        if self._folder is None:
            self._owner = os.getpid()
            self._folder = Path(tempfile.mkdtemp(prefix="toolrun-"))
            # Private: who connects first is taken for the box, and command lines tell the names.
            # Without root a container's own has to get there, and is another user outside.
            (self._folder / "sockets").mkdir(mode=0o700 if is_real_root() else 0o711)
            if engine.name == "docker":
                rootfs.make_image(engine.program, engines.environment())
            else:
                # Passable: a container's root, to whom it belongs, is nobody outside.
                self._folder.chmod(0o711)
                owner = engines.ROOT_UID if is_real_root() else None
                (self._folder / "root").mkdir()
                rootfs.make_folder(self._folder / "root", owner)
        if engine.name == "docker":
            return (rootfs.IMAGE,)
        return ("--rootfs", str(self._folder / "root"))

    async def _prefix(self, engine: engines.Engine, order: Order) -> tuple[str, ...]:
        """As root: the way into a mount namespace where the boxes' uid can read what is shown."""
        if engine.name == "docker" or not is_real_root():
            return ()
        shown = runtime()
        needed = {folder.path for folder in order.view.folders} | set(shown.folders)
        return (await self._passages.get(needed, shown.interpreter)).as_root


@cache
def _first() -> tuple[str, ...]:
    """The command of a container's first process."""
    source = (_HERE.parent / "inside" / "first.py").read_text("utf-8")
    return (runtime().interpreter, "-I", "-S", "-B", "-c", source)


def _filters() -> list[bytes]:
    """The filter that bubblewrap's boxes have, on top of the engine's own."""
    machine = seccomp.machine()
    return [] if machine is None else [seccomp.program(machine)]
