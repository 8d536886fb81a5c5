"""How is a change of the workspace taken back? Only where nobody has changed it since."""

# Descriptors and names inside them: what pathlib has no form for.
from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import anyio

from toolrun.sandbox.layer.keep import make_folder, put
from toolrun.sandbox.layer.layer import Refused
from toolrun.sandbox.layer.lock import lock
from toolrun.sandbox.layer.places import FOLDER, MODE, digest_of, folder_at, status_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.values import FileChange


async def restore(folder: str, changes: Sequence[FileChange]) -> list[Refused]:
    """Take changes back, newest first, and return those that could not be.

    A file that is as it was before the change already (a crash came in between) is left, and so is
    one that is neither as it was before nor as it was after: somebody else changed it.

    Args:
        folder: the workspace, absolute and resolved.
        changes: in the order in which they were made.

    Raises:
        OSError: the workspace cannot be opened.
    """
    workspace = os.open(folder, FOLDER)
    try:
        await lock(workspace)
        return await anyio.to_thread.run_sync(restored, workspace, changes)
    finally:
        os.close(workspace)  # and so it is not held any more


def restored(workspace: int, changes: Sequence[FileChange]) -> list[Refused]:
    """The same, by the descriptor of a workspace that nobody else changes."""
    refused: list[Refused] = []
    for change in reversed(changes):
        try:
            why = _restore(workspace, change)
        except OSError as error:
            why = error.strerror or str(error)
        if why:
            refused.append(Refused(change.path, why))
    return refused


def _restore(workspace: int, change: FileChange) -> str:
    """Take one change back; why not, if not."""
    *above, name = change.path.split("/")
    with folder_at(workspace, tuple(above)) as folder:
        there = status_of(folder, name)
        if change.folder:
            return _folder(workspace, folder, name, there, change)
        now = _state(folder, name, there)
        if now == (change.before_digest, change.before_mode):
            return ""  # it never was changed, or is as it was
        if now != (change.digest, change.mode):
            return "changed since by somebody else"
        if change.change == "created":
            os.unlink(name, dir_fd=folder)
            return ""
        if change.before is None:
            return "what it held is not known any more"
        owner = os.fstat(workspace) if there is None else there
        put(folder, name, [change.before], change.before_mode, owner)
    return ""


def _folder(
    workspace: int, folder: int, name: str, there: os.stat_result | None, change: FileChange
) -> str:
    if change.change == "deleted":
        if there is None:
            make_folder(folder, name, change.before_mode, workspace)
        return ""
    if there is not None:
        os.rmdir(name, dir_fd=folder)
    return ""


def _state(folder: int, name: str, there: os.stat_result | None) -> tuple[str, int]:
    """Digest and permissions of a file; ("", 0) where there is none, as in a change."""
    if there is None:
        return "", 0
    if not stat.S_ISREG(there.st_mode):
        return "no regular file", 0
    return digest_of(folder, name), stat.S_IMODE(there.st_mode) & MODE
