"""Which engine runs containers here, and with which arguments does one become a box?"""

# Paths are an engine's arguments here: strings, resolved once.
# ruff: noqa: PTH110, PTH112
from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio
import msgspec

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.bubblewrap import seccomp
from toolrun.sandbox.bubblewrap.privilege import UNPRIVILEGED_UID, is_real_root
from toolrun.sandbox.inside.first import SOCKET
from toolrun.sandbox.order import HOME, SCRATCH, Bind
from toolrun.sandbox.view import SYSTEM_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolrun.sandbox.order import Order
    from toolrun.sandbox.profile import Guarantee

Name = Literal["podman", "docker"]

_GUARANTEES: Final[frozenset[Guarantee]] = frozenset(
    {
        "files",
        "network",
        "environment",
        "processes",
        "privileges",
        "proc",
        "terminal",
        "limits",
        "resident-memory",
        "disk",
        "tree-kill",
    }
)
ROOT_UID: Final = UNPRIVILEGED_UID - 2
"""Whom a container's uid 0, which makes its mounts, is outside of it, where root runs podman."""

_PATH: Final = "/usr/bin:/bin:/usr/local/bin:/usr/sbin:/sbin"
_SECONDS: Final = 20.0
_SPARE: Final = 8  # processes of the container that are not the tool's
_QUESTIONS: Final = {
    "podman": ("info", "--format", "json"),
    "docker": ("info", "--format", "{{json .}}"),
}


class Engine(msgspec.Struct, frozen=True):
    """An engine, asked what it can do here.

    Attributes:
        name: "podman" or "docker".
        program: its path.
        runtime: what runs the containers ("runc", "crun", "runsc"); None: the engine's default.
        limits: which of "memory" and "pids" its control groups hold.
    """

    name: Name
    program: str
    runtime: str | None
    limits: frozenset[str]


def guarantees() -> frozenset[Guarantee]:
    """What a container holds; a filter of system calls where there is one for this machine."""
    return _GUARANTEES | {"syscalls"} if seccomp.machine() else _GUARANTEES


def find(name: Name | None) -> tuple[Name, str]:
    """The engine of a name, else podman, else docker: name and path.

    Raises:
        SandboxUnavailable: it is not installed.
    """
    wanted: tuple[Name, ...] = ("podman", "docker") if name is None else (name,)
    for each in wanted:
        program = shutil.which(each, path=_PATH)
        if program is not None:
            return each, program
    raise SandboxUnavailable(
        f"sandbox: no {' and no '.join(wanted)} is installed. Install your distribution's package "
        "podman (and uidmap, to use it without root)"
    )


async def ask(name: Name, program: str, runtime: str | None) -> Engine:
    """Ask an engine what it can do on this machine.

    Raises:
        SandboxUnavailable: it gives no answer; the message has what it said.
    """
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - vfork and exec: no wait; a fixed path
        [program, *_QUESTIONS[name]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd="/",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            with anyio.move_on_after(_SECONDS):
                await anyio.wait_readable(process.stdout)
                answer = process.stdout.read()
                return Engine(name, program, runtime, _limits(name, answer))
            raise SandboxUnavailable(f"sandbox: {name} info gave no answer in {_SECONDS:g} s")
        except ValueError as error:
            said = process.stderr.read().decode(errors="replace").strip() or str(error)
            raise SandboxUnavailable(f"sandbox: {name} info: {said}. {remedy(said)}") from error
        finally:
            process.kill()


def _limits(name: Name, answer: bytes) -> frozenset[str]:
    told: dict[str, Any] = json.loads(answer)
    if name == "docker":
        if told.get("ServerErrors"):
            raise ValueError("; ".join(told["ServerErrors"]))
        if told.get("OperatingSystem") == "Docker Desktop":
            raise ValueError("Docker Desktop runs containers in a virtual machine of its own")
        kinds = {"memory": told.get("MemoryLimit"), "pids": told.get("PidsLimit")}
        return frozenset(kind for kind, has in kinds.items() if has)
    host = told["host"]
    if host["security"]["rootless"] and host["cgroupVersion"] == "v1":
        return frozenset()
    return frozenset(host["cgroupControllers"] or ()) & {"memory", "pids"}


def environment() -> dict[str, str]:
    """What an engine's program needs of this process's environment to find its own files."""
    names = ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DOCKER_HOST")
    return {"PATH": _PATH, **{name: os.environ[name] for name in names if name in os.environ}}


def arguments(
    engine: Engine,
    order: Order,
    name: str,
    socket: str,
    root: Sequence[str],
    shown: Iterable[str],
) -> list[str]:
    """The command line that starts a container; its engine sorts the mounts, outermost first.

    Args:
        engine: what to start it with.
        order: what it is to be.
        name: its own name, to remove it by.
        socket: where the relay listens.
        root: what its root is made of: an image's name, or a folder.
        shown: what it sees beside the order's: the interpreter's files.

    Raises:
        SandboxUnavailable: a path has a colon, which engines take for its end.
    """
    profile = order.profile
    # Podman fills a tmpfs with what it covers, unless told, and takes no number of inodes.
    empty = "" if engine.name == "docker" else ",notmpcopyup"
    size = f"size={profile.disk_bytes},mode=1777{empty}"
    size += f",nr_inodes={profile.inodes}" if engine.name == "docker" else ""
    covers: list[str] = []
    mounts = [_bind(each.source, each.target, each.writable) for each in binds(order, shown)]
    for mask in (mask for masks in order.masks for mask in masks):
        if mask.is_folder:
            covers += ["--tmpfs", f"{mask.path}:ro,size=4096,mode=0111{empty}"]
        else:
            mounts.append(_bind("/dev/null", mask.path, False))  # noqa: FBT003 - read-only
    if profile.workspace == "scratch":
        covers += ["--tmpfs", f"{SCRATCH}:{size}"]
    return [
        *(engine.program, "run", "--rm", "--name", name, "--hostname", "box"),
        *(() if engine.runtime is None else ("--runtime", engine.runtime)),
        *("--network", "none", "--ipc", "private", "--log-driver", "none", "--pull", "never"),
        *("--cap-drop", "all", "--security-opt", "no-new-privileges", "--read-only"),
        *_identity(engine),
        *("--ulimit", f"nofile={profile.open_files}:{profile.open_files}"),
        *("--ulimit", f"nproc={profile.processes + _SPARE}:{profile.processes + _SPARE}"),
        *("--ulimit", "core=0:0"),
        *(("--memory", str(profile.memory_bytes * 2)) if "memory" in engine.limits else ()),
        *(("--pids-limit", str(profile.processes + _SPARE)) if "pids" in engine.limits else ()),
        *("--tmpfs", f"{HOME}:{size}", "--shm-size", str(profile.disk_bytes)),
        *(part for mount in mounts for part in ("--volume", mount)),
        *covers,
        *("--volume", f"{socket}:{SOCKET}:ro", "--workdir", order.cwd),
        *root,
    ]


def binds(order: Order, shown: Iterable[str]) -> list[Bind]:
    """What a container sees of the host, and where; `shown` as for `arguments`."""
    folders = [folder.path for folder in order.view.folders]
    return [*(Bind(path, path) for path in (*_system(), *shown, *folders)), *order.binds]


def _identity(engine: Engine) -> tuple[str, ...]:
    """The uid of a box: the user's own, as bubblewrap has it; of root's boxes an unprivileged."""
    if engine.name == "docker":
        return ("--user", f"{UNPRIVILEGED_UID}:{UNPRIVILEGED_UID}")
    common = (
        *("--no-hosts", "--read-only-tmpfs=false", "--cgroupns=private"),
        *("--security-opt", "mask=/sys", "--user", "1000:1000"),
    )
    if is_real_root():
        maps = (f"0:{ROOT_UID}:1", f"1000:{UNPRIVILEGED_UID}:1")
    else:
        maps = ("1000:0:1", "0:1:1")
    return (*common, *(part for each in maps for part in ("--uidmap", each, "--gidmap", each)))


def _system() -> list[str]:
    folders = [path for path in SYSTEM_FOLDERS if os.path.isdir(path)]
    files = ("/etc/ld.so.cache", "/etc/alternatives")
    return [*folders, *(path for path in files if os.path.exists(path))]


def _bind(source: str, target: str, writable: bool) -> str:  # noqa: FBT001 - as `Bind`
    if ":" in source or ":" in target:
        raise SandboxUnavailable(
            f"sandbox: {source}: a container cannot see a path with a colon. Use the backend "
            "bubblewrap, or rename it"
        )
    return f"{source}:{target}" + ("" if writable else ":ro")


# Each: what an engine says, and what to do about it.
# ruff: noqa: ISC004 - pairs of a tuple and one long string
_REMEDIES: Final = (
    (
        ("hybrid mode not supported",),
        "crun cannot run under this machine's control groups: install runc and choose the backend "
        "podman:runc",
    ),
    (
        ("newuidmap", "subuid", "subgid"),
        "Install your distribution's package uidmap, and give this user ranges in /etc/subuid and "
        "/etc/subgid (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER)",
    ),
    (
        ("docker daemon", "docker.sock"),
        "Start the Docker daemon, and let this user reach its socket; or install podman, which "
        "needs no daemon",
    ),
    (
        ("Docker Desktop",),
        "Install podman or Docker Engine on the system that toolrun runs on",
    ),
    (
        ("cannot clone", "user namespace"),
        "This machine does not let this user create namespaces: see what is said of bubblewrap",
    ),
)


def remedy(said: str) -> str:
    """What would fix what an engine said."""
    for signs, fix in _REMEDIES:
        if any(sign in said for sign in signs):
            return fix
    return "Try the same by hand: podman run --rm --network none --rootfs FOLDER COMMAND"
