"""What did a tool change? Looks at its layer, from outside, once its box is gone.

Nothing that the layer holds is believed: names, kinds, numbers and sizes are held against what may
be kept, and what may not is told of, and left where it is.
"""

# Descriptors and names inside them: what pathlib has no form for.
# ruff: noqa: PTH208
from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Any, Final, Literal

from toolrun.sandbox.hidden import is_secret
from toolrun.sandbox.layer.layer import Refused
from toolrun.sandbox.layer.places import MODE, content_of, digest_of, folder_at, status_of, unlock
from toolrun.values import FileChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from toolrun.sandbox.layer.layer import Marks, Parts
    from toolrun.sandbox.profile import Profile

_DEPTH: Final = 64
_PATH_BYTES: Final = 4_000
_MOST_REFUSED: Final = 100
_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

Change = Literal["created", "modified", "deleted"]
Stamp = tuple[int, int, int, int]
"""Inode, size, time of change, mode: what tells that a file is still what was looked at."""


class Overlaid:
    """How a layer says what is not there any more: by marks of an overlay."""

    def unchanged(self, parts: Parts, status: os.stat_result) -> bool:  # noqa: ARG002 - see Marks
        """Whether something in the layer is as it was at its beginning."""
        return False

    def is_whiteout(self, status: os.stat_result) -> bool:
        """Whether it stands for something that was deleted."""
        return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0

    def gone(self, parts: Parts, layer: int, workspace: Sequence[str]) -> Iterable[str]:  # noqa: ARG002 - see Marks
        """The names in a folder of the workspace that a folder of the layer has no more."""
        try:
            replaced = os.getxattr(layer, "user.overlay.opaque") == b"y"
        except OSError:
            return ()
        names = set(os.listdir(layer))
        return [name for name in workspace if name not in names] if replaced else ()


class Found:
    """What is to be changed in the workspace, in an order in which it can be.

    Args:
        layer, workspace: descriptors of the two folders.
        marks: how the layer says what is gone.
        profile: `disk_bytes` bounds what is written in all, and what is kept to be restored;
            `inodes` bounds the number of changes.

    Attributes:
        changes: in order: what is removed comes before what takes its place.
        stamps: of each file that was there before, by its path.
        refused: what is not kept, and why.
    """

    def __init__(self, layer: int, workspace: int, marks: Marks, profile: Profile) -> None:
        self.changes: list[FileChange] = []
        self.stamps: dict[str, Stamp] = {}
        self.refused: list[Refused] = []
        self._layer = layer
        self._workspace = workspace
        self._marks = marks
        self._most = profile.inodes
        self._writable = self._restorable = profile.disk_bytes
        status = os.fstat(layer)
        if status.st_uid == os.geteuid():  # a tool may have closed the whole of it
            os.fchmod(layer, stat.S_IMODE(status.st_mode) | 0o700)
        self._folder(())

    def _folder(self, parts: Parts) -> None:
        """Look at one folder of the layer, which is or will be one of the workspace."""
        with folder_at(self._layer, parts) as layer:
            there = self._names(parts)
            for name in self._marks.gone(parts, layer, there):
                self._remove((*parts, name))
            for name in sorted(os.listdir(layer)):
                if (status := status_of(layer, name)) is not None:
                    self._entry(layer, (*parts, name), status)

    def _entry(self, layer: int, parts: Parts, status: os.stat_result) -> None:
        if self._marks.unchanged(parts, status):
            return
        why = self._unfit(parts, status) or _link(layer, parts, status)
        if why:
            self._refuse(parts, why)
        elif self._marks.is_whiteout(status):
            self._remove(parts)
        elif stat.S_ISDIR(status.st_mode):
            unlock(layer, parts[-1], status)
            self._made(parts, status)
        elif stat.S_ISREG(status.st_mode):
            unlock(layer, parts[-1], status)
            self._written(layer, parts, status)
        else:
            what = next((what for is_one, what in _KINDS if is_one(status.st_mode)), "no file")
            self._refuse(parts, what)

    def _unfit(self, parts: Parts, status: os.stat_result) -> str:
        """Why nothing of this name is kept, whatever it is."""
        name = parts[-1]
        if why := _protected(name, status):
            return why
        try:
            size = len("/".join(parts).encode())
        except UnicodeEncodeError:
            return "its name is no UTF-8"
        if not name.isprintable():
            return "its name has control characters"
        if len(parts) > _DEPTH or size > _PATH_BYTES:
            return f"deeper than {_DEPTH} folders, or a longer path than {_PATH_BYTES} bytes"
        if len(self.changes) >= self._most and not stat.S_ISDIR(status.st_mode):
            return f"more than {self._most} changes in one call"
        return ""

    def _made(self, parts: Parts, status: os.stat_result) -> None:
        """A folder of the layer: new in the workspace, or one that is there."""
        there = self._there(parts)
        if there is None or self._replaced(parts, there, stat.S_ISDIR):
            if len(self.changes) >= self._most:
                self._refuse(parts, f"more than {self._most} changes in one call")
                return
            mode = stat.S_IMODE(status.st_mode) & MODE
            self._change(parts, "created", folder=True, mode=mode)
        elif not stat.S_ISDIR(there.st_mode):
            return  # told already
        self._folder(parts)

    def _written(self, layer: int, parts: Parts, status: os.stat_result) -> None:
        if status.st_size > self._writable:
            self._refuse(parts, "the call wrote more than its disk holds")
            return
        there = self._there(parts)
        mode = stat.S_IMODE(status.st_mode) & MODE
        if there is not None and not stat.S_ISREG(there.st_mode):
            if not self._replaced(parts, there, stat.S_ISREG):
                return
            there = None
        before: dict[str, Any] = {}
        if there is not None:
            known = self._before(parts, there)
            if known is None:
                return
            before = known
        digest = digest_of(layer, parts[-1])
        if before.get("before_digest") == digest and before.get("before_mode") == mode:
            self._restorable += there.st_size if there is not None else 0
            return  # written as it was
        self._writable -= status.st_size
        change: Change = "created" if there is None else "modified"
        self._change(parts, change, digest=digest, size=status.st_size, mode=mode, **before)

    def _replaced(
        self, parts: Parts, there: os.stat_result, is_same: Callable[[int], bool]
    ) -> bool:
        """Whether what stands in the way of something of another kind is removed."""
        return not is_same(there.st_mode) and self._remove(parts)

    def _remove(self, parts: Parts) -> bool:
        """Remove a file, or a folder with all that is in it; whether nothing of it stays."""
        there = self._there(parts)
        if there is None:
            return True
        if why := self._unremovable(parts, there):
            self._refuse(parts, f"its removal: {why}")
            return False
        if stat.S_ISDIR(there.st_mode):
            kept = [name for name in self._names(parts) if not self._remove((*parts, name))]
            if not kept:
                mode = stat.S_IMODE(there.st_mode) & MODE
                self._change(parts, "deleted", folder=True, before_mode=mode)
            return not kept
        before = self._before(parts, there)
        if before is None:
            return False
        self._change(parts, "deleted", **before)
        return True

    def _unremovable(self, parts: Parts, there: os.stat_result) -> str:
        if _is_protected(parts[-1]):
            return "protected"
        if len(self.changes) >= self._most or len(parts) > _DEPTH:
            return f"more than {self._most} changes, or deeper than {_DEPTH} folders"
        if not stat.S_ISDIR(there.st_mode) and not stat.S_ISREG(there.st_mode):
            return "no regular file, a link perhaps"
        return ""

    def _before(self, parts: Parts, there: os.stat_result) -> dict[str, Any] | None:
        """What is needed to restore a file of the workspace; None where that is too much."""
        if there.st_size > self._restorable:
            self._refuse(parts, "what it held is more than can be kept to be restored")
            return None
        try:
            with folder_at(self._workspace, parts[:-1]) as folder:
                content = content_of(folder, parts[-1])
        except OSError as error:
            self._refuse(parts, f"what it held cannot be read ({error.strerror or error})")
            return None
        self._restorable -= len(content)
        self.stamps["/".join(parts)] = stamp(there)
        return {
            "before": content,
            "before_digest": hashlib.sha256(content).hexdigest(),
            "before_size": len(content),
            "before_mode": stat.S_IMODE(there.st_mode) & MODE,
        }

    def _there(self, parts: Parts) -> os.stat_result | None:
        """What the workspace has in this place, links not followed."""
        try:
            with folder_at(self._workspace, parts[:-1]) as folder:
                return status_of(folder, parts[-1])
        except OSError:
            return None

    def _names(self, parts: Parts) -> list[str]:
        try:
            with folder_at(self._workspace, parts) as folder:
                return sorted(os.listdir(folder))
        except OSError:
            return []

    def _change(self, parts: Parts, change: Change, **fields: Any) -> None:
        self.changes.append(FileChange(path="/".join(parts), change=change, **fields))

    def _refuse(self, parts: Parts, why: str) -> None:
        if len(self.refused) < _MOST_REFUSED:
            self.refused.append(Refused("/".join(parts), why))


_REPOSITORY: Final = "HEAD"
"""With it, `objects` and `refs` any folder is a repository to git (git-config,
safe.bareRepository), and `git status` in it runs the `core.fsmonitor` of its `config`."""


def stamp(status: os.stat_result) -> Stamp:
    """What tells that a file is still what was looked at."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode


def _protected(name: str, status: os.stat_result) -> str:
    """Why a name is kept of nobody; empty where it may be."""
    if _is_protected(name):
        return "protected: .git, .env* and toolrun.toml are not for tools"
    if name == _REPOSITORY and stat.S_ISREG(status.st_mode):
        return "git takes a folder that has it for a repository, and runs what its config says"
    return ""


def _is_protected(name: str) -> bool:
    """Whether a name is of what is not for tools: secrets, and what says what tools may do."""
    return is_secret(name) or name.lower() == "toolrun.toml"


def _link(layer: int, parts: Parts, status: os.stat_result) -> str:
    if not stat.S_ISLNK(status.st_mode):
        return ""
    return f"a link to {os.readlink(parts[-1], dir_fd=layer)}"
