"""What if the system lacks a shared library that vLLM's CPU build is linked against?

It is libnuma, which no wheel carries and a small Debian lacks. Where the loader does not find it,
Debian's package is fetched and unpacked into the rig's cache, not installed: that needs no root.
"""

from __future__ import annotations

import ctypes
import subprocess
from typing import TYPE_CHECKING

from tests.rig.install import InstallError
from tests.rig.parts import Part

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.versions import Progress

_LIBRARY = "libnuma.so.1"
_PACKAGE = "libnuma1"
_APT_S = 120


def library_folder(progress: Progress) -> Path | None:
    """Give the folder to add to `LD_LIBRARY_PATH`; None where nothing is missing.

    Raises:
        InstallError: it is missing and cannot be fetched; the message says what to install.
    """
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        part = Part("libnuma", (_PACKAGE,), _unpack, f"{_LIBRARY}, which this system lacks")
        return next(part.ensure(progress).glob(f"usr/lib/*/{_LIBRARY}")).parent
    return None


def _unpack(folder: Path) -> None:
    """Fetch and unpack the package, with package lists of our own: the system's may be empty."""
    state, cache = folder / "apt" / "state", folder / "apt" / "cache"
    for each in (state / "lists" / "partial", cache / "archives" / "partial"):
        each.mkdir(parents=True)
    own = [
        *("-o", f"Dir::State={state}", "-o", "Dir::State::status=/var/lib/dpkg/status"),
        *("-o", f"Dir::Cache={cache}", "-o", "APT::Sandbox::User=", "-q"),
    ]
    _run(folder, "apt-get", *own, "update")
    _run(folder, "apt-get", *own, "download", _PACKAGE)
    (package,) = folder.glob("*.deb")
    _run(folder, "dpkg-deb", "-x", package.name, ".")


def _run(folder: Path, *command: str) -> None:
    advice = f"vLLM needs {_LIBRARY}. Install it: apt-get install {_PACKAGE}"
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_APT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{advice}\n({error})") from error
    if done.returncode:
        raise InstallError(f"{advice}\n({' '.join(command)}: {done.stdout})")
