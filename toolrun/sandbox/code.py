"""Which code starts in a box, and how does it get there? Compiled once, sent as bytes."""

from __future__ import annotations
import __future__

import marshal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.sandbox.egress.way import port_of, variables
from toolrun.sandbox.order import ENVIRONMENT, HOME, SCRATCH
from toolrun.sandbox.view import runtime

if TYPE_CHECKING:
    from types import CodeType

    from toolrun.sandbox.profile import Profile
    from toolrun.sandbox.view import View

_BOOT: Final = (
    "import io,marshal,sys;f=io.open(int(sys.argv[1]),'rb');j=marshal.loads(f.read());f.close();"
    "n={'__name__':'toolrun.sandbox.inside.shim'};exec(marshal.loads(j['shim']),n);"
    "n['start'](j,int(sys.argv[2]))"
)
_PARTS: Final = {
    "shim": "shim",
    "job_code": "job",
    "build_code": "build",
    "values_code": "values",
}
_FLAGS: Final = ("-I", "-S", "-B", "-X", "utf8", "-c", _BOOT)


def python(boot: int, control: int) -> tuple[str, ...]:
    """The command that runs the shim: descriptors of what it is given, and of its socket."""
    return (runtime().interpreter, *_FLAGS, str(boot), str(control))


def boot(profile: Profile, view: View, *, preload: bool) -> bytes:
    """What the shim is given when a box starts.

    Args:
        profile: of the box.
        view: of the box.
        preload: import the module of the view before a job asks for it.
    """
    writable = [HOME, "/dev/shm"]  # noqa: S108 - the box's own
    if profile.workspace == "writable":
        writable = []  # serves one call: tidying /tmp would empty a workspace that lies below it
    if profile.workspace == "scratch":
        writable.append(SCRATCH)
    return marshal.dumps(
        {
            **_code(),
            "limits": rlimits(profile),
            "env": {**ENVIRONMENT, **variables(profile), **profile.env},
            "proxy_port": port_of(profile),
            "module": view.module,
            "file": view.file,
            "by_name": view.by_name,
            "first": view.first,
            "path": (*view.path, *runtime().path),
            "own": tuple(folder.path for folder in view.folders),
            "writable": writable,
            "preload": preload,
            "outside": str(Path("/proc/self/ns/pid").readlink()),
        }
    )


@cache
def _code() -> dict[str, bytes]:
    """The code that runs in a box, compiled once."""
    here = Path(__file__).parent / "inside"
    return {key: marshal.dumps(_compiled(here / f"{name}.py")) for key, name in _PARTS.items()}


def _compiled(file: Path) -> CodeType:
    """A module, compiled with what it asks of the future: asking there would be an import."""
    asks = "from __future__ import annotations"
    source = file.read_text("utf-8").replace(f"\n{asks}\n", "\n\n", 1)
    flags = __future__.annotations.compiler_flag
    code: CodeType = compile(
        source, f"<toolrun {file.stem}>", "exec", flags, dont_inherit=True, optimize=0
    )
    return code


def rlimits(profile: Profile) -> dict[str, int]:
    """The limits that the shim sets for every process of a box."""
    return {
        "RLIMIT_CPU": profile.cpu_seconds,
        "RLIMIT_AS": profile.address_space_bytes,
        "RLIMIT_NPROC": profile.processes,
        "RLIMIT_NOFILE": profile.open_files,
        "RLIMIT_FSIZE": profile.disk_bytes,
        # Not 0: where the host pipes core dumps into a program, that is run for 0, but not for 1.
        "RLIMIT_CORE": 1,
        # Memory of the kernel's: message queues, pages that cannot be swapped, queued signals.
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_MEMLOCK": 65_536,
        "RLIMIT_SIGPENDING": 1_024,
        "RLIMIT_RTPRIO": 0,
    }
