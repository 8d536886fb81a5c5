"""Which files inside a folder must a box not see? .git and .env*, wherever they lie."""

# Paths are bubblewrap's arguments here: strings, resolved once.
# ruff: noqa: PTH116
from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Final

import msgspec

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from toolrun.sandbox.view import Folder, Hide

_MAX_FOLDERS: Final = 20_000
_SETTLED_NS: Final = 100_000_000


class Mask(msgspec.Struct, frozen=True):
    """A path that is covered in the box.

    `inode` tells a file from another one that has replaced it, which a cover does not hide.
    """

    path: str
    is_folder: bool
    inode: int = 0


class _Listing(msgspec.Struct, frozen=True):
    modified: int
    masks: tuple[Mask, ...]
    folders: tuple[str, ...]


class Hider:
    """Finds what to hide, before every call: a file may be new. Unchanged folders cost a `stat`."""

    def __init__(self) -> None:
        self._listings: dict[tuple[str, Hide], _Listing] = {}

    def masks(self, folder: Folder) -> list[Mask]:
        """What to cover below a folder.

        Raises:
            ConfigError: it holds more than 20,000 folders.
        """
        if folder.hide == "nothing":
            return []
        found: list[Mask] = []
        pending = [folder.path]
        seen = 0
        while pending:
            path = pending.pop()
            seen += 1
            if seen > _MAX_FOLDERS:
                raise ConfigError(
                    f"{folder.path}: more than {_MAX_FOLDERS} folders to search for .git and "
                    ".env files before each call; give a smaller folder"
                )
            listing = self._listing(path, folder)
            found += listing.masks
            pending += listing.folders
        return found

    def _listing(self, path: str, folder: Folder) -> _Listing:
        key = (path, folder.hide)
        try:
            status = os.stat(path)
        except OSError:
            return _Listing(0, (), ())  # gone between two looks
        known = self._listings.get(key)
        if known is not None and known.modified == status.st_mtime_ns:
            return known
        listing = _look(path, folder, status.st_mtime_ns)
        # Time stamps are coarse: a folder that changed just now may change again unseen.
        if time.time_ns() - status.st_mtime_ns > _SETTLED_NS:
            self._listings[key] = listing
        return listing


def _look(path: str, folder: Folder, modified: int) -> _Listing:
    masks: list[Mask] = []
    folders: list[str] = []
    try:
        entries = list(os.scandir(path))
    except OSError:
        entries = []  # a file, or a folder that nobody may list
    for entry in entries:
        if _is_hidden(entry.name, folder.hide):
            masks += _mask(entry, folder.path)
        elif entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
    return _Listing(modified, tuple(masks), tuple(folders))


def is_secret(name: str) -> bool:
    """Whether a name is one of .git and .env*; on some file systems .GIT is the same."""
    lower = name.lower()
    return lower == ".git" or lower.startswith(".env")


def _is_hidden(name: str, hide: Hide) -> bool:
    if hide == "dotted":
        return name.startswith(".")
    return is_secret(name)


def _mask(entry: os.DirEntry[str], root: str) -> list[Mask]:
    """A link cannot be covered, what it leads to can; what is outside is not seen anyway."""
    target = os.path.realpath(entry.path)
    inside = target.startswith(root + "/")
    if not inside:
        return []
    try:
        status = os.stat(target)
    except OSError:
        return []
    return [Mask(target, stat.S_ISDIR(status.st_mode), status.st_ino)]
