"""How do changes get into the workspace? Each file at once: a crash leaves the old one or the new.

A file is written under another name beside its own, and renamed. It is not synced: like the journal
by default, the workspace survives the death of the process, and a power cut as other files do.
"""

# Descriptors and names inside them: what pathlib has no form for.
from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from toolrun.sandbox.descriptors import write_all
from toolrun.sandbox.layer.found import stamp
from toolrun.sandbox.layer.layer import Refused
from toolrun.sandbox.layer.places import MODE, chunks, file_at, folder_at, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toolrun.sandbox.layer.found import Stamp
    from toolrun.values import FileChange

_OWN: Final = 0o700


def keep(
    changes: Sequence[FileChange], stamps: Mapping[str, Stamp], layer: int, workspace: int
) -> list[Refused]:
    """Make the changes, and return those that could not be made.

    Args:
        changes: in order, see `Found`.
        stamps: what the files were when they were looked at; one that is no more is left alone.
        layer: descriptor of what the call left.
        workspace: descriptor of the folder to change.
    """
    refused = []
    for change in changes:
        try:
            _keep(change, stamps.get(change.path), layer, workspace)
        except OSError as error:
            refused.append(Refused(change.path, error.strerror or str(error)))
    for change in reversed(changes):
        if change.folder and change.change == "created" and change.mode & _OWN != _OWN:
            with contextlib.suppress(OSError):  # closed to its owner: only once it is filled
                _close(change, workspace)
    return refused


def _close(change: FileChange, workspace: int) -> None:
    with folder_at(workspace, tuple(change.path.split("/"))) as folder:
        os.fchmod(folder, change.mode)


def _keep(change: FileChange, known: Stamp | None, layer: int, workspace: int) -> None:
    *above, name = change.path.split("/")
    with folder_at(workspace, tuple(above)) as folder:
        there = status_of(folder, name)
        is_new = change.change == "created"
        moved = known is not None and there is not None and stamp(there) != known
        if is_new != (there is None) or (moved and not is_new):
            raise OSError("it was changed meanwhile by somebody else")
        match change.change:
            case "deleted" if change.folder:
                os.rmdir(name, dir_fd=folder)
            case "deleted":
                os.unlink(name, dir_fd=folder)
            case _ if change.folder:
                make_folder(folder, name, change.mode | _OWN, workspace)
            case _:
                with folder_at(layer, tuple(above)) as source, file_at(source, name) as content:
                    put(folder, name, chunks(content), change.mode, there or os.fstat(workspace))


def make_folder(folder: int, name: str, mode: int, workspace: int) -> None:
    """Make a folder that belongs to whom the workspace belongs to.

    Raises:
        OSError: it is there, or cannot be made.
    """
    os.mkdir(name, mode, dir_fd=folder)
    if os.geteuid() == 0:
        owner = os.fstat(workspace)
        os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)
    with folder_at(folder, (name,)) as made:
        os.fchmod(made, mode)


def put(folder: int, name: str, content: Iterable[bytes], mode: int, owner: os.stat_result) -> None:
    """Put a file in its place, whole; one that is there is replaced, a link never followed.

    Args:
        folder: descriptor of its folder.
        name: in it.
        content: in pieces.
        mode: permissions.
        owner: whose user and group it gets, where this process may give files away.

    Raises:
        OSError: it could not be written; what was there is there still.
    """
    new = f".toolrun-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o600, dir_fd=folder)
    try:
        try:
            for piece in content:
                write_all(descriptor, piece)
            if os.geteuid() == 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(mode) & MODE)
        finally:
            os.close(descriptor)
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=folder)
        raise
