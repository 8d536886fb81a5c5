"""Which uid do boxes run under, and how does it get at the files? Root never starts bubblewrap.

Where the kernel's uid inside a box is 0, it owns the host's /proc/sys, capabilities or not. So a
real root drops to an unprivileged uid first; what that uid cannot reach is staged (`stage.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import msgspec

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.descriptors import write_all

if TYPE_CHECKING:
    from collections.abc import Iterable

UNPRIVILEGED_UID: Final = 65_533
"""Below nobody's, which daemons share, and inside the 65,536 that rootless containers map."""

_STAGE: Final = Path(__file__).with_name("stage.py")
_STAGE_SECONDS: Final = 20


class Passage(msgspec.Struct, frozen=True):
    """The way into the box's uid: what comes before bubblewrap on the command line."""

    drop: tuple[str, ...] = ()
    namespace: int | None = None

    @property
    def prefix(self) -> tuple[str, ...]:
        """The command that comes before bubblewrap's."""
        if self.namespace is None:
            return self.drop
        return (self.drop[0], self._mount(), *self.drop[1:])

    @property
    def as_root(self) -> tuple[str, ...]:
        """The same for a program that drops the uid by itself: a container's engine."""
        return () if self.namespace is None else (self.drop[0], self._mount(), "--")

    def _mount(self) -> str:
        # By this process's entry in /proc: an inherited descriptor would stay open in the box.
        return f"--mount=/proc/{os.getpid()}/fd/{self.namespace}"

    def close(self) -> None:
        """Give the mount namespace back."""
        if self.namespace is not None:
            with contextlib.suppress(OSError):
                os.close(self.namespace)


def is_real_root() -> bool:
    """Whether this process's uid is the kernel's 0: in a rootless container, 0 is somebody else."""
    if os.geteuid() != 0:
        return False
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text("ascii").splitlines()]
    mapped = [(int(start), int(outside), int(size)) for start, outside, size in ranges]
    outside_of_root = next(outside for start, outside, size in mapped if start == 0 < size)
    can_drop = any(start <= UNPRIVILEGED_UID < start + size for start, _, size in mapped)
    return can_drop or outside_of_root == 0


async def open_passage(paths: Iterable[str], interpreter: str) -> Passage:
    """Prepare the way for boxes that need these files and folders (absolute, resolved).

    Raises:
        SandboxUnavailable: something cannot be read by the boxes' uid; the message says which.
    """
    if not is_real_root():
        return Passage()
    nsenter = shutil.which("nsenter", path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin")
    if nsenter is None:
        raise SandboxUnavailable(
            "sandbox: running as root, and the program nsenter, which drops to an unprivileged "
            "user, is missing. Install util-linux, or run as an ordinary user"
        )
    namespace = await _stage(sorted(set(paths)), interpreter)
    user = str(UNPRIVILEGED_UID)
    return Passage((nsenter, "-S", user, "-G", user, "--"), namespace)


class Passages:
    """The ways that a backend has prepared: one for each set of paths."""

    def __init__(self) -> None:
        self._open: dict[frozenset[str], Passage] = {}
        self._closed = False

    async def get(self, paths: Iterable[str], interpreter: str) -> Passage:
        """The way for boxes that need these; see `open_passage`.

        Raises:
            SandboxUnavailable: the backend has been closed; and as `open_passage`.
        """
        self._check_open()
        key = frozenset(paths)
        if key not in self._open:
            passage = await open_passage(key, interpreter)
            # Closed meanwhile, or two first calls at once: nobody would give it back.
            if self._closed or self._open.setdefault(key, passage) is not passage:
                passage.close()
            self._check_open()
        return self._open[key]

    def close(self) -> None:
        """Give the mount namespaces back, and prepare no more: nobody would give them back."""
        self._closed = True
        while self._open:
            self._open.popitem()[1].close()

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxUnavailable("sandbox: it has been closed")


async def _stage(paths: list[str], interpreter: str) -> int | None:
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - vfork and exec: no wait; our own script
        [interpreter, "-I", "-S", str(_STAGE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
    )
    with process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            request = json.dumps({"folders": paths, "uid": UNPRIVILEGED_UID})
            with contextlib.suppress(BrokenPipeError):  # it has ended, and said why
                write_all(process.stdin.fileno(), request.encode() + b"\n")
            with anyio.move_on_after(_STAGE_SECONDS) as waited:
                await anyio.wait_readable(process.stdout)
            if waited.cancelled_caught:
                raise _failed(f"no answer for {_STAGE_SECONDS} s")
            answer = process.stdout.readline()
            if not answer:
                raise _failed(_said(process))
            return _namespace(process.pid, json.loads(answer))
        finally:
            process.kill()


def _namespace(pid: int, answer: dict[str, object]) -> int | None:
    unreadable = answer["unreadable"]
    assert isinstance(unreadable, list)
    if unreadable:
        path, reason = unreadable[0]
        raise SandboxUnavailable(
            f"sandbox: {path}: {reason} for uid {UNPRIVILEGED_UID}, which boxes run under when "
            f"toolrun runs as root. Make it readable (chmod o+rX {path}), move it out of the "
            "private folder, or run as the user who owns it"
        )
    if not answer["staged"]:
        return None
    return os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def _said(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    lines = process.stderr.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"


def _failed(why: str) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"sandbox: preparing a mount namespace as root failed: {why}. Run as an ordinary user, or "
        "allow CAP_SYS_ADMIN"
    )
