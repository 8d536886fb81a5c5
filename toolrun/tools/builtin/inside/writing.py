"""How does a box change the files of a workspace? All that a call changes, or nothing of it."""

# Names, not objects: pathlib is an import that every box would pay for.
# ruff: noqa: PTH102, PTH106, PTH108, PTH112, PTH118, PTH120, PTH123
from __future__ import annotations

import contextlib
import errno
import os

from toolrun.tools.builtin.inside import places
from toolrun.tools.builtin.inside.changes import Change, changes
from toolrun.tools.builtin.inside.places import Unfit

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Folder:
    """The files of a workspace, as `changes.Files`.

    Args:
        root: absolute, links resolved.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def text(self, path: str) -> str:
        """See `places.text_at`."""
        return places.text_at(self.root, path, change=True)

    def free(self, path: str) -> str:
        """A path where nothing is yet; its folders may be missing, too."""
        real = places.place(self.root, path, change=True)
        if path.endswith("/"):
            raise Unfit(f"{path}: names a folder; give a file's path, its folders are made")
        if os.path.lexists(os.path.join(self.root, path)) or os.path.lexists(real):
            raise Unfit(f"{path}: is there already")
        above = os.path.dirname(real)
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if not os.path.isdir(above):
            raise Unfit(f"{path}: {places.relative(self.root, above)} is no folder")
        return places.relative(self.root, real)

    def kept(self, path: str) -> str:
        """A path as it is kept."""
        return places.relative(self.root, places.place(self.root, path, change=True))


def apply(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make the changes of a call in the working directory: `text` for the model, or `error`."""
    root = os.path.realpath(os.getcwd())  # noqa: PTH109 - as above
    try:
        found = changes(name, arguments, Folder(root))
        write(root, found)
    except Unfit as error:
        return {"error": str(error)}
    return {"text": "\n".join(map(_said, found))}


def write(root: str, found: list[Change]) -> None:
    """Write changes; where one cannot be made, those before it are taken back.

    Raises:
        Unfit: nothing was changed; the message says why.
    """
    done: list[Change] = []
    made: list[str] = []
    for change in found:
        try:
            _make(root, change, made)
        except OSError as error:
            for each in reversed([*done, change]):
                with contextlib.suppress(OSError):
                    _put(os.path.join(root, each.path), each.before)
            for folder in reversed(made):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            raise Unfit(_why(change.path, error)) from error
        done.append(change)


def _make(root: str, change: Change, made: list[str]) -> None:
    path = os.path.join(root, change.path)
    missing = []
    above = os.path.dirname(path)
    while change.after is not None and not os.path.isdir(above):
        missing.append(above)
        above = os.path.dirname(above)
    for folder in reversed(missing):
        os.mkdir(folder)
        made.append(folder)
    _put(path, change.after)


def _put(path: str, text: str | None) -> None:
    """Have a file hold a text; None: have none there."""
    if text is None:
        if os.path.lexists(path):
            os.unlink(path)
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def _why(path: str, error: OSError) -> str:
    if error.errno == errno.EROFS:
        return (
            f"{path}: not changed: this session's profile lets no tool write to the workspace. "
            "Tell the user what you would change"
        )
    if error.errno in (errno.ENOSPC, errno.EFBIG):
        return f"{path}: not changed: it is more than the sandbox has room for; nothing was written"
    return f"{path}: not changed: {error.strerror}; nothing was written"


def _said(change: Change) -> str:
    if change.before is None:
        what, lines = "created", (change.after or "").count("\n")
        what = f"created, {lines} line{'' if lines == 1 else 's'}"
    elif change.after is None:
        what = "deleted"
    else:
        what = "changed"
    said = f"\n{change.said}" if "\n" in change.said or "\t" in change.said else change.said
    joint = ":" if said.startswith("\n") else " (" if said else ""
    return f"{change.path}: {what}{joint}{said}{')' if joint == ' (' else ''}"
