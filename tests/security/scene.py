"""What do attacks aim at? Files, sockets and processes of the host, made for one run of the tests.

There are two scenes: one for attacks in boxes, which stays untouched, and one for controls.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET: Final = "topsecret"
VARIABLE: Final = "OPENAI_API_KEY"
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Scene:
    """What the texts in braces of the catalogue stand for.

    Attributes:
        canary: a file that everybody may read.
        workspace: a folder with the secrets that such folders have; `workspace/own` has a file for
            each attack, so that controls do not disturb each other.
        port, udp: where somebody listens on the host's loopback, and answers.
        abstract, socket: a Unix socket's abstract name; another's path.
        free: an abstract name that nobody has.
        victim: a process.
        segment: the key of a System V shared memory.
        token: a text that no other command line has.
    """

    def __init__(self, attacks: Iterable[str]) -> None:
        self._stack = contextlib.ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="scene-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        self.token = secrets.token_hex(8)
        self.canary = self.folder / "canary"
        self.canary.write_text(SECRET)
        self.workspace = workspace_of(self.folder / "workspace", self.canary)
        self.own = self.workspace / "own"
        self.own.mkdir()
        for name in attacks:
            (self.own / name).write_text("three short words")
        self.port = self._listen()
        self.udp = self._echo()
        self.abstract, self.free = f"toolrun-{self.token}", f"free-{self.token}"
        self.socket = self._unix(str(self.folder / "socket"))
        self._unix("\0" + self.abstract)
        self.segment = self._segment()
        self.victim = self._stack.enter_context(subprocess.Popen(["sleep", "600"]))
        self._stack.callback(self.victim.kill)
        self._before = self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fill(self, value: Any, attack: str) -> Any:
        """An argument with what the scene has for the names in braces."""
        if isinstance(value, list):
            return [self.fill(each, attack) for each in value]
        if not isinstance(value, str) or "{" not in value:
            return value
        known = {
            **{key: each for key, each in vars(self).items() if not key.startswith("_")},
            "victim": self.victim.pid,
            "own": self.own / attack,
            "here": Path(__file__).parent,
            "parent": os.getpid(),
        }
        whole = known.get(value[1:-1])
        return whole if isinstance(whole, int) else value.format(**known)

    def harm(self) -> list[str]:
        """What is no longer as it was made."""
        now = self._look()
        found = [name for name in {*now, *self._before} if now.get(name) != self._before.get(name)]
        return [*found, *(["the victim"] if self.victim.poll() is not None else [])]

    def _look(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for path in (self.folder, *self.folder.rglob("*")):
            status = path.lstat()
            # What is written changes the time, too: no need to read all of it.
            found[str(path)] = (status.st_mode, status.st_ctime_ns, status.st_size)
        return found

    def _listen(self) -> int:
        server = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        return int(server.getsockname()[1])

    def _echo(self) -> int:
        server = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            while True:
                said, sender = server.recvfrom(100)
                if said == b"end":
                    return
                server.sendto(said, sender)

        thread = threading.Thread(target=answer, name="echo")
        thread.start()
        port = int(server.getsockname()[1])

        def end() -> None:
            server.sendto(b"end", ("127.0.0.1", port))
            thread.join()

        self._stack.callback(end)
        return port

    def _unix(self, name: str) -> str:
        server = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(name)
        server.listen(64)
        if not name.startswith("\0"):
            Path(name).chmod(0o777)
        return name

    def _segment(self) -> int:
        key = secrets.randbelow(1 << 30) + 1
        number = _LIBC.shmget(key, 4096, 0o1000 | 0o666)
        if number == -1:
            raise OSError(ctypes.get_errno(), "shmget")
        self._stack.callback(_LIBC.shmctl, number, 0, None)
        return key


def workspace_of(folder: Path, outside: Path) -> Path:
    """A folder of notes with the secrets that such folders have, and links out of it."""
    (folder / "sub" / ".git").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "notes.md").write_text("three short words")
    (folder / "sub" / "open.md").write_text("not secret")
    for name in (".env", ".git/config", "sub/.env.local", "sub/.git/config"):
        (folder / name).write_text(f"KEY={SECRET}")
    (folder / "alias").symlink_to(folder / ".env")
    (folder / "link").symlink_to(outside)
    (folder / "climb").symlink_to(f"../{outside.name}")
    return folder
