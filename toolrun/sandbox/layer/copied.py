"""What if no overlay can be had? Then a layer begins as a copy of the workspace.

It is as large as the workspace, so only what fits the profile is copied, and it takes the time that
this takes, before each call. What was copied is remembered by inode and time of change, which no
tool can set, so that only what it changed is looked at afterwards.
"""

# Descriptors and names inside them: what pathlib has no form for.
# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.descriptors import write_all
from toolrun.sandbox.hidden import is_secret
from toolrun.sandbox.layer.places import MODE, chunks, file_at, folder_at, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolrun.sandbox.layer.layer import Parts
    from toolrun.sandbox.profile import Profile


class Copied:
    """How a layer that began as a copy says what changed: by what was copied.

    Args:
        uid: the owner of the copies; None for this process's own user.
    """

    def __init__(self, uid: int | None) -> None:
        self._uid = uid
        self._known: dict[Parts, tuple[int, int]] = {}
        self._names: dict[Parts, list[str]] = {}

    def unchanged(self, parts: Parts, status: os.stat_result) -> bool:
        """See `Marks.unchanged`; folders are always looked into."""
        return self._known.get(parts) == (status.st_ino, status.st_ctime_ns)

    def is_whiteout(self, status: os.stat_result) -> bool:  # noqa: ARG002 - see Marks
        """See `Marks.is_whiteout`: what is gone leaves nothing."""
        return False

    def gone(self, parts: Parts, layer: int, workspace: Sequence[str]) -> Iterable[str]:
        """See `Marks.gone`; what came into the workspace since was never here."""
        left, copied = set(os.listdir(layer)), self._names.get(parts, [])
        there = set(workspace)
        return [name for name in copied if name not in left and name in there]

    def take(self, source: int, target: int, parts: Parts) -> None:
        """Copy what one folder holds; of secrets only the names, so that they can be covered.

        Raises:
            OSError: it does not fit, or cannot be read.
        """
        with folder_at(source, parts) as above, folder_at(target, parts) as below:
            names = sorted(os.listdir(above))
            self._names[parts] = names
            folders = [name for name in names if self._one(above, below, (*parts, name))]
        for name in folders:
            self.take(source, target, (*parts, name))

    def _one(self, above: int, below: int, parts: Parts) -> bool:
        """Copy one entry; whether it is a folder to go into."""
        name, status = parts[-1], status_of(above, parts[-1])
        if status is None:
            return False
        mode, secret = stat.S_IMODE(status.st_mode) & MODE, is_secret(name)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(name, mode | 0o700, dir_fd=below)
        elif stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=above), name, dir_fd=below)
        elif stat.S_ISREG(status.st_mode):
            _copy(above, below, name, mode, with_content=not secret)
        else:
            return False
        if self._uid is not None:
            os.chown(name, self._uid, self._uid, dir_fd=below, follow_symlinks=False)
        copy = os.stat(name, dir_fd=below, follow_symlinks=False)
        if secret or not stat.S_ISDIR(status.st_mode):
            self._known[parts] = (copy.st_ino, copy.st_ctime_ns)
        return stat.S_ISDIR(status.st_mode) and not secret


def copy_in(folder: str, layer: int, uid: int | None, profile: Profile, why: str) -> Copied:
    """Copy a workspace into a layer, which the profile has sized.

    Args:
        folder: the workspace.
        layer: descriptor of the layer's folder.
        uid: the owner of the copies; None for this process's own user.
        profile: says in the error how much would fit.
        why: why no overlay does it.

    Raises:
        SandboxUnavailable: it does not fit, or something in it cannot be read.
    """
    copied = Copied(uid)
    source = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        copied.take(source, layer, ())
    except OSError as error:
        raise SandboxUnavailable(
            f"sandbox: workspace {folder}: {why}, and it cannot be copied for the call instead: "
            f"{error.strerror} (at most {profile.disk_bytes >> 20} MiB and {profile.inodes} files, "
            f"profile {profile.name!r}). Give a smaller folder that you own, raise disk_bytes and "
            'inodes, or use a profile with workspace = "read-only"'
        ) from error
    finally:
        os.close(source)
    return copied


def _copy(above: int, below: int, name: str, mode: int, *, with_content: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, mode | 0o400, dir_fd=below)
    with open(descriptor, "wb", buffering=0) as target:
        if with_content:
            with file_at(above, name) as source:
                for chunk in chunks(source):
                    write_all(target.fileno(), chunk)
        os.fchmod(descriptor, mode)
