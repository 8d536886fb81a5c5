"""Which code starts in a box, and how does it get there? Compiled once, sent as bytes."""

from __future__ import annotations

import marshal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.sandbox.view import runtime

if TYPE_CHECKING:
    from toolrun.sandbox.profile import Profile

_BOOT: Final = (
    "import io,marshal,sys;f=io.open(int(sys.argv[1]),'rb');j=marshal.load(f);f.close();"
    "n={'__name__':'toolrun.sandbox.inside.shim'};exec(marshal.loads(j['shim']),n);"
    "n['start'](j,int(sys.argv[2]))"
)
_FLAGS: Final = ("-I", "-S", "-B", "-X", "utf8", "-c", _BOOT)


def python(job: int, result: int) -> tuple[str, ...]:
    """The command that runs the shim: descriptors of what it is given, and of the result's pipe."""
    return (runtime().interpreter, *_FLAGS, str(job), str(result))


@cache
def code() -> dict[str, bytes]:
    """The code that runs in a box, compiled once."""
    here = Path(__file__).parent / "inside"
    names = {"shim": "shim", "arguments_code": "build", "values_code": "values"}
    return {
        key: marshal.dumps(
            compile((here / f"{name}.py").read_bytes(), f"<toolrun {name}>", "exec", optimize=0)
        )
        for key, name in names.items()
    }


def rlimits(profile: Profile) -> dict[str, int]:
    """The limits that the shim sets for every process of a box."""
    return {
        "RLIMIT_CPU": profile.cpu_seconds,
        "RLIMIT_AS": profile.address_space_bytes,
        "RLIMIT_NPROC": profile.processes,
        "RLIMIT_NOFILE": profile.open_files,
        "RLIMIT_FSIZE": profile.disk_bytes,
        "RLIMIT_CORE": 0,
    }
